"""What do the alarms cost, and what would simpler policies have cost, in EUR?

Every policy is charged by one rule: a missed failure costs `missed_failure_eur`, a false alarm
`false_alarm_eur`, a detected failure `planned_repair_eur` (the repair that forestalls it; further true
alarms for the same failure are free). Choosing a policy by cost and not by F1: Spiegel, Mueller,
Weismann and Krempl 2018, arXiv 1809.10979.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oilcan.contract import Costs
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging.event_matching import EventCounts, Tally, WarningWindows
from oilcan.core.judging.life_tables import kaplan_meier


def policy_cost(counts: EventCounts, costs: Costs) -> float:
    """Cost in EUR of the alarms that gave `counts`.

    Examples
    --------
    >>> costs = Costs(missed_failure_eur=1000.0, false_alarm_eur=10.0, planned_repair_eur=100.0)
    >>> policy_cost(EventCounts(3, 2, 1, 7, 3, 4, np.array([5.0, 6.0])), costs)
    1240.0
    """
    return _charge(counts.missed, counts.false_alarms, counts.detected, costs)


def cost_by_machine(tally: Tally, costs: Costs) -> np.ndarray:
    """Cost in EUR of each machine, shape (n_machines,); the sum is `policy_cost`.

    Examples
    --------
    >>> costs = Costs(missed_failure_eur=1000.0, false_alarm_eur=10.0, planned_repair_eur=100.0)
    >>> none = np.zeros(0)
    >>> tally = Tally(np.array([2, 0]), np.array([1, 0]), np.array([1, 0]), np.array([0, 3]), np.ones(2), none, none)
    >>> cost_by_machine(tally, costs)
    array([1100.,   30.])
    """
    return np.asarray(_charge(tally.n_failures - tally.detected, tally.false_alarms, tally.detected, costs))


def _charge(missed, false_alarms, detected, costs: Costs):  # type: ignore[no-untyped-def]  # ints or arrays
    return (missed * costs.missed_failure_eur + false_alarms * costs.false_alarm_eur
            + detected * costs.planned_repair_eur)


def run_to_failure(n_failures: int, costs: Costs) -> float:
    """Cost in EUR of no alarms at all: every failure is missed.

    Examples
    --------
    >>> costs = Costs(missed_failure_eur=1000.0, false_alarm_eur=10.0, planned_repair_eur=100.0)
    >>> run_to_failure(3, costs)
    3000.0
    """
    return n_failures * costs.missed_failure_eur


def perfect(n_failures: int, costs: Costs) -> float:
    """Cost in EUR of perfect foresight: every failure is prevented, no alarm is false.

    Examples
    --------
    >>> costs = Costs(missed_failure_eur=1000.0, false_alarm_eur=10.0, planned_repair_eur=100.0)
    >>> perfect(3, costs)
    300.0
    """
    return n_failures * costs.planned_repair_eur


def row_counts(target: np.ndarray, alarm: np.ndarray) -> EventCounts:
    """Counts for independent rows, each its own event; rows with a NaN target are left out.

    Examples
    --------
    >>> counts = row_counts(np.array([1.0, 1.0, 0.0, np.nan]), np.array([True, False, True, True]))
    >>> counts.detected, counts.missed, counts.false_alarms
    (1, 1, 1)
    """
    known = ~np.isnan(target)
    positive, alarm = target[known] == 1, alarm[known]
    n, detected, false = int(positive.sum()), int((positive & alarm).sum()), int((~positive & alarm).sum())
    return EventCounts(n, detected, n - detected, detected + false, detected, false, np.zeros(0), float(known.sum()))


def saving_captured(model: float, simple: float, perfect: float) -> float | None:
    """Share of the saving that perfect foresight makes over the cheapest simple policy.

    1 is perfect, 0 no better than that policy, negative worse; None where perfect foresight saves nothing.

    Examples
    --------
    >>> saving_captured(model=60.0, simple=90.0, perfect=20.0)
    0.42857142857142855
    """
    return (simple - model) / (simple - perfect) if simple > perfect else None


def policy_curve(windows: WarningWindows, p: np.ndarray, policies: Sequence[AlarmPolicy],
                 crew: np.ndarray | None = None) -> list[EventCounts]:
    """Event counts of each policy.

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.judging.event_matching import lay_out
    >>> failures = pd.DataFrame({"machine_id": ["a"], "time": [20]})
    >>> windows = lay_out(np.array(["a"] * 30), np.arange(30.0), failures, lead_time=2.0, horizon=6.0)
    >>> p = np.where(np.arange(30) == 15, 0.7, 0.1)
    >>> [counts.detected for counts in policy_curve(windows, p, [AlarmPolicy.plain(0.5), AlarmPolicy.plain(0.9)])]
    [1, 0]
    """
    return [windows.match(windows.alarms(policy, p, crew).onset) for policy in policies]


def candidate_thresholds(p: np.ndarray, n: int = 100) -> np.ndarray:
    """Up to `n` cuts on `p`, denser where p is high, and one above all of them (never alarm).

    Quantiles of the distinct values, so that every cut changes at least one row.

    Examples
    --------
    >>> candidate_thresholds(np.array([0.1, 0.2, 0.2, np.nan]), n=5)
    array([0.1, 0.2, 0.2])
    """
    values = np.unique(p[~np.isnan(p)])
    if len(values) == 0:
        return np.array([np.inf])
    never = np.nextafter(values[-1], np.inf)
    if len(values) > n - 1:
        tail = 1.0 - np.geomspace(1.0, 1.0 / len(values), n - 1)          # 0 ... 1 - 1/len, dense near 1
        values = np.unique(values[np.round(tail * (len(values) - 1)).astype(int)])
    return np.append(values, never)


def indifferent_probability(costs: Costs) -> float:
    """The probability at which an alarm costs as much as silence on average; above 1 if no alarm can pay.

    Silence costs p * missed, an alarm p * planned + (1 - p) * false: Elkan 2001, *The foundations of cost-sensitive
    learning*, IJCAI.

    Examples
    --------
    >>> indifferent_probability(Costs(missed_failure_eur=600.0, false_alarm_eur=60.0, planned_repair_eur=120.0))
    0.111...
    """
    gain = costs.missed_failure_eur - costs.planned_repair_eur
    return costs.false_alarm_eur / (costs.false_alarm_eur + gain) if gain > 0 else 2.0


def scale_missed(costs: Costs, ratio: float) -> Costs:
    """Costs in which a missed failure costs `ratio` false alarms; the false alarm keeps its price.

    Examples
    --------
    >>> costs = Costs(missed_failure_eur=1000.0, false_alarm_eur=10.0, planned_repair_eur=100.0)
    >>> scale_missed(costs, 25.0).missed_failure_eur
    250.0
    """
    return costs.model_copy(update={"missed_failure_eur": ratio * costs.false_alarm_eur})


@dataclass(frozen=True)
class PeriodicPolicy:
    """Planned repair at a fixed age; `interval` is None where no interval is cheaper than none at all."""

    interval: float | None      # ticks
    relative_cost: float        # cost per machine-time over that of running to failure, at most 1


def best_period(lives: np.ndarray, failed: np.ndarray, costs: Costs, candidates: int = 60) -> PeriodicPolicy:
    """The age at which a planned repair is cheapest, from lives seen before the test part.

    Cost per machine-time of age replacement at N, by the renewal-reward theorem (Barlow and Proschan,
    *Mathematical Theory of Reliability*, 1965, chapter 4): (planned * R(N) + missed * F(N)) / integral of R
    from 0 to N, with the Kaplan-Meier estimate of R. It supposes that a repair makes a machine as good as
    new, which favours this policy.

    Parameters
    ----------
    lives
        Lengths in ticks from start or last failure to the next failure or the end of observation, (n,).
    failed
        Which of them ended in a failure, (n,), bool; the others are censored.

    Examples
    --------
    >>> costs = Costs(missed_failure_eur=1000.0, false_alarm_eur=10.0, planned_repair_eur=100.0)
    >>> best_period(np.array([90.0, 100.0, 110.0]), np.ones(3, bool), costs)
    PeriodicPolicy(interval=90.0, relative_cost=0.111...)
    """
    if not failed.any() or lives.sum() <= 0:
        return PeriodicPolicy(None, 1.0)
    never = costs.missed_failure_eur * failed.sum() / lives.sum()
    time, survival = kaplan_meier(lives, failed)
    area = np.concatenate([[0.0], np.cumsum(survival[:-1] * np.diff(time))])      # integral of R up to each time
    at = np.unique(np.linspace(1, len(time) - 1, min(candidates, len(time) - 1)).round().astype(int))
    kept = survival[at - 1]                                                     # repaired just before it would fail
    rate = (costs.planned_repair_eur * kept + costs.missed_failure_eur * (1 - kept)) / area[at]
    best = int(np.argmin(rate))
    if rate[best] >= never:
        return PeriodicPolicy(None, 1.0)
    return PeriodicPolicy(float(time[at[best]]), float(rate[best] / never))
