"""Names, labels and meaning of what monitoring shows at /metrics; docs/metrics.md is written from this table.

Every label has few values: sensors and slices come from the contract, the rest is listed here. No machine is a label.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Labels = tuple[str, ...]
Samples = Mapping[str, Mapping[Labels, float]]

SUBJECTS: Final = ("reference", "readings", "inputs", "outcomes", "store", "monitoring")
FAULTS: Final = ("missing", "out_of_range", "stuck", "unit_changed")
RULES: Final = ("missing", "outside", "resting", "unit", "silent", "late", "conflicting", "clock", "new_machines",
                "new_kind", "shift", "together", "psi", "wasserstein", "rate")
SEVERITIES: Final = ("warning", "alert")
STATES: Final = ("calm", "alert", "unknown")
ACTIONS: Final = ("nothing", "collect", "recalibrate", "retrain", "cannot_tell")
SILENT_FOR: Final = {"1h": 3_600, "6h": 21_600, "1d": 86_400, "7d": 604_800}
MOST_OPEN: Final = 50                   # open alerts that are listed one by one


@dataclass(frozen=True)
class Shown:
    """One metric.

    Attributes
    ----------
    name
        As it stands at /metrics.
    group
        Heading under which the page lists it.
    values
        What each label may be, in words.
    """

    name: str
    group: str
    kind: Literal["gauge", "counter"]
    meaning: str
    labels: Labels = ()
    values: Labels = ()


_WINDOW: Final = "`last`, `current`"
_SENSOR: Final = "column of the contract"
_ROLE: Final = "`active`, `shadow`"

TABLE: Final = (
    Shown("oilcan_ready", "Service", "gauge", "1 if /readyz says ready, else 0."),
    Shown("oilcan_on_duty", "Service", "gauge", "1 if this replica monitors, saves and tidies up for all on its store, "
          "else 0; 1 for a service alone."),
    Shown("oilcan_store_up", "Service", "gauge", "1 if the last call of the store was answered, else 0."),
    Shown("oilcan_store_disk_free_bytes", "Service", "gauge", "Free space where the SQLite store lies; absent for "
          "PostgreSQL."),
    Shown("oilcan_store_disk_size_bytes", "Service", "gauge", "Size of that file system; absent for PostgreSQL."),
    Shown("oilcan_bundle_age_seconds", "Service", "gauge", "From the end of the data that the model learned from to "
          "now (to the newest reading with `--clock data`); absent where machines count cycles."),
    Shown("oilcan_last_reading_age_seconds", "Service", "gauge", "Since a new reading was last received, by the clock "
          "of the machine that serves."),
    Shown("oilcan_newest_reading_timestamp_seconds", "Service", "gauge", "Time of the newest reading of a machine, the "
          "median over the machines; absent where machines count cycles."),
    Shown("oilcan_machines_silent", "Service", "gauge", "Machines without a new reading for so long, of those that "
          "reported in the last four weeks.", ("longer_than",), ("`1h`, `6h`, `1d`, `7d`",)),

    Shown("oilcan_monitoring_state", "Verdict", "gauge", "1 for the verdict of the newest whole window, 0 for the "
          "others. `unknown` means that nobody can know; it is 1 too while nothing has been judged.", ("state",),
          ("`calm`, `alert`, `unknown`",)),
    Shown("oilcan_monitoring_cannot_tell", "Verdict", "gauge", "1 if this could not be judged, else 0: too little "
          "data, no reference or a damaged one, a store that does not answer, an error of the monitoring itself.",
          ("subject",), ("`reference`, `readings`, `inputs`, `outcomes`, `store`, `monitoring`",)),
    Shown("oilcan_monitoring_window_end_timestamp_seconds", "Verdict", "gauge", "End of the newest window that was "
          "judged; absent where machines count cycles."),
    Shown("oilcan_monitoring_judged_timestamp_seconds", "Verdict", "gauge", "Moment of the latest verdict."),
    Shown("oilcan_monitoring_behind_entries", "Verdict", "gauge", "Entries of the store's log that are not counted "
          "yet; 0 where another replica monitors."),
    Shown("oilcan_monitoring_cells_bytes", "Verdict", "gauge", "Memory of the counts by machine, day and column, of "
          "the replica that monitors."),
    Shown("oilcan_monitoring_errors_total", "Verdict", "counter", "Rounds of the monitoring that failed."),
    Shown("oilcan_monitoring_seconds_total", "Verdict", "counter", "Processor time that the monitoring has taken."),

    Shown("oilcan_alerts_active", "Alerts", "gauge", "Open alerts by rule and severity; 0 where there is none.",
          ("rule", "severity"), (", ".join(f"`{rule}`" for rule in RULES), "`warning`, `alert`")),
    Shown("oilcan_alert_open", "Alerts", "gauge", f"1 for each open alert, the worst {MOST_OPEN} of them, with the "
          "words of its diagnosis.", ("rule", "subject", "severity", "cause", "scope"),
          ("as above", "column, kind of event, or kind of machine", "`warning`, `alert`", "most likely cause",
           "`one machine`, `some machines`, `the fleet`, or a kind such as `all machines of model P900`")),

    Shown("oilcan_window_readings", "Recording", "gauge", "Readings of the window.", ("window",), (_WINDOW,)),
    Shown("oilcan_window_machines", "Recording", "gauge", "Machines with readings in the window.", ("window",),
          (_WINDOW,)),
    Shown("oilcan_quality_ratio", "Recording", "gauge", "Mean over the machines: share of readings that are missing or "
          "out of range, share of days on which the sensor never moved.", ("sensor", "fault", "window"),
          (_SENSOR, "`missing`, `out_of_range`, `stuck`", _WINDOW)),
    Shown("oilcan_quality_machines", "Recording", "gauge", "Machines beyond the limit of the fault.",
          ("sensor", "fault", "window"), (_SENSOR, "`missing`, `out_of_range`, `stuck`, `unit_changed`", _WINDOW)),
    Shown("oilcan_window_late_readings", "Recording", "gauge", "Readings of the window that came after it was over, "
          "and after readings of a later window.", ("window",), (_WINDOW,)),
    Shown("oilcan_clock_ahead_machines", "Recording", "gauge", "Machines whose clock is ahead of the fleet by more "
          "than a window, or that sent readings from more than an hour in the future."),
    Shown("oilcan_clock_ahead_seconds", "Recording", "gauge", "How far the farthest of them is ahead."),
    Shown("oilcan_silent_machines", "Recording", "gauge", "Machines that reported in the window before and not in this "
          "one, without a failure that explains it.", ("window",), ("`last`",)),
    Shown("oilcan_unknown_codes", "Recording", "gauge", "Codes, components or modes of the last window that the "
          "reference does not know.", ("table",), ("`errors`, `maintenance`, `failures`",)),
    Shown("oilcan_new_machines", "Recording", "gauge", "Reporting machines that the reference does not know.",
          ("window",), (_WINDOW,)),
    Shown("oilcan_new_kinds", "Recording", "gauge", "Values of a slice that the reference does not know, such as a new "
          "model or site.", ("slice", "window"), ("column of `slices` in the contract", "`last`")),

    Shown("oilcan_input_drift", "Inputs", "gauge", "Distance of the readings from the reference, operating conditions "
          "taken out; [monitoring](monitoring.md) explains the statistics.", ("sensor", "statistic", "window"),
          (_SENSOR, "`shift`, `together`, `largest`, `psi`, `wasserstein`", "`last`")),
    Shown("oilcan_input_drift_of_limit", "Inputs", "gauge", "The same on the scale of its limit: 1 is the limit.",
          ("sensor", "statistic", "window"), (_SENSOR, "as above", "`last`")),
    Shown("oilcan_condition_shift", "Inputs", "gauge", "How far the mean of an operating condition lies from the "
          "reference, in standard deviations: context, not drift.", ("condition", "window"), (_SENSOR, "`last`")),

    Shown("oilcan_forecast_quantile", "Forecasts", "gauge", "Quantile of the probabilities of the headline forecast.",
          ("quantile", "window"), ("`0.1`, `0.5`, `0.9`, `0.99`", "`last`")),
    Shown("oilcan_forecast_mean", "Forecasts", "gauge", "Their mean.", ("window",), ("`last`",)),
    Shown("oilcan_forecast_psi", "Forecasts", "gauge", "Population stability index against the forecasts of the "
          "reference.", ("window",), ("`last`",)),
    Shown("oilcan_alarms_per_machine_month", "Forecasts", "gauge", "Alarms that the policy raised in the window.",
          ("window",), ("`last`",)),
    Shown("oilcan_machines_above_threshold", "Forecasts", "gauge", "Machines whose newest forecast reaches the "
          "threshold."),
    Shown("oilcan_alarms_open", "Forecasts", "gauge", "Machines with an open alarm."),
    Shown("oilcan_alarms_held_back", "Forecasts", "gauge", "Alarms that the crew's weekly budget held back, of the "
          "last nine windows."),
    Shown("oilcan_shadow_disagreement_ratio", "Forecasts", "gauge", "Share of the window's forecasts on which champion "
          "and challenger would decide differently; absent without a challenger.", ("window",), ("`last`",)),
    Shown("oilcan_shadow_difference_mean", "Forecasts", "gauge", "Mean absolute difference of the two probabilities; "
          "absent without a challenger.", ("window",), ("`last`",)),
    Shown("oilcan_estimate", "Forecasts", "gauge", "Estimated from the calibrated probabilities alone, before outcomes "
          "are known. It cannot see a changed mechanism.", ("figure", "window"),
          ("`average_precision`, `precision`, `recall`", "`last`")),

    Shown("oilcan_outcome_known_ratio", "Outcomes", "gauge", "Share of the forecasts of the last eight windows whose "
          "outcome is known. The other figures of this group are about those windows."),
    Shown("oilcan_outcome_failures", "Outcomes", "gauge", "Failures that were recorded."),
    Shown("oilcan_outcome_failures_announced", "Outcomes", "gauge", "Those with an alarm in time.", ("role",),
          (_ROLE,)),
    Shown("oilcan_outcome_expected_failures", "Outcomes", "gauge", "Failures that the forecasts with known outcome "
          "added up to."),
    Shown("oilcan_outcome_observed_failures", "Outcomes", "gauge", "Failures that came true on the same forecasts."),
    Shown("oilcan_outcome_false_alarms_per_machine_month", "Outcomes", "gauge", "False alarms.", ("role",), (_ROLE,)),
    Shown("oilcan_outcome_lead_time_seconds", "Outcomes", "gauge", "Median warning before an announced failure; absent "
          "where machines count cycles.", ("role",), (_ROLE,)),
    Shown("oilcan_outcome_cost_eur_per_machine_month", "Outcomes", "gauge", "What misses, false alarms and planned "
          "repairs cost. A challenger's cost below the champion's is the metric of \"shadow better than champion\".",
          ("role",), (_ROLE,)),
    Shown("oilcan_promised_cost_eur_per_machine_month", "Outcomes", "gauge", "The same cost on the test part of the "
          "model."),
    Shown("oilcan_outcome_delay_seconds", "Outcomes", "gauge", "How long after a forecast its outcome is known; absent "
          "where machines count cycles."),

    Shown("oilcan_deliveries", "Messages", "gauge", "Messages about alarms that the store keeps; absent without "
          "[notifications](notifications.md).", ("channel", "state"),
          ("name in notifications.yaml", "`waiting`, `sent`, `failed`, `needless`")),
    Shown("oilcan_delivery_delay_seconds", "Messages", "gauge", "How long the oldest message that waits is overdue; 0 "
          "if none is."),

    Shown("oilcan_decision_info", "Decision", "gauge", "1 for the action of the newest decision in the store, 0 for "
          "the others; all 0 before the first.", ("action",),
          (", ".join(f"`{action}`" for action in ACTIONS),)),
    Shown("oilcan_decision_timestamp_seconds", "Decision", "gauge", "Moment of the newest decision."),
)  # fmt: skip
_BY_NAME: Final = {shown.name: shown for shown in TABLE}

def unknown(*subjects: str) -> Samples:
    """Samples when nothing was judged: unknown, and what could not be judged."""
    return {"oilcan_monitoring_state": {(state,): float(state == "unknown") for state in STATES},
            "oilcan_monitoring_cannot_tell": {(subject,): float(subject in subjects) for subject in SUBJECTS},
            "oilcan_alerts_active": {(rule, severity): 0.0 for rule in RULES for severity in SEVERITIES}}


def families(samples: Samples) -> Iterator[Metric]:
    """The metrics of the table that have values, as Prometheus wants them; KeyError for a name that is not in it."""
    for shown in _checked(samples):
        kind = CounterMetricFamily if shown.kind == "counter" else GaugeMetricFamily
        family = kind(shown.name, shown.meaning, labels=shown.labels)
        for labels, value in samples[shown.name].items():
            family.add_metric(list(labels), value)
        yield family


def _checked(samples: Samples) -> Sequence[Shown]:
    unknown = samples.keys() - _BY_NAME.keys()
    if unknown:
        raise KeyError(f"metrics: {sorted(unknown)} are not in the table of watch_metrics")
    return [shown for shown in TABLE if shown.name in samples]
