"""Choose the alarm policy that would have cost least on the validation part.

Costs are those of events: missed failures, false alarms, planned repairs; each independent row is an event of its own.
A higher threshold that misses no more failures is preferred. Thresholds near the optimum cost about the same, so the
middle of that range is taken. A release below the threshold, and several rows to confirm, are kept only if they save
more than resampling the machines explains. If no failure of the part can be judged, the prices alone decide: alarm
where an alarm costs less than silence on average, given p.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract, Costs, Task
from oilcan.core.alarms import crews
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import costs as cost_rules
from oilcan.core.judging import event_matching
from oilcan.core.judging.event_matching import EventCounts
from oilcan.ground.columns import MACHINE, TIME, ticks

_RELEASES: Final = (0.8, 0.6, 0.4)          # of the threshold
_CONFIRMS: Final = (2, 3, 4)                # rows in a row
_NOISE: Final = 2.5                         # standard errors; one in twenty for six tries (Bonferroni: 0.05 / 6)
_VALLEY: Final = 0.01                       # of what the cheapest saves over no alarms: as cheap as the cheapest
_EDGE: Final = 1e-9                         # thresholds have log-odds from here to 1 - here
_CUTS: Final = 25                           # thresholds tried again with each of them


@dataclass(frozen=True)
class PolicyChoice:
    """The policy, its cost on the validation part, and the gain of each step of the choice."""

    policy: AlarmPolicy
    cost: float
    counts: EventCounts
    steps: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For metrics/detail/train.json."""
        return {**self.policy.as_json(), "cost_eur": self.cost, "failures": self.counts.n_failures,
                "detected": self.counts.detected, "false_alarms": self.counts.false_alarms,
                "steps": {step["step"]: {key: value for key, value in step.items() if key != "step"}
                          for step in self.steps}}


@dataclass(frozen=True)
class PolicyComparison:
    """Validation rows on which policies are compared."""

    windows: event_matching.WarningWindows
    p: np.ndarray                   # (n,)
    crew: np.ndarray | None         # (n,)
    costs: Costs

    def cheapest(self, policies: Sequence[AlarmPolicy]) -> PolicyChoice:
        """The choice among policies that differ in the threshold alone."""
        return central(policies, cost_rules.policy_curve(self.windows, self.p, policies, self.crew), self.costs)

    def gain(self, old: AlarmPolicy, new: AlarmPolicy) -> tuple[float, float]:
        """What `new` saves in EUR, and how much of that a draw of other machines explains.

        The second is `_NOISE` times the standard deviation of the saving when machines are drawn with
        replacement (the bootstrap's, in closed form: the draw is multinomial).
        """
        before, after = (cost_rules.cost_by_machine(
            self.windows.tally(self.windows.alarms(policy, self.p, self.crew).onset), self.costs)
            for policy in (old, new))
        saved = before - after                                                  # (n_machines,)
        return float(saved.sum()), float(_NOISE * np.sqrt(np.sum((saved - saved.mean()) ** 2)))


@dataclass(frozen=True)
class ValidationForecasts:
    """Validation rows with their forecasts, and what happened to their machines.

    Attributes
    ----------
    rows
        Sorted by machine and time.
    target, p
        Outcome (NaN where unknown) and calibrated probability of each row, shape (n,).
    failures, machines
        Canonical tables; not used for independent rows.
    """

    rows: pd.DataFrame
    target: np.ndarray
    p: np.ndarray
    failures: pd.DataFrame
    machines: pd.DataFrame


