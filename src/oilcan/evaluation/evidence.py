"""What an evaluation looks at: forecasts, what happened, and the numbers the model was trained with."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from oilcan.contract import Contract, Costs, Task
from oilcan.core.alarms import crews
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import costs, event_matching
from oilcan.ground import columns
from oilcan.ground.columns import MACHINE, PART, TIME
from oilcan.ground.errors import DataError
from oilcan.params.evaluate import EvaluateParams


@dataclass(frozen=True)
class Evidence:
    """Everything an evaluation reads, as frames.

    Attributes
    ----------
    predictions, rows
        As `predict` and `prepare` wrote them; `rows` holds all parts.
    readings
        machine_id, time and the columns of `wanted_readings`; empty without them.
    model
        models/model.json.
    explained
        metrics/detail/explain.json: what each task's forecast rests on; may be empty.
    """

    contract: Contract
    params: EvaluateParams
    predictions: pd.DataFrame
    rows: pd.DataFrame
    readings: pd.DataFrame
    errors: pd.DataFrame
    maintenance: pd.DataFrame
    failures: pd.DataFrame
    machines: pd.DataFrame
    model: dict[str, Any]
    explained: dict[str, Any]

    @property
    def has_time(self) -> bool:
        """Whether rows have a time."""
        return self.contract.time.kind != "none"

    @property
    def unit(self) -> str:
        """Ending of names that hold durations: `h` or `cycles`."""
        return "cycles" if self.contract.time.kind == "cycle" else "h"

    def part(self, name: str) -> pd.DataFrame:
        """Predictions of one part, in order of machine and time."""
        return self.predictions[self.predictions[PART] == name].reset_index(drop=True)

    def trained_on(self) -> np.ndarray:
        """Ids of the machines that training knew, of either of its parts."""
        return np.asarray(self.rows.loc[self.rows[PART].isin(["train", "validation"]), MACHINE].unique())

    def started(self) -> pd.Series:
        """First tick of observation by machine."""
        return pd.Series(columns.ticks(self.machines["first_time"]), index=self.machines[MACHINE].to_numpy())

    def tasks(self, *kinds: str) -> list[str]:
        """Names of tasks of these kinds that were forecast, the headline task first."""
        headline = self.contract.headline()[0]
        names = [name for name, task in self.contract.tasks.items() if task.kind in kinds]
        return sorted(names, key=lambda name: name != headline)

    def check(self) -> None:
        """Refuse predictions that cannot be evaluated.

        Raises
        ------
        DataError
            If a task has no forecast, or the test part no rows.
        """
        for name, task in self.contract.tasks.items():
            column = f"rul_{name}" if task.kind == "rul" else f"p_{name}"
            if column not in self.predictions:
                raise DataError(
                    f"predictions: no column {column!r} for task {name!r} (found {sorted(self.predictions.columns)}). "
                    f"Run `dvc repro predict`."
                )
        if not (self.predictions[PART] == "test").any():
            raise DataError("predictions: no rows of the test part (found 0, wanted at least 1). Look at `split` in "
                            f"the contract of {self.contract.name}.")


def wanted_readings(contract: Contract) -> list[str]:
    """Telemetry columns an evaluation needs, led by the key; none where it needs no readings.

    They are those of the rule baseline, and the slices of independent rows.
    """
    wanted = [*contract.rule_baseline]
    if "machines" not in contract.tables:
        wanted += [name for name in contract.slices if name not in wanted]
    key = [MACHINE] if contract.time.kind == "none" else [MACHINE, TIME]
    return [*key, *wanted] if wanted else []


def identity(frame: pd.DataFrame) -> list[str]:
    """Key columns of a frame of rows: machine_id and, where rows have one, time."""
    return [MACHINE, TIME] if TIME in frame else [MACHINE]


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
    def of(cls, evidence: Evidence, name: str, frame: pd.DataFrame, failures: pd.DataFrame | None = None
           ) -> "EventRows":
        """Rows of task `name` in `frame`; `failures` other than the evidence's if given."""
        task, contract = evidence.contract.tasks[name], evidence.contract
        lead, horizon = _ticks(task, "lead_time"), _ticks(task, "horizon")
        windows = None
        code = np.arange(len(frame))
        if task.kind == "failure_within":
            windows = event_matching.lay_out(
                frame[MACHINE].to_numpy(), columns.ticks(frame[TIME]),
                evidence.failures if failures is None else failures, lead, horizon, _observed_until(evidence, frame))
            code = windows.code
        return cls(
            frame, frame[f"target_{name}"].to_numpy(dtype=np.float64), contract.costs, lead, horizon,
            crews.plain_policy(contract, task, np.inf), crews.crews(contract, evidence.machines, frame[MACHINE]),
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
        whole = np.zeros(0)
        return event_matching.Tally(positive.astype(np.int64), (alarm & positive).astype(np.int64),
                            (alarm & positive).astype(np.int64), (alarm & ~positive).astype(np.int64),
                            self.known.astype(np.float64), whole, whole.astype(np.int64))

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


def _observed_until(evidence: Evidence, frame: pd.DataFrame) -> np.ndarray | None:
    if "last_time" not in evidence.machines:
        return None
    last = pd.Series(columns.ticks(evidence.machines["last_time"]), index=evidence.machines[MACHINE].to_numpy())
    return frame[MACHINE].map(last).to_numpy(dtype=np.float64)
