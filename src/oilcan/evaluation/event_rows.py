"""Rows with an event forecast, on which any score can be evaluated under any alarm policy."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from oilcan.contract import Costs, Task
from oilcan.core.alarms import crews
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import costs, event_matching
from oilcan.evaluation.fleet_and_forecasts import Fleet
from oilcan.ground import columns
from oilcan.ground.columns import GROUP, MACHINE, TARGET, TIME


@dataclass(frozen=True)
class EventRows:
    """Rows of one part with an event forecast, ready to judge any score and alarm policy.

    Where rows have no time, each is a machine of its own, and an event is a positive row.
    """

    frame: pd.DataFrame
    target: np.ndarray              # (n,) 0, 1, NaN where the outcome is unknown
    costs: Costs
    lead_time: float
    horizon: float
    silent: AlarmPolicy             # the contract's silence and budget, above every probability
    crew: np.ndarray | None         # (n,) whose budget the row draws on
    windows: event_matching.WarningWindows | None
    code: np.ndarray                # (n,) machine of each row, as a position
    n_machines: int

    @classmethod
    def of(cls, fleet: Fleet, name: str, frame: pd.DataFrame, failures: pd.DataFrame | None = None
           ) -> "EventRows":
        """Rows of task `name` in `frame`; `failures` instead of the fleet's if given."""
        task, contract = fleet.contract.tasks[name], fleet.contract
        lead, horizon = _ticks(task, "lead_time"), _ticks(task, "horizon")
        windows = None
        code = np.asarray(pd.factorize(frame[GROUP])[0]) if GROUP in frame else np.arange(len(frame))
        if task.kind == "failure_within":
            windows = event_matching.lay_out(
                frame[MACHINE], columns.ticks(frame[TIME]), fleet.failures if failures is None else failures, lead,
                horizon, event_matching.end_of_observation(fleet.machines, frame[MACHINE]))
            windows = windows.judged_where(~np.isnan(frame[f"{TARGET}{name}"].to_numpy(dtype=np.float64)))
            code = windows.code
        return cls(
            frame, frame[f"{TARGET}{name}"].to_numpy(dtype=np.float64), contract.costs, lead, horizon,
            crews.plain_policy(contract, task, np.inf), crews.crews(contract, fleet.machines, frame[MACHINE]),
            windows, code,
            int(code.max()) + 1 if len(code) else 0)

    @cached_property
    def known(self) -> np.ndarray:
        """Rows whose outcome is known."""
        return ~np.isnan(self.target)

    def plain(self, threshold: float) -> AlarmPolicy:
        """Alarm while the score is at or above the threshold, with the contract's silence and budget."""
        return dataclasses.replace(self.silent, threshold=threshold, release=threshold)

    def counts(self, score: np.ndarray, policy: AlarmPolicy) -> event_matching.EventCounts:
        """Events when `policy` reads `score`."""
        onset = self.onsets(score, policy)
        return costs.row_counts(self.target, onset) if self.windows is None else self.windows.match(onset)

    def held_back(self, score: np.ndarray, policy: AlarmPolicy) -> int:
        """Alarms that the budget kept from the crews."""
        return 0 if self.windows is None else int(self.windows.alarms(policy, score, self.crew).held_back.sum())

    def tally(self, score: np.ndarray, policy: AlarmPolicy) -> event_matching.Tally:
        """The same by machine."""
        return self.tally_of(self.onsets(score, policy))

    def onsets(self, score: np.ndarray, policy: AlarmPolicy) -> np.ndarray:
        """Rows at which `policy` raises an alarm when it reads `score`, (n,)."""
        if self.windows is None:
            return np.asarray(score >= policy.threshold)
        return self.windows.alarms(policy, score, self.crew).onset

    def tally_of(self, onset: np.ndarray) -> event_matching.Tally:
        """Events by machine for alarms at the rows of `onset`."""
        if self.windows is not None:
            return self.windows.tally(onset)
        alarm, positive = onset & self.known, self.target == 1
        whole, hits = np.zeros(0), self._by_owner(alarm & positive)
        return event_matching.Tally(self._by_owner(positive), hits, hits, self._by_owner(alarm & ~positive),
                                    self._by_owner(self.known).astype(np.float64), whole, whole.astype(np.int64))

    def _by_owner(self, rows: np.ndarray) -> np.ndarray:
        """Number of these rows of each group, or of each row where there are no groups."""
        return np.bincount(self.code[rows], minlength=self.n_machines)

    def cost(self, score: np.ndarray, threshold: float) -> float:
        """Cost in EUR of the plain policy at `threshold`."""
        return costs.policy_cost(self.counts(score, self.plain(threshold)), self.costs)

    def cheapest(self, score: np.ndarray) -> tuple[float, float]:
        """The threshold on `score` that costs least here, and that cost; the highest such threshold."""
        cuts = costs.candidate_thresholds(score)
        cost = [self.cost(score, float(cut)) for cut in cuts]
        best = len(cost) - 1 - int(np.argmin(cost[::-1]))
        return float(cuts[best]), cost[best]


def _ticks(task: Task, word: str) -> float:
    duration = getattr(task, word)
    return float(duration.ticks) if duration else 0.0
