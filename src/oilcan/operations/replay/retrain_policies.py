"""When a policy of a replay asks for a new model: by the calendar, because of what monitoring sees, or both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from oilcan.governance.retrain_choice import JudgedWindow, RetrainSignals, choose
from oilcan.ground.errors import DataError
from oilcan.io.stores.tables.decision_table import ACTING
from oilcan.monitoring.alerts.decision import Decision
from oilcan.params.operating.retrain_rules import RetrainRules


@dataclass(frozen=True)
class ReplayPolicy:
    """When to retrain, and whether the gate and the trial after a promotion can say no.

    Attributes
    ----------
    words
        For people.
    """

    name: str
    words: str
    by_calendar: bool = False
    on_drift: bool = False
    is_gated: bool = True

    def reasons(self, window: JudgedWindow, decision: Decision, rules: RetrainRules, *, days_since_calendar: float
                ) -> tuple[str, ...]:
        """Why a new model is made after a window; empty if none is.

        Parameters
        ----------
        window, decision
            What the monitoring recorded, and what its rule decides. Oilcan recalibrates by training again, so a
            decision to recalibrate asks for a new model too. Age alone is a calendar, not drift.
        rules
            retrain.yaml, with the days of the calendar of this replay.
        days_since_calendar
            Since the last retraining by the calendar, or since the operation began. A retraining because of a drift
            does not move the calendar, so that policies share models.
        """
        found: list[str] = []
        if self.by_calendar:
            only = rules.model_copy(update={"policies": ["calendar"], "cooldown_days": 0.0})
            choice = choose(RetrainSignals([window], days_since_calendar), only)
            found += choice.reasons if choice.retrain else ()
        if self.on_drift and decision.action in ACTING and decision.by != ("age",):
            found += decision.reasons
        return tuple(found)


_GATED: Final = (
    ReplayPolicy("never", "never retrain"),
    ReplayPolicy("monthly", "retrain every month", by_calendar=True),
    ReplayPolicy("drift", "retrain on drift", on_drift=True),
    ReplayPolicy("both", "retrain every month and on drift", by_calendar=True, on_drift=True),
)
POLICIES: Final = {policy.name: policy for policy in (
    *_GATED,
    *(ReplayPolicy(f"{each.name}-ungated", f"{each.words}, without the gate", each.by_calendar, each.on_drift,
                   is_gated=False) for each in _GATED[1:]))}


def policies_of(names: Sequence[str]) -> list[ReplayPolicy]:
    """Policies by name, `never` always first: the others are compared with it; DataError if one is not known.

    Examples
    --------
    >>> [policy.name for policy in policies_of(["drift"])]
    ['never', 'drift']
    """
    unknown = sorted(set(names) - set(POLICIES))
    if unknown:
        raise DataError(f"--policy: unknown {', '.join(unknown)} (wanted some of {', '.join(POLICIES)}).")
    wanted = {"never", *names}
    return [policy for name, policy in POLICIES.items() if name in wanted]
