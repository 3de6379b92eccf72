"""What a page, a metrics file and a decision need of some watched windows: plain values with their sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np

from oilcan.contract import Contract
from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.judging.alarm_promise import AlarmCounts, AlarmPromise, loss_of
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import TIME
from oilcan.monitoring.alerts.alarm_share import share_due
from oilcan.monitoring.alerts.alert_book import Alert, AlertBook
from oilcan.monitoring.alerts.decision import OpenAlert
from oilcan.monitoring.alerts.diagnosis import Diagnosis, diagnose
from oilcan.monitoring.statistics.forecast_history import Outcomes
from oilcan.monitoring.statistics.label_free import SENTENCE
from oilcan.monitoring.watching import FleetObservation, State, WindowVerdict, state_of
from oilcan.monitoring.window_axis import WindowAxis

_OUTCOME_WINDOWS: Final = 8


@dataclass(frozen=True)
class Explained:
    """An alert with its meaning."""

    alert: Alert
    diagnosis: Diagnosis


@dataclass(frozen=True)
class WatchReport:
    """All of it.

    Attributes
    ----------
    outcomes
        Of the last windows whose outcomes are known.
    failures_since
        Recorded since the end of the accepted data, up to the last window.
    """

    state: State
    contract: Contract
    axis: WindowAxis
    reference: WatchReference
    windows: Sequence[WindowVerdict]
    open: Sequence[Explained]
    closed: Sequence[Explained]
    outcomes: dict[str, Any]
    failures_since: int

    @property
    def verdict(self) -> str:
        """One sentence."""
        last = self.windows[-1]
        since = f"the {self.reference.window} of {self.axis.name(last.window)}"
        if self.state == "alert":
            worst = self.open[0].diagnosis
            alerts = "alert" if len(self.open) == 1 else "alerts"
            return f"{len(self.open)} open {alerts} after {since}: {worst.what.rstrip(',')}."
        if self.state == "unknown":
            return f"It is not known whether something has changed in {since}: {last.unknown[0].reason}."
        return f"Nothing has changed that matters, up to {since}: {last.machines} machines, {last.readings:,} readings."

    @property
    def standing(self) -> tuple[OpenAlert, ...]:
        """Open alerts, as a decision takes them."""
        return tuple(OpenAlert(each.alert.key, each.diagnosis.cause, each.alert.severity) for each in self.open)

    def metrics(self) -> dict[str, Any]:
        """The five figures that `dvc metrics diff` compares."""
        last = self.windows[-1]
        drifted = {finding.subject for finding in last.findings if finding.family == "inputs"}
        return {"state": self.state, "open_alerts": len(self.open), "alerts": len(self.open) + len(self.closed),
                "drifted_sensors": len(drifted),
                "cost_per_machine_month_eur": self.outcomes.get("cost_per_machine_month_eur")}

    def details(self) -> dict[str, Any]:
        """Everything in plain values."""
        return {
            "verdict": self.verdict, "state": self.state, "window": self.reference.window,
            "reference": {"made_from": dict(self.reference.made_from), "machines": len(self.reference.machines)},
            "estimates_say": SENTENCE, "outcomes": self.outcomes,
            "open": [_alert(each, self.axis) for each in self.open],
            "closed": [_alert(each, self.axis) for each in self.closed],
            "windows": [_window(each, self.axis) for each in self.windows],
        }


def report_on(watched: Sequence[WindowVerdict], book: AlertBook, reference: WatchReference, seen: FleetObservation,
              contract: Contract, axis: WindowAxis) -> WatchReport:
    """The report of windows that were judged in order."""
    alarms = cache(seen.alarms)

    def explained(alert: Alert) -> Explained:
        diagnosis = diagnose(alert, axis.name(alert.opened), reference, seen.kinds, book.open)
        if alert.finding.subject not in reference.names:
            return Explained(alert, diagnosis)
        share = share_due(alert.finding.subject, axis.start(alert.opened), alarms())
        return Explained(alert, replace(diagnosis, share_of_alarms=share))

    outcomes: dict[str, Any] = {}
    if seen.forecasts is not None:
        last = watched[-1].window
        first = max(watched[0].window, last - _OUTCOME_WINDOWS + 1)
        found = Outcomes.of(axis, (first, last), seen.forecasts)
        outcomes = found.figures(contract.costs) | _loss(found.counts, reference, contract) | {
            "promised_cost_per_machine_month_eur": reference.facts["promised_cost_per_machine_month_eur"],
            "windows": last - first + 1, "delay_ticks": sum(contract.look_ahead())}
    failures = exact(seen.events.failures[TIME]) if len(seen.events.failures) else np.zeros(0, dtype=np.int64)
    since = (failures > reference.last) & (failures < axis.start(watched[-1].window + 1))
    return WatchReport(state_of(watched[-1], book), contract, axis, reference, watched,
                       [explained(each) for each in book.open],
                       [explained(each) for each in book.alerts if not each.is_open], outcomes, int(since.sum()))


def _loss(counts: AlarmCounts, reference: WatchReference, contract: Contract) -> dict[str, float | None]:
    """Cost above the promise, and what it is at least; None where nothing was promised."""
    names = "loss_per_machine_month_eur", "loss_at_least_per_machine_month_eur"
    promise = reference.facts["promise"]
    loss = None if promise is None else loss_of(counts, AlarmPromise.from_json(promise), contract.costs)
    return dict(zip(names, (None, None) if loss is None else (loss.mean, loss.low), strict=True))


def _alert(each: Explained, axis: WindowAxis) -> dict[str, Any]:
    alert, diagnosis = each.alert, each.diagnosis
    return {"key": alert.key, "severity": alert.severity, "since": axis.name(alert.opened),
            "latest": axis.name(alert.latest), "closed": None if alert.closed is None else axis.name(alert.closed),
            "what": diagnosis.what, "scope": diagnosis.scope, "cause": diagnosis.cause, "action": diagnosis.action,
            "share_of_alarms": diagnosis.share_of_alarms, "machines": list(alert.machines),
            "findings": [{"rule": finding.rule, "value": finding.value, "limit": finding.limit, "unit": finding.unit}
                         for finding in alert.findings]}


def _window(each: WindowVerdict, axis: WindowAxis) -> dict[str, Any]:
    return {"window": axis.name(each.window), "machines": each.machines, "readings": each.readings,
            "inputs": each.inputs, "scaled": each.scaled, "context": each.context, "quality": each.quality,
            "forecasts": each.forecasts,
            "findings": [f"{finding.key} {finding.rule}" for finding in each.findings],
            "unknown": [{"subject": gap.subject, "reason": gap.reason} for gap in each.unknown]}
