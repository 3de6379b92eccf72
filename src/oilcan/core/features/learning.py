"""Counts and a thinned sample of one partition's training readings.

A reading belongs to training if its machine has training rows and it is not later than the last of
them. The plan learns nothing from later readings or from other machines.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.ground.columns import MACHINE, PART, PARTITION, TARGET, TIME
from oilcan.params.stages.featurize import FeaturizeParams

NUMERIC: Final = frozenset({"number", "integer", "flag"})


TICKS: Final = "__ticks"         # names that no data set's column may clash with
LIFE_LEFT: Final = "__target"
SAMPLE: Final = 200_000         # training readings that constants are learned from, about


def row_columns(contract: Contract, params: FeaturizeParams) -> list[str]:
    """The columns of rows.parquet that are read: key, part, and what the health index is learned from."""
    target = health_target(contract) if {"health", "residual"} & set(params.families) else None
    timed = contract.time.kind != "none"
    return [PARTITION, MACHINE, *([TIME] if timed else []), PART, *([target] if target else [])]


def health_target(contract: Contract) -> str | None:
    """Column of rows.parquet with the remaining life of the first `rul` task; None without such a task."""
    return next((f"{TARGET}{name}" for name, task in contract.tasks.items() if task.kind == "rul"), None)


def thinning(contract: Contract, rows: int) -> int:
    """The sample takes every k-th training reading, so that it has about `SAMPLE`; this is k.

    It is the same for every partition, so that each machine has the same weight as in the data.
    """
    stride, period = contract.rows.stride, contract.time.period
    readings = rows * max(1.0, stride.ticks / period.ticks) if stride and period else rows
    return max(1, round(readings / SAMPLE))


@dataclass(frozen=True)
class Learned:
    """Training facts of one partition, mergeable by addition and min/max.

    Parameters
    ----------
    numbers
        Per numeric sensor or condition: present, low, high, steps, changes, falls.
    sample
        Every k-th training reading: machine, ticks, sensors, conditions, static columns, and the
        health target where it is known.
    until
        Machine -> last training instant (whole units; 0 for independent rows).
    since
        Machine -> first reading.
    """

    readings: int
    numbers: pd.DataFrame
    sample: pd.DataFrame
    until: pd.Series
    since: pd.Series


def column_types(contract: Contract, *roles: str) -> dict[str, str]:
    """Telemetry columns of these roles and their types; derived ones are numbers."""
    columns = contract.tables["telemetry"].columns
    return {name: columns[name].type if name in columns else "number" for name in contract.telemetry_columns(*roles)}


def learn(contract: Contract, telemetry: pd.DataFrame, rows: pd.DataFrame, *, keep_every: int) -> Learned:
    """Training facts of one partition.

    Parameters
    ----------
    rows
        machine_id, time, part, and the health target where there is one; nothing else of it is read.
    keep_every
        The sample holds every k-th training reading.
    """
    training = rows[rows[PART] == "train"]
    timed = contract.time.kind != "none"
    instants = exact(training[TIME]) if timed else np.zeros(len(training), np.int64)
    until = pd.Series(instants, index=pd.Index(training[MACHINE]), dtype=np.int64).groupby(level=0).max()
    readings = telemetry.sort_values([MACHINE, TIME] if timed else [MACHINE])
    time = exact(readings[TIME]) if timed else np.zeros(len(readings), np.int64)
    per_tick = units_per_tick(readings[TIME]) if timed else 1
    last = until.reindex(pd.Index(readings[MACHINE]), fill_value=np.iinfo(np.int64).min).to_numpy()
    mine = time <= last
    readings, time = readings[mine], time[mine]
    since = pd.Series(time, index=pd.Index(readings[MACHINE])).groupby(level=0).min()
    kept = [MACHINE, *column_types(contract, "sensor", "condition", "static")]
    numeric = [name for name, kind in column_types(contract, "sensor", "condition").items() if kind in NUMERIC]
    same = (readings[MACHINE] == readings[MACHINE].shift()).to_numpy(dtype=bool)
    numbers = pd.DataFrame({name: _count(readings[name], same) for name in numeric},
                           index=["present", "low", "high", "steps", "changes", "falls"])
    sample = readings[kept].iloc[::keep_every].assign(**{TICKS: (time / per_tick)[::keep_every]})
    target = health_target(contract)
    sample[LIFE_LEFT] = np.nan
    if target in training:
        known = training.set_index([MACHINE, TIME])[target]
        keys = pd.MultiIndex.from_frame(readings[[MACHINE, TIME]].iloc[::keep_every])
        sample[LIFE_LEFT] = known.reindex(keys).to_numpy()
    return Learned(len(readings), numbers, sample.reset_index(drop=True), until, since)


def _count(column: pd.Series, same: np.ndarray) -> list[float]:
    """Present readings, extremes, steps between neighbouring readings of a machine, changes, falls."""
    values = column.to_numpy(np.float64, na_value=np.nan)
    there = values[~np.isnan(values)]
    if len(there) == 0:
        return [0.0, np.inf, -np.inf, 0.0, 0.0, 0.0]
    step = np.diff(values, prepend=np.nan)[same]
    step = step[~np.isnan(step)]
    return [len(there), there.min(), there.max(), len(step), float((step != 0).sum()), float((step < 0).sum())]


def merge(parts: list[Learned]) -> Learned:
    """Facts of all partitions together."""
    numbers = parts[0].numbers.copy()
    for part in parts[1:]:
        low, high = np.minimum(numbers.loc["low"], part.numbers.loc["low"]), np.maximum(
            numbers.loc["high"], part.numbers.loc["high"])
        numbers = numbers + part.numbers
        numbers.loc["low"], numbers.loc["high"] = low, high
    return Learned(
        sum(part.readings for part in parts), numbers,
        pd.concat([part.sample for part in parts], ignore_index=True),
        pd.concat([part.until for part in parts]), pd.concat([part.since for part in parts]),
    )  # fmt: skip
