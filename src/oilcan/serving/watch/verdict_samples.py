"""A verdict of the monitoring -> the samples of its metrics."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import TIME
from oilcan.ground.time_units import MICROSECONDS_PER_HOUR
from oilcan.monitoring.alerts.window_findings import Finding
from oilcan.monitoring.fleet_counts import FleetCounts
from oilcan.monitoring.statistics.forecast_history import ForecastRows, Outcomes
from oilcan.monitoring.statistics.quality_statistics import quality_findings
from oilcan.monitoring.watch_report import WatchReport
from oilcan.monitoring.watching import WindowVerdict, window_counts
from oilcan.operations.watching.watched_model import Monitor
from oilcan.serving.watch.live_counts import LOOKED_AT, Verdict
from oilcan.serving.watch.watch_metrics import FAULTS, MOST_OPEN, STATES, SUBJECTS, Labels, Samples, unknown

_QUANTILES: Final = (0.1, 0.5, 0.9, 0.99)
_FAULT: Final = {"missing": "missing", "outside": "out_of_range", "resting": "stuck", "unit": "unit_changed"}
_US: Final = 1_000_000
_S_PER_TICK: Final = MICROSECONDS_PER_HOUR / _US
Values = dict[Labels, float]


def samples_of(verdict: Verdict, watch: Monitor, now: int) -> Samples:
    """All samples that follow from a verdict.

    Parameters
    ----------
    now
        Microseconds UTC, when it was made.
    """
    out: dict[str, Values] = {name: dict(values) for name, values in unknown("readings").items()}
    out["oilcan_monitoring_judged_timestamp_seconds"] = {(): now / _US}
    if verdict.counted is not None:
        out["oilcan_monitoring_cells_bytes"] = {(): float(verdict.counted.counts.cells.nbytes)}
        _add(out, _current(verdict, watch))
        _add(out, _clocks(verdict))
    if verdict.report is not None and verdict.seen is not None:
        _add(out, _state(verdict.report))
        _add(out, _window(verdict.report.windows[-1], watch))
        _add(out, _arrived(verdict.counted.counts if verdict.counted else None, verdict.report.windows[-1].window,
                           "last"))
        if verdict.seen.forecasts is not None:
            _add(out, _forecasts(verdict.seen.forecasts, verdict.report, watch))
            _add(out, _outcomes(verdict.seen.forecasts, verdict.seen.shadow, verdict.report, watch))
    return {name: values for name, values in out.items() if values}


def _add(out: dict[str, Values], samples: Iterator[tuple[str, Labels, float | None]]) -> None:
    for name, labels, value in samples:
        if value is not None and np.isfinite(value):
            out.setdefault(name, {})[labels] = float(value)


def _state(report: WatchReport) -> Iterator[tuple[str, Labels, float | None]]:
    last = report.windows[-1]
    unknown = {"inputs" if each.subject == "inputs" else "readings" if each.subject == "readings" else "outcomes"
               for each in last.unknown}
    for state in STATES:
        yield "oilcan_monitoring_state", (state,), state == report.state
    for subject in SUBJECTS:
        yield "oilcan_monitoring_cannot_tell", (subject,), subject in unknown
    if not report.axis.counts_cycles:
        yield "oilcan_monitoring_window_end_timestamp_seconds", (), report.axis.start(last.window + 1) / _US
    counts = Counter((each.alert.finding.rule, each.alert.severity) for each in report.open)
    for key, count in counts.items():
        yield "oilcan_alerts_active", key, count
    for each in report.open[:MOST_OPEN]:
        finding = each.alert.finding
        yield ("oilcan_alert_open", (finding.rule, finding.subject, each.alert.severity, each.diagnosis.cause,
                                     scope_words(each.diagnosis.scope, finding)), 1)


def scope_words(scope: str, finding: Finding) -> str:
    """The scope of a diagnosis without the names of machines."""
    if scope.startswith(("all machines", "the fleet")):
        return scope
    return "one machine" if len(finding.machines) == 1 else "some machines"


def _window(last: WindowVerdict, watch: Monitor) -> Iterator[tuple[str, Labels, float | None]]:
    yield "oilcan_window_readings", ("last",), last.readings
    yield "oilcan_window_machines", ("last",), last.machines
    for rule in ("missing", "outside", "resting"):
        for sensor, value in last.quality.get(rule, {}).items():
            yield "oilcan_quality_ratio", (sensor, _FAULT[rule], "last"), value
    yield from _faulty(last.findings, watch, "last")
    for table, codes in (last.quality.get("unknown_codes") or {}).items():
        yield "oilcan_unknown_codes", (table,), len(codes)
    silent = [finding for finding in last.findings if finding.rule == "silent"]
    yield "oilcan_silent_machines", ("last",), silent[0].value if silent else 0
    yield from _kinds(last.findings, watch, "last")
    for sensor, values in last.inputs.items():
        for statistic, value in values.items():
            yield "oilcan_input_drift", (sensor, statistic, "last"), value
    for sensor, values in last.scaled.items():
        for statistic, value in values.items():
            yield "oilcan_input_drift_of_limit", (sensor, statistic, "last"), value
    for condition, value in last.context.items():
        yield "oilcan_condition_shift", (condition, "last"), value


def _faulty(findings: "tuple[Finding, ...] | list[Finding]", watch: Monitor, window: str
            ) -> Iterator[tuple[str, Labels, float | None]]:
    counts = {(finding.subject, _FAULT[finding.rule]): len(finding.machines) for finding in findings
              if finding.family == "quality" and finding.rule in _FAULT}
    for column in watch.reference.columns:
        for fault in FAULTS if column.kind != "computed" else ():
            yield "oilcan_quality_machines", (column.name, fault, window), counts.get((column.name, fault), 0)


def _kinds(findings: tuple[Finding, ...], watch: Monitor, window: str) -> Iterator[tuple[str, Labels, float | None]]:
    new = [finding for finding in findings if finding.rule == "new_machines"]
    yield "oilcan_new_machines", (window,), new[0].value if new else 0
    counts = Counter(finding.detail["category"] for finding in findings if finding.rule == "new_kind")
    for name in watch.reference.known:
        yield "oilcan_new_kinds", (name, window), counts[name]


def _current(verdict: Verdict, watch: Monitor) -> Iterator[tuple[str, Labels, float | None]]:
    if verdict.counted is None or verdict.current is None:
        return
    cells = verdict.counted.counts.cells
    counts = window_counts(cells, watch.axis, verdict.current, watch.reference)
    reporting = counts.readings > 0
    yield "oilcan_window_readings", ("current",), counts.readings.sum()
    yield "oilcan_window_machines", ("current",), reporting.sum()
    known = set(watch.reference.machines)
    yield "oilcan_new_machines", ("current",), sum(counts.machines[at] not in known
                                                   for at in np.flatnonzero(reporting).tolist())
    for rule, values in counts.shares.items():
        for at, column in enumerate(watch.reference.columns):
            if column.kind != "computed" and reporting.any():
                yield "oilcan_quality_ratio", (column.name, _FAULT[rule], "current"), values[reporting, at].mean()
    yield from _faulty(quality_findings(counts, watch.reference, watch.rules), watch, "current")
    yield from _arrived(verdict.counted.counts, verdict.current, "current")


def _arrived(counts: FleetCounts | None, window: int, name: str) -> Iterator[tuple[str, Labels, float | None]]:
    if counts is not None:
        yield "oilcan_window_late_readings", (name,), counts.arrivals.of(window).late


def _clocks(verdict: Verdict) -> Iterator[tuple[str, Labels, float | None]]:
    if verdict.counted is None or verdict.current is None:
        return
    arrivals = verdict.counted.counts.arrivals.of(verdict.current)
    ahead = {*arrivals.ahead, *verdict.counted.jumped, *verdict.counted.counts.noted}
    farthest = max([arrivals.ahead_h * 3600, *(each / _US for each in verdict.counted.jumped.values())])
    yield "oilcan_clock_ahead_machines", (), len(ahead)
    yield "oilcan_clock_ahead_seconds", (), farthest


def _forecasts(rows: ForecastRows, report: WatchReport, watch: Monitor) -> Iterator[tuple[str, Labels, float | None]]:
    last = report.windows[-1]
    figures: Mapping[str, Any] = last.forecasts
    is_here = watch.axis.window_of(watch.axis.slot_of(exact(rows.frame[TIME]))) == last.window
    if is_here.any():
        for share, value in zip(_QUANTILES, np.nanquantile(rows.p[is_here], _QUANTILES).tolist(), strict=True):
            yield "oilcan_forecast_quantile", (str(share), "last"), value
    yield "oilcan_forecast_mean", ("last",), figures.get("mean")
    yield "oilcan_forecast_psi", ("last",), figures.get("psi")
    yield "oilcan_alarms_per_machine_month", ("last",), figures.get("alarms_per_machine_month")
    yield "oilcan_alarms_held_back", (), rows.held_back
    for name in ("average_precision", "precision", "recall"):
        yield "oilcan_estimate", (name, "last"), figures.get("estimate", {}).get(name)
    shadow = figures.get("shadow", {})
    yield "oilcan_shadow_disagreement_ratio", ("last",), shadow.get("disagreement")
    yield "oilcan_shadow_difference_mean", ("last",), shadow.get("difference")


def _outcomes(rows: ForecastRows, shadow: ForecastRows | None, report: WatchReport, watch: Monitor
              ) -> Iterator[tuple[str, Labels, float | None]]:
    axis, last = watch.axis, report.windows[-1].window
    windows = max(report.windows[0].window, last - LOOKED_AT + 1), last
    number = axis.window_of(axis.slot_of(exact(rows.frame[TIME])))
    is_here = (number >= windows[0]) & (number <= windows[1])
    target = rows.target[f"p_{rows.task}"][is_here]
    known = ~np.isnan(target)
    yield "oilcan_outcome_known_ratio", (), known.mean() if len(known) else None
    if known.any():
        yield "oilcan_outcome_expected_failures", (), rows.p[is_here][known].sum() / rows.rows_per_failure
        yield "oilcan_outcome_observed_failures", (), target[known].sum() / rows.rows_per_failure
    yield "oilcan_outcome_failures", (), report.outcomes.get("failures")
    yield ("oilcan_promised_cost_eur_per_machine_month", (),
           report.outcomes.get("promised_cost_per_machine_month_eur"))
    if not axis.counts_cycles:
        yield "oilcan_outcome_delay_seconds", (), sum(report.contract.look_ahead()) * _S_PER_TICK
    roles = {"active": report.outcomes}
    if shadow is not None:
        roles["shadow"] = Outcomes.of(axis, windows, shadow).figures(report.contract.costs)
    for role, figures in roles.items():
        yield "oilcan_outcome_failures_announced", (role,), figures.get("announced")
        yield ("oilcan_outcome_false_alarms_per_machine_month", (role,),
               figures.get("false_alarms_per_machine_month"))
        yield ("oilcan_outcome_cost_eur_per_machine_month", (role,), figures.get("cost_per_machine_month_eur"))
        lead = figures.get("median_lead_time")
        if lead is not None and not axis.counts_cycles:
            yield "oilcan_outcome_lead_time_seconds", (role,), lead * _S_PER_TICK
