"""From a report of the monitoring to a decision, and one record of it in the store of the service."""

from typing import Any

from oilcan.io.stores import Store
from oilcan.io.stores.tables.decision_table import NewDecision, StoredDecision
from oilcan.monitoring.alerts.decision import Decision, Signals, decide
from oilcan.monitoring.watch_report import WatchReport
from oilcan.monitoring.window_axis import DAY_US
from oilcan.params.operating.monitoring import DecisionRules


def signals_of(report: WatchReport | None, days_since_action: float | None) -> Signals:
    """What a decision rests on; of no report, nothing could be read.

    Age and failures are counted to the end of the last window, so that a replay decides as the day did.
    """
    if report is None:
        return Signals(None, None, None, None, None, None, outcomes_known=False, days_since_action=days_since_action)
    end = report.axis.start(report.windows[-1].window + 1)
    return Signals(report.standing, report.state, (end - report.reference.last) / DAY_US, report.failures_since,
                   report.outcomes.get("loss_per_machine_month_eur"),
                   report.outcomes.get("loss_at_least_per_machine_month_eur"),
                   outcomes_known=report.outcomes.get("cost_per_machine_month_eur") is not None,
                   days_since_action=days_since_action)


def decide_on(report: WatchReport | None, rules: DecisionRules, *, last_action: int | None, now: int) -> Decision:
    """Decide from a report.

    Parameters
    ----------
    last_action
        Moment of the last decision to act; None if there was none.
    now
        Microseconds UTC.
    """
    days = None if last_action is None else (now - last_action) / DAY_US
    return decide(signals_of(report, days), rules)


def write_down(store: Store, decision: Decision, report: WatchReport | None, *, by: str, now: int, cause: str = "",
               again_us: int = 0) -> StoredDecision:
    """One record of a decision, with what it rests on; see `Decisions.add`."""
    return store.decisions.add(NewDecision(by, decision.action, decision.reasons, cause, detail_of(report)), now,
                               again_us=again_us)


def detail_of(report: WatchReport | None) -> dict[str, Any]:
    """What a decision rests on: alerts, verdict, window, loss and age; nothing where nothing could be read."""
    if report is None:
        return {}
    signals = signals_of(report, None)
    return {"alerts": [alert.key for alert in report.standing],
            "learnable": sum(alert.is_learned_from for alert in report.standing),
            "state": report.state, "verdict": report.verdict,
            "window": report.axis.name(report.windows[-1].window), "plan": report.reference.plan_hash[:12],
            "loss_eur": signals.loss_per_machine_month_eur,
            "loss_at_least_eur": signals.loss_at_least_per_machine_month_eur, "age_days": signals.age_days}
