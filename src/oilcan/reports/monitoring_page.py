"""The monitoring page: the verdict, the alerts, and all details in folded sections."""

from typing import Any, Final

import numpy as np

from oilcan.contract import Contract
from oilcan.core.phrasing.quantities import number, span
from oilcan.ground.time_units import in_unit
from oilcan.monitoring.statistics.input_statistics import STATISTICS
from oilcan.monitoring.statistics.label_free import SENTENCE
from oilcan.monitoring.watch_report import Explained, WatchReport
from oilcan.reports.drawing.svg import Axis, Drawing, Series
from oilcan.reports.rendering import html

_OUTCOMES: Final = {
    "failures": "failures", "announced": "of them announced", "median_lead_time": "median time from alarm to failure",
    "false_alarms": "false alarms", "false_alarms_per_machine_month": "false alarms a machine and month",
    "cost_per_machine_month_eur": "cost a machine and month [EUR]",
    "promised_cost_per_machine_month_eur": "promised when the model was accepted [EUR]",
    "loss_per_machine_month_eur": "above the promise for the failures that happened [EUR]",
    "loss_at_least_per_machine_month_eur": "of it not by chance, at least [EUR]",
}  # fmt: skip
_ESTIMATES: Final = {
    "prevalence": "share of rows before a failure", "average_precision": "average precision",
    "precision": "precision at the threshold", "recall": "recall at the threshold",
    "cost_eur": "cost of the rows [EUR]",
}  # fmt: skip


def render(report: WatchReport | None, contract: Contract) -> str:
    """The page as HTML; None if there is nothing to monitor."""
    if report is None:
        names = ("open", "closed", "unknown", "outcomes", "estimates", "columns", "context", "windows")
        nothing: dict[str, Any] = {each: [] for each in names}
        return html("monitoring.html", name=contract.name, state="none", about="", **nothing,
                    verdict="There are no rows after the test part, so there is nothing to watch.")
    last, reference = report.windows[-1], report.reference
    estimate = last.forecasts.get("estimate", {})
    words = {column.name: column.description for column in reference.columns}
    delay, lengths = report.outcomes.get("delay_ticks", 0), contract.time.lengths
    return html(
        "monitoring.html", name=contract.name, state=report.state, verdict=report.verdict,
        open=[_alert(each, report) for each in report.open],
        closed=[{"since": report.axis.name(each.alert.opened), "until": report.axis.name(each.alert.closed or 0),
                 "what": each.diagnosis.what, "cause": each.diagnosis.cause} for each in report.closed],
        unknown=last.unknown, outcomes=_named(_OUTCOMES, report.outcomes),
        outcomes_windows=report.outcomes.get("windows", 0),
        delay=f"An outcome is known {span(in_unit(delay, lengths), lengths)} after its forecast; "
              f"until then it counts neither as a hit nor as a false alarm.",
        estimates=_named(_ESTIMATES, estimate), estimates_say=SENTENCE, statistics=STATISTICS,
        columns=[{"words": words[name], "scores": [_short(values[each]) for each in STATISTICS]}
                 for name, values in last.scaled.items()],
        context=[(words[name], f"{_short(value)} standard deviations from the reference")
                 for name, value in last.context.items()],
        windows=[{"name": report.axis.name(each.window), "machines": number(each.machines),
                  "readings": number(each.readings), "findings": ", ".join(sorted({f.key for f in each.findings})),
                  "unknown": len(each.unknown)} for each in reversed(report.windows)],
        about=f"Compared with {len(reference.machines)} machines up to "
              f"{report.axis.name(int(report.axis.window_of(report.axis.slot_of(np.array([reference.last])))[0]))}; "
              f"model plan {reference.plan_hash[:12]}. Counts are kept by machine and day; no reading is.",
    )  # fmt: skip


def _alert(each: Explained, report: WatchReport) -> dict[str, Any]:
    alert, diagnosis = each.alert, each.diagnosis
    share = diagnosis.share_of_alarms
    return {"what": diagnosis.what[:1].upper() + diagnosis.what[1:], "since": diagnosis.since,
            "scope": diagnosis.scope, "cause": diagnosis.cause, "action": diagnosis.action, "severity": alert.severity,
            "due": None if share is None else (f"It has {share:.0%} of the weight among the reasons of the alarms "
                                               f"since then."),
            "machines": list(alert.machines), "picture": _picture(each, report),
            "findings": [{"rule": finding.rule, "value": _short(finding.value), "limit": _short(finding.limit),
                          "unit": finding.unit} for finding in alert.findings]}


def _picture(each: Explained, report: WatchReport) -> str:
    """The statistic of an input alert over the windows, against its limit; nothing for other alerts."""
    finding = each.alert.finding
    if finding.family != "inputs":
        return ""
    values = np.array([_value(window.scaled.get(finding.subject, {}).get(finding.rule)) for window in report.windows])
    x = np.arange(len(values), dtype=float)
    if not np.isfinite(values).any():
        return ""
    opened = each.alert.opened - report.windows[0].window
    drawing = Drawing(f"{finding.subject}: {finding.rule} by window",
                      Axis(f"windows ({report.reference.window}) since the model was accepted"),
                      Axis("share of the limit", low=0.0),
                      [Series("measured", x, np.maximum(values, 0.0), "s0"),
                       Series("limit", x, np.ones(len(x)), "s1 dashed")], upright=[(float(opened), "alert")])
    return drawing.svg()


def _named(words: dict[str, str], values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(words[name], _short(values[name])) for name in words if values.get(name) is not None]


def _short(value: float | None) -> str:
    return "not judged" if value is None else f"{value:.3g}" if abs(value) < 1000 else number(round(value))


def _value(value: float | None) -> float:
    return np.nan if value is None else value
