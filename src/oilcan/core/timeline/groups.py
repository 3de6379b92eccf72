"""Which rows of a table sorted by machine belong together?

Everything per machine is computed on whole columns with these boundaries; a Python loop over
twenty thousand machines would cost more than the work itself.
"""

from typing import TYPE_CHECKING

import numpy as np

from oilcan.ground.time_units import MICROSECONDS_PER_HOUR

if TYPE_CHECKING:               # names for the reader; the service computes online features without waiting for pandas
    import pandas as pd


def first_rows(machine: "pd.Series") -> np.ndarray:
    """Positions at which a new machine begins.

    Parameters
    ----------
    machine
        Machine ids, equal ones side by side, shape (n,).

    Returns
    -------
    Shape (number of machines,), ascending; empty for no rows.

    Examples
    --------
    >>> import pandas as pd
    >>> first_rows(pd.Series(["a", "a", "b"])).tolist()
    [0, 2]
    """
    is_new = (machine != machine.shift()).to_numpy(dtype=bool)
    return np.flatnonzero(is_new)


def group_numbers(first: np.ndarray, rows: int) -> np.ndarray:
    """Number of the group, from 0, that each row belongs to.

    Examples
    --------
    >>> group_numbers(np.array([0, 2]), 3).tolist()
    [0, 0, 1]
    """
    return np.repeat(np.arange(len(first)), np.diff(first, append=rows))


def minus_group_mean(column: np.ndarray, group: np.ndarray) -> np.ndarray:
    """A column minus the mean of its group over the values that are not NaN, shape (n,).

    Examples
    --------
    >>> minus_group_mean(np.array([1.0, 3.0, np.nan, 5.0]), np.array([0, 0, 0, 1])).tolist()
    [-1.0, 1.0, nan, 0.0]
    """
    known = ~np.isnan(column)
    count = np.bincount(group[known], minlength=group.max(initial=0) + 1)
    total = np.bincount(group[known], column[known], minlength=len(count))
    return np.asarray(column - (total / np.maximum(count, 1))[group])


def exact(time: "pd.Series") -> np.ndarray:
    """Time as whole numbers, so that borders of intervals are exact: microseconds, or cycles.

    Examples
    --------
    >>> import pandas as pd
    >>> exact(pd.Series(pd.to_datetime(["1970-01-01 00:00:01"], utc=True))).tolist()
    [1000000]
    """
    if time.dtype.kind == "M":
        return np.asarray(time.astype("datetime64[us, UTC]").astype("int64"), dtype=np.int64)
    return time.to_numpy(dtype=np.int64)


def units_per_tick(time: "pd.Series") -> int:
    """Exact units in a tick: microseconds in an hour, or 1 where cycles are counted.

    Examples
    --------
    >>> import pandas as pd
    >>> units_per_tick(pd.Series([1, 2, 3]))
    1
    """
    return MICROSECONDS_PER_HOUR if time.dtype.kind == "M" else 1
