"""What is done to readings before features are made of them?

Quarantined readings become missing, and a short silence is bridged by the last reading. Both look
at the past alone: what is done at t never depends on a row after t.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from oilcan.core.timeline.groups import first_rows, group_numbers
from oilcan.ground.columns import KEY, MACHINE, TIME, ticks
from oilcan.ground.time_units import HALF_SECOND


def remove_quarantined(telemetry: pd.DataFrame, quarantine: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Telemetry with its quarantined readings missing, and how many that were.

    Parameters
    ----------
    telemetry
        Canonical rows of some machines; `time` absent for independent rows.
    quarantine
        machine_id, time (if there is one), column; rows of other machines are passed over.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": ["a", "a"], "time": [1, 2], "x": [5.0, 999.0]})
    >>> bad = pd.DataFrame({"machine_id": ["a"], "time": [2], "column": ["x"]})
    >>> remove_quarantined(rows, bad)[0]["x"].tolist()
    [5.0, nan]
    """
    key = [name for name in KEY if name in telemetry]
    is_ours = quarantine[MACHINE].isin(telemetry[MACHINE].unique())
    if not is_ours.any():
        return telemetry, 0
    place = telemetry[key].assign(row=np.arange(len(telemetry)))
    hits = quarantine.loc[is_ours, [*key, "column"]].merge(place, on=key)
    cleaned = {}
    for column, rows in hits.groupby("column")["row"]:
        values = telemetry[column].to_numpy(dtype=np.float64, na_value=np.nan).copy()
        values[rows.to_numpy()] = np.nan
        cleaned[str(column)] = values
    return telemetry.assign(**cleaned), len(hits)


def hold_last(telemetry: pd.DataFrame, columns: Sequence[str], *, longest: float) -> tuple[pd.DataFrame, int]:
    """Telemetry whose missing readings repeat the machine's last one, and how many did.

    Parameters
    ----------
    telemetry
        Sorted by (machine_id, time).
    columns
        Which readings to fill.
    longest
        A reading is repeated for at most this many ticks.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": list("aaab"), "time": [1, 2, 3, 4], "x": [5.0, np.nan, np.nan, np.nan]})
    >>> hold_last(rows, ["x"], longest=1)[0]["x"].tolist()
    [5.0, 5.0, nan, nan]
    """
    first = first_rows(telemetry[MACHINE])
    begin = first[group_numbers(first, len(telemetry))] if len(first) else first
    time, place = ticks(telemetry[TIME]), np.arange(len(telemetry))
    filled, count = {}, 0
    for column in columns:
        values = telemetry[column].to_numpy(dtype=np.float64, na_value=np.nan)
        is_missing = np.isnan(values)
        if is_missing.any() and not is_missing.all():
            last = np.maximum.accumulate(np.where(is_missing, -1, place))
            is_near = is_missing & (last >= begin) & (time - time[last] <= longest + HALF_SECOND)
            filled[column] = np.where(is_near, values[last], values)
            count += int(is_near.sum())
    return telemetry.assign(**filled), count
