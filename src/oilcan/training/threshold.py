"""At which probability should the alarm go off? Where the validation part would have cost least.

Costs are those of events (missed failures, false alarms, planned repairs), never of rows, except where rows
are independent and each is its own event. A threshold that misses as many failures as a higher one is
never taken: so a dearer miss can only lower the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from oilcan.columns import MACHINE, TIME, ticks
from oilcan.contract import Contract, Costs, Task
from oilcan.core import costs as cost_rules
from oilcan.core import crews, events
from oilcan.core.events import EventCounts
from oilcan.core.policy import AlarmPolicy


@dataclass(frozen=True)
class Choice:
    """The policy and what the validation part would have cost with it."""

    policy: AlarmPolicy
    cost: float
    counts: EventCounts

    def as_json(self) -> dict[str, Any]:
        """For metrics/train.json."""
        return {"threshold": self.policy.threshold, "cost_eur": self.cost, "failures": self.counts.n_failures,
                "detected": self.counts.detected, "false_alarms": self.counts.false_alarms}


def choose_policy(contract: Contract, task: Task, rows: pd.DataFrame, target: np.ndarray, p: np.ndarray,
                  failures: pd.DataFrame, machines: pd.DataFrame) -> Choice:
    """The cheapest alarm policy on validation rows.

    Parameters
    ----------
    rows
        Validation rows, sorted by machine and time.
    target, p
        Outcome (NaN where unknown) and calibrated probability of each row, shape (n,).
    failures, machines
        Canonical tables; not used for independent rows.
    """
    policies = [crews.plain_policy(contract, task, float(cut)) for cut in cost_rules.candidate_thresholds(p)]
    if task.horizon is None or task.lead_time is None:
        counts = [cost_rules.row_counts(target, p >= policy.threshold) for policy in policies]
    else:
        windows = events.lay_out(rows[MACHINE].to_numpy(), ticks(rows[TIME]), failures,
                                 task.lead_time.ticks, task.horizon.ticks)
        counts = cost_rules.policy_curve(windows, p, policies, crews.crews(contract, machines, rows[MACHINE]))
    return cheapest(policies, counts, contract.costs)


def cheapest(policies: Sequence[AlarmPolicy], counts: Sequence[EventCounts], costs: Costs) -> Choice:
    """The highest of the cheapest thresholds among those that miss fewer failures than every higher one.

    Parameters
    ----------
    policies
        By rising threshold.
    counts
        What each would have done.

    Examples
    --------
    >>> costs = Costs(missed_failure_eur=100.0, false_alarm_eur=1.0, planned_repair_eur=5.0)
    >>> careful = EventCounts(2, 2, 0, 12, 2, 10, np.zeros(0))
    >>> never = EventCounts(2, 0, 2, 0, 0, 0, np.zeros(0))
    >>> cheapest([AlarmPolicy.plain(0.2), AlarmPolicy.plain(0.9)], [careful, never], costs).policy.threshold
    0.2
    """
    best: Choice | None = None
    fewest = np.inf
    for policy, count in zip(policies[::-1], counts[::-1], strict=True):
        if count.missed >= fewest:
            continue
        fewest = count.missed
        cost = cost_rules.policy_cost(count, costs)
        if best is None or cost < best.cost:
            best = Choice(policy, float(cost), count)
    if best is None:
        raise ValueError("policies: empty (wanted at least one)")
    return best
