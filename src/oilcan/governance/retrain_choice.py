"""Is it time for a new model? From recorded signals to yes or no, with reasons; what cannot be read never says yes."""

from collections.abc import Sequence
from dataclasses import dataclass

from oilcan.params.operating.retrain_rules import RetrainPolicy, RetrainRules


@dataclass(frozen=True)
class JudgedWindow:
    """What `oilcan decide` recorded of one window.

    Attributes
    ----------
    days_ago
        Since it was recorded.
    alerts
        Open alerts that a newer model can help with, so none of sensors or recording; None if nothing could be read
        then.
    loss_at_least_eur
        Cost of a machine and month above what was promised, the lower end of its 95 % interval; None where outcomes
        are not known yet.
    age_days
        From the end of what the model learned from to the end of the window.
    """

    window: str
    days_ago: float
    alerts: int | None
    loss_at_least_eur: float | None
    age_days: float | None


@dataclass(frozen=True)
class RetrainSignals:
    """What the choice rests on.

    Attributes
    ----------
    windows
        The newest first, each window once.
    days_since_retrain
        None if there was none.
    """

    windows: Sequence[JudgedWindow]
    days_since_retrain: float | None


@dataclass(frozen=True)
class RetrainChoice:
    """Whether to retrain (None: unknown), by which policies, and the reasons for either."""

    retrain: bool | None
    by: tuple[RetrainPolicy, ...]
    reasons: tuple[str, ...]


def choose(signals: RetrainSignals, rules: RetrainRules) -> RetrainChoice:
    """Whether any policy asks for a new model.

    A signal that cannot be read never starts a retraining: the answer is then None, and a person looks.

    Examples
    --------
    >>> rules = RetrainRules(policies=["drift"], calendar_days=30.0, drift_windows=3, drift_needed=2,
    ...     loss_per_machine_month_eur=50.0, oldest_days=365.0, cooldown_days=14.0, fresh_days=10.0)
    >>> weeks = [JudgedWindow(f"W{week}", 7.0 * ago, alerts, None, 90.0)
    ...          for ago, (week, alerts) in enumerate([(9, 1), (8, 0), (7, 2)])]
    >>> choose(RetrainSignals(weeks, None), rules).reasons
    ('drift: 2 of the last 3 windows had an open alert, W9 included (wanted 2)',)
    >>> choose(RetrainSignals([], None), rules).retrain is None
    True
    """
    waited = signals.days_since_retrain
    if waited is not None and waited < rules.cooldown_days:
        return RetrainChoice(False, (), (f"cooldown: the last retraining was {waited:.1f} days ago (wanted "
                                         f"{rules.cooldown_days:g})",))
    newest = signals.windows[0] if signals.windows else None
    if newest is None or newest.days_ago > rules.fresh_days:
        found = "none is recorded" if newest is None else f"the newest is {newest.days_ago:.1f} days old"
        return RetrainChoice(None, (), (f"no fresh decision: {found} (wanted at most {rules.fresh_days:g} days). Run "
                                        f"`oilcan decide --store URL`",))
    if newest.alerts is None:
        return RetrainChoice(None, (), (f"{newest.window}: the monitoring has no verdict. Look at `oilcan monitor`",))
    answers = {policy: _reason(policy, signals, newest, rules) for policy in rules.policies}
    by = tuple(policy for policy, (asks, _) in answers.items() if asks)
    return RetrainChoice(bool(by), by, tuple(reason for asks, reason in answers.values() if asks or not by))


def _reason(policy: RetrainPolicy, signals: RetrainSignals, newest: JudgedWindow, rules: RetrainRules
            ) -> tuple[bool, str]:
    if policy == "drift":
        last = signals.windows[: rules.drift_windows]
        count = sum(bool(each.alerts) for each in last)
        return (bool(newest.alerts) and count >= rules.drift_needed,
                f"drift: {count} of the last {len(last)} windows had an open alert, {newest.window} "
                f"{'included' if newest.alerts else 'not'} (wanted {rules.drift_needed})")
    if policy == "cost":
        loss = newest.loss_at_least_eur
        shown = ("is not known yet" if loss is None else
                 f"is at least {loss:.0f} EUR a machine and month above what was promised")
        return (loss is not None and loss > rules.loss_per_machine_month_eur,
                f"cost: {shown} (allowed {rules.loss_per_machine_month_eur:g})")
    age = newest.age_days
    if policy == "age":
        shown = "is not known" if age is None else f"learned from data that end {age:.0f} days ago"
        return age is not None and age > rules.oldest_days, f"age: the model {shown} (allowed {rules.oldest_days:g})"
    since = signals.days_since_retrain if signals.days_since_retrain is not None else age
    shown = "nobody knows when" if since is None else f"{since:.0f} days ago"
    return (since is not None and since >= rules.calendar_days,
            f"calendar: the last model was made {shown} (wanted every {rules.calendar_days:g} days)")
