"""Input of an evaluation: what happened to the fleet, and its forecasts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.bundle.learned_rows import LEARNED
from oilcan.core.model.fitted import NUMBER
from oilcan.evaluation.split_table import SplitTable
from oilcan.ground import columns
from oilcan.ground.columns import GROUP, KEY, MACHINE, TARGET, TIME
from oilcan.ground.errors import DataError
from oilcan.ground.needs import GIB, Need

_BYTES_OF_A_FORECAST: Final = 80    # key, outcome, probability and warning windows of both parts
_BYTES_OF_A_ROW: Final = 70         # the same of the training part, while error codes are chosen


@dataclass(frozen=True)
class Fleet:
    """What happened, and to whom: frames as `prepare` wrote them.

    Attributes
    ----------
    rows
        Key and targets of all rows; only those of the training and validation part are read.
    readings
        machine_id, time and the columns of `wanted_readings`; empty without them. Those at forecasts are enough.
    """

    contract: Contract
    rows: SplitTable
    readings: pd.DataFrame
    errors: pd.DataFrame
    maintenance: pd.DataFrame
    failures: pd.DataFrame
    machines: pd.DataFrame

    @property
    def has_time(self) -> bool:
        """Whether rows have a time."""
        return self.contract.time.kind != "none"

    @property
    def unit(self) -> str:
        """Unit of lengths of time in results, and the ending of their names: `h`, `cycles`, `s`, ..."""
        return self.contract.time.lengths

    @cached_property
    def _last_rows(self) -> dict[str, pd.Series]:
        """Tick of the last row of each machine in the training and the validation part."""
        last = {}
        for part in LEARNED:
            rows = self.rows.read(part, [MACHINE, TIME])
            code, machines = pd.factorize(rows[MACHINE])
            last[part] = pd.Series(columns.ticks(rows[TIME])).groupby(code).max().set_axis(np.asarray(machines))
        return last

    def last_rows(self, *parts: str) -> pd.Series:
        """Tick of the last row by machine, of the machines with rows in these parts, in order of their ids."""
        return pd.concat([self._last_rows[part] for part in parts]).groupby(level=0).max()

    def trained_on(self) -> np.ndarray:
        """Ids of the machines that training knew, of either of its parts."""
        return self.last_rows(*LEARNED).index.to_numpy()

    def started(self) -> pd.Series:
        """First tick of observation by machine."""
        return pd.Series(columns.ticks(self.machines["first_time"]), index=self.machines[MACHINE].to_numpy())

    def tasks(self, *kinds: str) -> list[str]:
        """Names of the tasks of these kinds, the headline task first."""
        headline = self.contract.headline()[0]
        names = [name for name, task in self.contract.tasks.items() if task.kind in kinds]
        return sorted(names, key=lambda name: name != headline)


def need(forecasts: int, rows: int) -> Need:
    """What an evaluation takes, told from the number of forecasts and of all rows."""
    return Need(
        "evaluate", f"judging {forecasts:,} forecasts of {rows:,} rows",
        "Take a host with more memory, or make a validation or test part of the contract's `split` shorter.",
        memory=0.2 * GIB + forecasts * _BYTES_OF_A_FORECAST + rows * _BYTES_OF_A_ROW)


@dataclass(frozen=True)
class Forecasts:
    """What was forecast: predictions.parquet, and the alarm policy of each task from models/model.json."""

    predictions: SplitTable
    policies: Mapping[str, Any]

    def part(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Predictions of one part, in order of machine and time; all columns if none are named."""
        return self.predictions.read(name, self.predictions.columns if columns is None else columns)

    def outcomes(self, name: str, task: str) -> pd.DataFrame:
        """Key, group and target of the rows of one part, without any forecast."""
        wanted = (*KEY, GROUP, f"{TARGET}{task}")
        return self.part(name, [column for column in self.predictions.columns if column in wanted])

    def values(self, name: str, column: str) -> np.ndarray | None:
        """One column of a part as numbers, (n,); None if there is no such column."""
        if column not in self.predictions.columns:
            return None
        return self.part(name, [column])[column].to_numpy(dtype=np.float64)

    def policy(self, task: str) -> AlarmPolicy:
        """The alarm policy of a task; DataError if there is none."""
        if task not in self.policies:
            raise DataError(f"model.json: no alarm policy for task {task!r} (found {sorted(self.policies)}). "
                            f"Run `dvc repro train`.")
        return AlarmPolicy.from_json(self.policies[task])

    def check(self, contract: Contract) -> None:
        """Refuse predictions that cannot be evaluated.

        Raises
        ------
        DataError
            If a task has no forecast, or the test part no rows.
        """
        for name, task in contract.tasks.items():
            column = {"rul": "rul_", "number": NUMBER}.get(task.kind, "p_") + name
            found = [name for name in self.predictions.columns if name == column or (
                task.kind == "class" and name.startswith(f"{column}__"))]           # a rare class has no column
            if not found:
                raise DataError(
                    f"predictions: no column {column!r} for task {name!r} (found {sorted(self.predictions.columns)}). "
                    f"Run `dvc repro predict`."
                )
        if len(self.part("test", [MACHINE])) == 0:
            raise DataError("predictions: no rows of the test part (found 0, wanted at least 1). Look at `split` in "
                            f"the contract of {contract.name}.")


def wanted_readings(contract: Contract) -> list[str]:
    """Telemetry columns an evaluation needs, led by the key; none where it needs no readings.

    They are those of the rule baseline, and the slices of independent rows.
    """
    wanted = [*contract.rule_baseline]
    if "machines" not in contract.tables:
        wanted += [name for name in contract.slices if name not in wanted]
    key = [MACHINE] if contract.time.kind == "none" else [MACHINE, TIME]
    return [*key, *wanted] if wanted else []


def forecast_at(forecasts: pd.Series) -> Callable[[pd.DataFrame], np.ndarray]:
    """A test of readings: whether any forecast was made at the time of each; where rows have none, of its machine.

    Parameters
    ----------
    forecasts
        Time of each forecast, or machine where rows have no time, (n,).
    """
    by, known = forecasts.name, pd.Index(forecasts.unique())
    return lambda readings: (readings[by].isin(known).to_numpy(dtype=bool) if by in readings
                             else np.zeros(len(readings), dtype=bool))      # no column is wanted, so no reading is


def identity(frame: pd.DataFrame) -> list[str]:
    """Key columns of a frame of rows: machine_id and, where rows have one, time."""
    return [MACHINE, TIME] if TIME in frame else [MACHINE]
