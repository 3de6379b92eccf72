"""The three dashboards as code: `python deploy/grafana/build.py` writes dashboards/*.json, which Grafana loads.

Each panel is one line: kind, title, unit, and its queries. A test builds them again, so edit this file, never the JSON.
"""

import copy
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SIZES = {"stat": (4, 4), "timeseries": (12, 8), "table": (24, 8), "state-timeline": (12, 6)}      # of 24 columns

# What a panel is: its kind, title and unit, and its queries by their legend.
Panel = tuple[str, str, str, dict[str, str]]

CREW: list[Panel] = [
    ("stat", "Open alarms", "none", {"": "max(oilcan_alarms_open)"}),
    ("stat", "Machines above the threshold", "none", {"": "max(oilcan_machines_above_threshold)"}),
    ("stat", "Alarms held back", "none", {"": "max(oilcan_alarms_held_back)"}),
    ("stat", "Machines known", "none", {"": "max(oilcan_machines)"}),
    ("stat", "Silent for a day", "none", {"": 'max(oilcan_machines_silent{longer_than="1d"})'}),
    ("stat", "Last reading arrived", "s", {"": "min(oilcan_last_reading_age_seconds)"}),
    ("timeseries", "Open alarms", "none", {"open": "max(oilcan_alarms_open)",
                                           "held back": "max(oilcan_alarms_held_back)"}),
    ("timeseries", "Risk of the fleet", "percentunit",
     {"{{quantile}}": 'max by (quantile) (oilcan_forecast_quantile{window="last"})'}),
    ("timeseries", "Machines with a faulty sensor", "none",
     {"{{sensor}}: {{fault}}": 'max by (sensor, fault) (oilcan_quality_machines{window="last"})'}),
    ("timeseries", "Readings that are missing", "percentunit",
     {"{{sensor}}": 'max by (sensor) (oilcan_quality_ratio{fault="missing", window="last"})'}),
    ("table", "What the forecasts rest on: open alerts", "none", {"": "oilcan:alert_open == 1"}),
]
ENGINEER: list[Panel] = [
    ("state-timeline", "Verdict", "none", {"{{state}}": "max by (state) (oilcan_monitoring_state)"}),
    ("state-timeline", "Cannot tell", "none", {"{{subject}}": "max by (subject) (oilcan_monitoring_cannot_tell)"}),
    ("table", "Open alerts", "none", {"": "oilcan:alert_open == 1"}),
    ("timeseries", "Open alerts by rule", "none",
     {"{{rule}}": "sum by (rule) (max by (rule, severity) (oilcan_alerts_active))"}),
    ("timeseries", "Drift of each sensor (1 is the limit)", "none",
     {"{{sensor}} {{statistic}}": "max by (sensor, statistic) (oilcan_input_drift_of_limit)"}),
    ("timeseries", "Operating conditions, in standard deviations (context)", "none",
     {"{{condition}}": "max by (condition) (oilcan_condition_shift)"}),
    ("timeseries", "Distance of the forecasts from the reference (PSI)", "none",
     {"psi": "max(oilcan_forecast_psi)", "mean probability": 'max(oilcan_forecast_mean{window="last"})'}),
    ("timeseries", "Failures: expected and observed", "none",
     {"expected": "max(oilcan_outcome_expected_failures)", "observed": "max(oilcan_outcome_observed_failures)",
      "announced": 'max(oilcan_outcome_failures_announced{role="active"})'}),
    ("timeseries", "Cost a machine and month", "currencyEUR",
     {"{{role}}": "max by (role) (oilcan_outcome_cost_eur_per_machine_month)",
      "promised": "max(oilcan_promised_cost_eur_per_machine_month)"}),
    ("timeseries", "Estimated before outcomes are known", "percentunit",
     {"{{figure}}": "max by (figure) (oilcan_estimate)"}),
    ("timeseries", "Alarms a machine and month", "none",
     {"raised": "max(oilcan_alarms_per_machine_month)",
      "false": 'max(oilcan_outcome_false_alarms_per_machine_month{role="active"})'}),
    ("timeseries", "Challenger and champion", "percentunit",
     {"would decide differently": "max(oilcan_shadow_disagreement_ratio)",
      "mean difference": "max(oilcan_shadow_difference_mean)"}),
    ("timeseries", "Outcomes known", "percentunit", {"share": "max(oilcan_outcome_known_ratio)"}),
    ("state-timeline", "Newest decision", "none", {"{{action}}": "max by (action) (oilcan_decision_info)"}),
    ("stat", "Age of the model", "s", {"": "max(oilcan_bundle_age_seconds)"}),
    ("stat", "Models in service", "none", {"{{role}}": "count by (role) (max by (digest, role) (oilcan_bundle_info))"}),
    ("stat", "New machines", "none", {"": 'max(oilcan_new_machines{window="last"})'}),
]
OPERATIONS: list[Panel] = [
    ("stat", "Service up", "none", {"{{instance}}": 'up{job="oilcan"}'}),
    ("stat", "Ready", "none", {"{{instance}}": "oilcan_ready"}),
    ("stat", "Store answers", "none", {"{{instance}}": "oilcan_store_up"}),
    ("stat", "Disk free", "percentunit", {"{{instance}}": "oilcan:store_disk_free:ratio"}),
    ("stat", "Errors of the service (5xx)", "percentunit", {"": "oilcan:requests:error_ratio_5m"}),
    ("stat", "Last reading arrived", "s", {"{{instance}}": "oilcan_last_reading_age_seconds"}),
    ("timeseries", "Requests", "reqps",
     {"{{status}}": "sum by (status) (rate(oilcan_requests_total[$__rate_interval]))"}),
    ("timeseries", "Slowest request in a hundred", "s", {"{{route}}": "oilcan:request_seconds:p99_5m"}),
    ("timeseries", "Readings by what became of them", "cps", {"{{outcome}}": "oilcan:readings:rate_5m"}),
    ("timeseries", "Values outside the range, kept aside", "cps",
     {"{{column}}": "sum by (column) (rate(oilcan_values_set_aside_total[$__rate_interval]))"}),
    ("timeseries", "Silent machines", "none",
     {"longer than {{longer_than}}": "max by (longer_than) (oilcan_machines_silent)"}),
    ("timeseries", "Monitoring is behind", "none", {"{{instance}}": "oilcan_monitoring_behind_entries"}),
    ("state-timeline", "Which replica monitors, saves and tidies up", "none", {"{{instance}}": "oilcan_on_duty"}),
    ("timeseries", "Processor time of the monitoring", "percentunit",
     {"{{instance}}": "rate(oilcan_monitoring_seconds_total[$__rate_interval])"}),
    ("timeseries", "Memory of the monitoring", "bytes", {"{{instance}}": "oilcan_monitoring_cells_bytes"}),
    ("timeseries", "Failed rounds of the monitoring", "none",
     {"{{instance}}": "increase(oilcan_monitoring_errors_total[$__rate_interval])"}),
    ("timeseries", "Forecasts made", "cps",
     {"{{role}}": "sum by (role) (rate(oilcan_forecasts_total[$__rate_interval]))"}),
]
DASHBOARDS = {"crew": ("Oilcan: crew chief", CREW), "engineer": ("Oilcan: engineer", ENGINEER),
              "operations": ("Oilcan: operations", OPERATIONS)}


