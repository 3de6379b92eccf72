"""From a report of the monitoring to a decision, and one record of it in the store of the service."""

from dataclasses import dataclass
from typing import Any, Final

from oilcan.io.stores import open_store
from oilcan.monitoring.alerts.decision import Decision, Signals, decide
from oilcan.monitoring.watch_report import WatchReport
from oilcan.params.monitoring import DecisionRules

ACTION: Final = "decide"                # of its entries in the audit of the store
_ACTING: Final = ("recalibrate", "retrain")
_US_PER_DAY: Final = 86_400_000_000


@dataclass(frozen=True)
class Recorded:
    """A decision, and whether it was written down."""

    decision: Decision
    is_recorded: bool


def signals_of(report: WatchReport | None, days_since_action: float | None) -> Signals:
    """What a decision rests on; of no report, nothing could be read.

    Age and failures are counted to the end of the last window, so that a replay decides as the day did.
    """
    if report is None:
        return Signals(None, None, None, None, None, outcomes_known=False, days_since_action=days_since_action)
    end = report.axis.start(report.windows[-1].window + 1)
    cost = report.outcomes.get("cost_per_machine_month_eur")
    promised = report.outcomes.get("promised_cost_per_machine_month_eur")
    loss = None if cost is None or promised is None else cost - promised
    return Signals(report.standing, report.state, (end - report.reference.last) / _US_PER_DAY, report.failures_since,
                   loss, outcomes_known=cost is not None, days_since_action=days_since_action)


def decide_on(report: WatchReport | None, rules: DecisionRules, *, store: str | None, by: str, now: int) -> Recorded:
    """Decide, and write the decision into the store's audit where there is one.

    Parameters
    ----------
    store
        Address of the service's store; None records nothing.
    now
        Microseconds UTC.
    """
    opened = None if store is None else open_store(store)
    last = None
    if opened is not None:
        last = next((entry.at for entry in opened.audit.entries(10_000)
                     if entry.action == ACTION and entry.detail["action"] in _ACTING), None)
    days = None if last is None else (now - last) / _US_PER_DAY
    decision = decide(signals_of(report, days), rules)
    if opened is not None:
        opened.audit.add(by, ACTION, record(decision, report), now)
        opened.close()
    return Recorded(decision, opened is not None)


def record(decision: Decision, report: WatchReport | None) -> dict[str, Any]:
    """What is written down: the action, its reasons, and what they rest on."""
    if report is None:
        return decision.as_json()
    return decision.as_json() | {"alerts": [alert.key for alert in report.standing], "state": report.state,
                                 "window": report.axis.name(report.windows[-1].window),
                                 "plan": report.reference.plan_hash[:12]}
