"""Readings of one partition as columns of numbers, with the borders of its machines."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.timeline.groups import exact, first_rows, group_numbers
from oilcan.ground.columns import MACHINE, TIME


def checked_sensors(contract: Contract) -> list[str]:
    """Telemetry columns whose readings are checked: sensors, conditions and static columns."""
    columns = contract.telemetry_columns("sensor", "condition", "static")
    return [name for name in columns if name not in contract.derived]


def moving_sensors(contract: Contract) -> list[str]:
    """Checked columns that should move: numbers that are not static."""
    columns = contract.tables["telemetry"].columns
    names = contract.telemetry_columns("sensor", "condition")
    return [name for name in names if name in columns and columns[name].type in {"number", "integer"}]


@dataclass(frozen=True)
class Readings:
    """One partition.

    Attributes
    ----------
    machines
        Ids, in order, shape (m,).
    first, group
        First row of each machine (m,), and number of each row's machine (n,).
    time
        Exact time, shape (n,); None for independent rows.
    values
        Numbers by sensor, out-of-range ones missing, each shape (n,).
    is_missing
        By checked column, before the range was looked at.
    out_of_range
        Positions, by sensor with a range.
    """

    machines: np.ndarray
    first: np.ndarray
    group: np.ndarray
    time: np.ndarray | None
    values: Mapping[str, np.ndarray]
    is_missing: Mapping[str, np.ndarray]
    out_of_range: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, telemetry: pd.DataFrame, contract: Contract) -> "Readings":
        """Readings of a canonical partition, sorted by (machine_id, time)."""
        columns = contract.tables["telemetry"].columns
        first = first_rows(telemetry[MACHINE])
        values, is_missing, outside = {}, {}, {}
        for name in checked_sensors(contract):
            if columns[name].type not in {"number", "integer"}:
                is_missing[name] = telemetry[name].isna().to_numpy()
                continue
            numbers = telemetry[name].to_numpy(dtype=np.float64, na_value=np.nan)
            is_missing[name] = np.isnan(numbers)
            low, high = columns[name].range or (None, None)
            is_outside = np.zeros(len(numbers), dtype=bool)
            if low is not None:
                is_outside |= numbers < low
            if high is not None:
                is_outside |= numbers > high
            outside[name] = np.flatnonzero(is_outside)
            values[name] = np.where(is_outside, np.nan, numbers) if len(outside[name]) else numbers
        return cls(
            machines=telemetry[MACHINE].to_numpy(dtype=object)[first],
            first=first,
            group=group_numbers(first, len(telemetry)),
            time=exact(telemetry[TIME]) if TIME in telemetry else None,
            values=values,
            is_missing=is_missing,
            out_of_range=outside,
        )


def runs(values: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First position and length of every run of equal readings within one machine.

    A missing reading is a run of its own and is left out.

    Parameters
    ----------
    first
        First row of each machine.

    Examples
    --------
    >>> start, length = runs(np.array([7.0, 7, 7, np.nan, 7]), np.array([0, 2]))
    >>> start.tolist(), length.tolist()
    ([0, 2, 4], [2, 1, 1])
    """
    is_new = np.ones(len(values), dtype=bool)
    is_new[1:] = values[1:] != values[:-1]
    is_new[first] = True
    start = np.flatnonzero(is_new)
    length = np.diff(start, append=len(values))
    is_reading = ~np.isnan(values[start])
    return start[is_reading], length[is_reading]
