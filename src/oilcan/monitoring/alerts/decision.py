"""From alerts to an action: nothing, collect, recalibrate or retrain, with the reasons. A pure rule.

It fails closed: when a signal cannot be read, the action is `cannot_tell`, never `nothing`. This rule ignores alerts
that the service is down; Alertmanager sends those to people directly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from oilcan.params.operating.monitoring import DecisionRules

Cause = Literal["alerts", "cost", "age"]
Action = Literal["nothing", "collect", "recalibrate", "retrain", "cannot_tell"]
_NEEDS_LABELS: Final = frozenset({"changed mechanism", "changed policy", "new kind of machine", "sensor drift"})
_SENSORS: Final = frozenset({"sensor fault", "unit changed", "recording fault"})


@dataclass(frozen=True)
class OpenAlert:
    """An open alert as the decision sees it."""

    key: str
    cause: str
    severity: str

    @property
    def is_learned_from(self) -> bool:
        """Whether a newer model can help: a fault of sensors or recording is repaired, not learned."""
        return self.cause not in _SENSORS


@dataclass(frozen=True)
class Signals:
    """What a decision rests on; None where it could not be read.

    Attributes
    ----------
    alerts
        Open alerts of the monitoring.
    state
        Verdict of the latest window: `calm`, `alert`, `unknown`.
    age_days
        Of the model, since the end of the data that it was trained on.
    failures
        With a known outcome, since then.
    loss_per_machine_month_eur, loss_at_least_per_machine_month_eur
        Cost since above what was promised, and the lower end of its 95 % interval; None before outcomes are known.
    outcomes_known
        Whether any outcome is known yet; before that a missing loss does not count as unreadable.
    days_since_action
        Since the last decision to recalibrate or retrain; None if there was none.
    """

    alerts: Sequence[OpenAlert] | None
    state: str | None
    age_days: float | None
    failures: int | None
    loss_per_machine_month_eur: float | None
    loss_at_least_per_machine_month_eur: float | None
    outcomes_known: bool
    days_since_action: float | None


@dataclass(frozen=True)
class Decision:
    """What to do, and why.

    Attributes
    ----------
    by
        What asked for a newer model, before labels and cooldown were looked at.
    """

    action: Action
    reasons: tuple[str, ...]
    by: tuple[Cause, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """One record of it."""
        return {"action": self.action, "reasons": list(self.reasons)}


def decide(signals: Signals, rules: DecisionRules) -> Decision:
    """The action that the signals ask for.

    Examples
    --------
    >>> rules = DecisionRules(cooldown_days=30.0, oldest_days=365.0, fewest_failures=30, recalibrate_failures=10,
    ...                       loss_per_machine_month_eur=50.0)
    >>> decide(Signals((), "calm", 90.0, 12, 0.0, -80.0, True, None), rules)
    Decision(action='nothing', reasons=('no alert is open', 'the model is 90 days old (wanted at most 365)'), by=())
    """
    unread = _unread(signals)
    if unread:
        return Decision("cannot_tell", tuple(unread))
    failures = signals.failures or 0
    reasons, wanted, by = _wanted(signals, signals.alerts or (), signals.age_days or 0.0, rules)
    if wanted == "nothing":
        return Decision("nothing", tuple(reasons))
    if wanted == "sensors":
        return Decision("nothing", (*reasons, "a fault of sensors or recording is repaired, not learned"))
    if signals.days_since_action is not None and signals.days_since_action < rules.cooldown_days:
        return Decision("collect", (*reasons, f"the last action was {signals.days_since_action:.0f} days ago (cooldown "
                                    f"{rules.cooldown_days:.0f})"), by)
    if failures >= rules.fewest_failures:
        return Decision("retrain", (*reasons, f"{failures} failures have been recorded since (wanted "
                                    f"{rules.fewest_failures})"), by)
    if wanted == "recalibrate" and failures >= rules.recalibrate_failures:
        return Decision("recalibrate", (*reasons, f"{failures} failures since are enough to calibrate, too few "
                                        f"to retrain ({rules.fewest_failures})"), by)
    return Decision("collect", (*reasons, f"only {failures} failures since (wanted {rules.fewest_failures} to "
                                f"retrain, {rules.recalibrate_failures} to recalibrate)"), by)


def _unread(signals: Signals) -> list[str]:
    found = []
    if signals.alerts is None:
        found.append("the alerts could not be read")
    if signals.state is None or signals.state == "unknown":
        found.append("the monitoring cannot tell whether something has changed")
    if signals.age_days is None:
        found.append("the age of the model is not known")
    elif signals.age_days < 0:
        found.append(f"the model is from the future ({signals.age_days:.1f} days old): a clock is wrong")
    if signals.failures is None:
        found.append("the failures since could not be read")
    if signals.outcomes_known and signals.loss_per_machine_month_eur is None:
        found.append("the cost since could not be read")
    return found


def _wanted(signals: Signals, alerts: Sequence[OpenAlert], age_days: float, rules: DecisionRules
            ) -> tuple[list[str], str, tuple[Cause, ...]]:
    """Reasons, what the alerts, the cost and the age ask for before labels and cooldown are looked at, and which do."""
    reasons = [f"{alert.key}: {alert.cause}" for alert in alerts] or ["no alert is open"]
    loss, at_least = signals.loss_per_machine_month_eur, signals.loss_at_least_per_machine_month_eur
    is_dear = at_least is not None and at_least > rules.loss_per_machine_month_eur
    if loss is not None and loss > rules.loss_per_machine_month_eur:
        sure = f"at least {at_least:.0f} of it not by chance" if is_dear else "which may be chance"
        reasons.append(f"the alarms cost {loss:.0f} EUR a machine and month more than promised, {sure} (wanted at most "
                       f"{rules.loss_per_machine_month_eur:.0f})")
    is_old = age_days > rules.oldest_days
    reasons.append(f"the model is {age_days:.0f} days old (wanted at most {rules.oldest_days:.0f})")
    causes = {alert.cause for alert in alerts}
    can_learn = any(alert.is_learned_from for alert in alerts)
    asking: dict[Cause, bool] = {"alerts": can_learn, "cost": is_dear, "age": is_old}
    by = tuple(cause for cause, asks in asking.items() if asks)
    if is_old or is_dear or causes & (_NEEDS_LABELS - {"sensor drift"}):
        return reasons, "retrain", by
    if by:
        return reasons, "recalibrate", by
    return reasons, "sensors" if causes else "nothing", by