def choose_policy(contract: Contract, task: Task, judged: ValidationForecasts) -> PolicyChoice:
    """The cheapest alarm policy on validation rows."""
    rows, p = judged.rows, judged.p
    plain = [crews.plain_policy(contract, task, float(cut)) for cut in cost_rules.candidate_thresholds(p)]
    if task.horizon is None or task.lead_time is None:
        counts = [cost_rules.row_counts(judged.target, p >= policy.threshold) for policy in plain]
        return central(plain, counts, contract.costs)
    windows = event_matching.lay_out(rows[MACHINE].to_numpy(), ticks(rows[TIME]), judged.failures,
                             task.lead_time.ticks, task.horizon.ticks).judged_where(~np.isnan(judged.target))
    comparison = PolicyComparison(windows, p, crews.crews(contract, judged.machines, rows[MACHINE]), contract.costs)
    if len(windows.failure_machine) == 0:                                       # shorter than a warning window
        policy = crews.plain_policy(contract, task, cost_rules.indifferent_probability(contract.costs))
        return PolicyChoice(policy, 0.0, windows.match(windows.alarms(policy, p, comparison.crew).onset))
    chosen = comparison.cheapest(plain)
    cuts = cost_rules.candidate_thresholds(p, _CUTS)
    for word, values in (("release", _RELEASES), ("confirm", _CONFIRMS)):
        chosen = _refined(comparison, chosen, word, values, cuts)
    return chosen


def _refined(comparison: PolicyComparison, old: PolicyChoice, word: str, values: Sequence[float], cuts: np.ndarray
             ) -> PolicyChoice:
    """The cheapest policy with one of `values`, with a new threshold; `old` if it saves no more than noise."""
    tried = [comparison.cheapest([_with(old.policy, word, value).at(float(cut)) for cut in cuts]) for value in values]
    new = min(tried, key=lambda choice: choice.cost)                            # of equals the first: the simplest
    gain, noise = comparison.gain(old.policy, new.policy)
    is_better = gain > noise
    step = {"step": word, "tried": getattr(new.policy, word), "threshold": new.policy.threshold, "gain_eur": gain,
            "noise_eur": noise, "kept": is_better}
    return replace(new if is_better else old, steps=(*old.steps, step))


def _with(policy: AlarmPolicy, word: str, value: float) -> AlarmPolicy:
    if word == "release":
        return replace(policy, release=value * policy.threshold)
    return replace(policy, confirm=int(value))


def central(policies: Sequence[AlarmPolicy], counts: Sequence[EventCounts], costs: Costs) -> PolicyChoice:
    """The middle, in log-odds of the threshold, of the valley around the cheapest policy.

    The valley holds the neighbours, one after the other, that cost at most 1 % of the saving over no alarms more.
    On its upper edge, where `cheapest` stands, the next failure with a slightly lower p would be missed.

    Parameters are those of `cheapest`.

    Examples
    --------
    >>> costs = Costs(missed_failure_eur=100.0, false_alarm_eur=1.0, planned_repair_eur=5.0)
    >>> good, never = EventCounts(2, 2, 0, 2, 2, 0, np.zeros(0)), EventCounts(2, 0, 2, 0, 0, 0, np.zeros(0))
    >>> policies = [AlarmPolicy.plain(cut) for cut in (0.2, 0.5, 0.8, 0.9)]
    >>> central(policies, [good, good, good, never], costs).policy.threshold
    0.5
    """
    best = cheapest(policies, counts, costs)
    cost = np.array([cost_rules.policy_cost(count, costs) for count in counts])
    limit = best.cost + _VALLEY * max(cost_rules.run_to_failure(best.counts.n_failures, costs) - best.cost, 0.0)
    at = policies.index(best.policy)
    dear = np.flatnonzero(cost > limit)
    low, high = dear[dear < at].max(initial=-1) + 1, dear[dear > at].min(initial=len(cost)) - 1
    inside = np.clip([policy.threshold for policy in policies], _EDGE, 1.0 - _EDGE)
    odds = np.log(inside) - np.log1p(-inside)
    middle = int(np.argmin(np.abs(odds - (odds[low] + odds[high]) / 2)))
    return PolicyChoice(policies[middle], float(cost[middle]), counts[middle])


def cheapest(policies: Sequence[AlarmPolicy], counts: Sequence[EventCounts], costs: Costs) -> PolicyChoice:
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
    best: PolicyChoice | None = None
    fewest = np.inf
    for policy, count in zip(policies[::-1], counts[::-1], strict=True):
        if count.missed >= fewest:
            continue
        fewest = count.missed
        cost = cost_rules.policy_cost(count, costs)
        if best is None or cost < best.cost:
            best = PolicyChoice(policy, float(cost), count)
    if best is None:
        raise ValueError("policies: empty (wanted at least one)")
    return best
