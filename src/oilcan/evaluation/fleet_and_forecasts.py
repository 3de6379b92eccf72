"""Input of an evaluation: what happened to the fleet, and its forecasts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.model.fitted import NUMBER
from oilcan.ground import columns
from oilcan.ground.columns import MACHINE, PART, TIME
from oilcan.ground.errors import DataError
from oilcan.ground.needs import GIB, Need

_BYTES_OF_A_CELL: Final = 38        # of a forecast: its part, the columns that are judged, alarms by threshold


@dataclass(frozen=True)
class Fleet:
    """What happened, and to whom: frames as `prepare` wrote them.

    Attributes
    ----------
    rows
        Key, part and targets of the rows of the training and validation part.
    readings
        machine_id, time and the columns of `wanted_readings`; empty without them. Those at forecasts are enough.
    """

    contract: Contract
    rows: pd.DataFrame
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

    def trained_on(self) -> np.ndarray:
        """Ids of the machines that training knew, of either of its parts."""
        return np.asarray(self.rows.loc[self.rows[PART].isin(["train", "validation"]), MACHINE].unique())

    def started(self) -> pd.Series:
        """First tick of observation by machine."""
        return pd.Series(columns.ticks(self.machines["first_time"]), index=self.machines[MACHINE].to_numpy())

    def observed_until(self, frame: pd.DataFrame) -> np.ndarray | None:
        """Last tick of observation of the machine of each row of `frame`; None where it is not known."""
        if "last_time" not in self.machines:
            return None
        last = pd.Series(columns.ticks(self.machines["last_time"]), index=self.machines[MACHINE].to_numpy())
        return frame[MACHINE].map(last).to_numpy(dtype=np.float64)

    def tasks(self, *kinds: str) -> list[str]:
        """Names of the tasks of these kinds, the headline task first."""
        headline = self.contract.headline()[0]
        names = [name for name, task in self.contract.tasks.items() if task.kind in kinds]
        return sorted(names, key=lambda name: name != headline)


def need(forecasts: int, columns: int) -> Need:
    """What an evaluation takes, told from the number of forecasts and the columns of predictions.parquet."""
    return Need(
        "evaluate", f"judging {forecasts:,} forecasts of {columns} columns",
        "Take a host with more memory, or make a validation or test part of the contract's `split` shorter.",
        memory=0.2 * GIB + forecasts * columns * _BYTES_OF_A_CELL)


@dataclass(frozen=True)
class Forecasts:
    """What was forecast: predictions.parquet, and the alarm policy of each task from models/model.json."""

    predictions: pd.DataFrame
    policies: Mapping[str, Any]

    def part(self, name: str) -> pd.DataFrame:
        """Predictions of one part, in order of machine and time."""
        return self.predictions[self.predictions[PART] == name].reset_index(drop=True)

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
            found = [name for name in self.predictions if name == column or (
                task.kind == "class" and str(name).startswith(f"{column}__"))]      # a rare class has no column
            if not found:
                raise DataError(
                    f"predictions: no column {column!r} for task {name!r} (found {sorted(self.predictions.columns)}). "
                    f"Run `dvc repro predict`."
                )
        if not (self.predictions[PART] == "test").any():
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


def forecast_at(predictions: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    """A test of readings: whether any forecast was made at the time of each; where rows have none, of its machine."""
    by = TIME if TIME in predictions else MACHINE
    known = pd.Index(predictions[by].unique())
    return lambda readings: (readings[by].isin(known).to_numpy(dtype=bool) if by in readings
                             else np.zeros(len(readings), dtype=bool))      # no column is wanted, so no reading is


def identity(frame: pd.DataFrame) -> list[str]:
    """Key columns of a frame of rows: machine_id and, where rows have one, time."""
    return [MACHINE, TIME] if TIME in frame else [MACHINE]