def panel(number: int, spec: Panel, x: int, y: int) -> dict[str, Any]:
    """One panel at a place of the grid."""
    kind, title, unit, queries = spec
    width, height = SIZES[kind]
    is_now = kind in ("stat", "table")
    targets = [{"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": query, "legendFormat": legend or title,
                "range": not is_now, "instant": is_now} | ({"format": "table"} if kind == "table" else {})
               for at, (legend, query) in enumerate(queries.items())]
    return {"id": number, "type": kind, "title": title, "datasource": SOURCE, "targets": targets,
            "gridPos": {"x": x, "y": y, "w": width, "h": height},
            "fieldConfig": {"defaults": {"unit": unit}, "overrides": []}, "options": copy.deepcopy(OPTIONS[kind])}


OPTIONS: dict[str, dict[str, Any]] = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "textMode": "auto",
             "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
             "wideLayout": True, "showPercentChange": False, "percentChangeColorMode": "standard"},
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                   "tooltip": {"mode": "multi", "sort": "desc"}},
    "table": {"showHeader": True, "cellHeight": "sm"},
    "state-timeline": {"showValue": "never", "rowHeight": 0.9, "mergeValues": True,
                       "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
                       "tooltip": {"mode": "single", "sort": "none"}},
}  # fmt: skip


def dashboard(name: str) -> dict[str, Any]:
    """One dashboard; its panels flow from left to right and down."""
    title, specs = DASHBOARDS[name]
    panels, x, y, tallest = [], 0, 0, 0
    for number, spec in enumerate(specs, start=1):
        width, height = SIZES[spec[0]]
        if x + width > 24:
            x, y, tallest = 0, y + tallest, 0
        panels.append(panel(number, spec, x, y))
        x, tallest = x + width, max(tallest, height)
    choice = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"}
    return {"uid": f"oilcan-{name}", "title": title, "tags": ["oilcan"], "schemaVersion": 42, "editable": False,
            "time": {"from": "now-24h", "to": "now"}, "refresh": "30s", "timezone": "utc",
            "templating": {"list": [choice]}, "panels": panels}


def main() -> None:
    """Write all three."""
    for name in DASHBOARDS:
        text = json.dumps(dashboard(name), indent=1) + "\n"
        (HERE / f"dashboards/{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
