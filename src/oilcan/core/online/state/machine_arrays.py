"""Named arrays with one row per machine: the state of all machines at once, grown by doubling."""

from collections.abc import Mapping
from typing import Final

import numpy as np

Taken = dict[str, np.ndarray]       # rows of some machines, copied; the first axis is theirs
NONE: Final = -(2**62)              # whole units: before any instant, and no overflow when a window is subtracted


class MachineRows:
    """State by field and machine.

    Parameters
    ----------
    empty
        Field -> the row of a machine that has sent nothing.

    Examples
    --------
    >>> rows = MachineRows(count=np.array(0), held=np.array([np.nan, np.nan]))
    >>> rows.grow(3)
    >>> rows.put(np.array([1]), {"count": np.array([5])})
    >>> rows["count"].tolist(), rows["held"].shape
    ([0, 5, 0], (3, 2))
    """

    def __init__(self, **empty: np.ndarray) -> None:
        self.empty = empty
        self._arrays = {name: np.empty((0, *row.shape), row.dtype) for name, row in empty.items()}
        self._n = 0

    def __getitem__(self, field: str) -> np.ndarray:
        return self._arrays[field][: self._n]

    def grow(self, n: int) -> None:
        """Make room for machines up to number `n`, all of them new."""
        for name, row in self.empty.items():
            old = self._arrays[name]
            if n > len(old):
                self._arrays[name] = np.empty((max(n, 2 * len(old)), *row.shape), row.dtype)
                self._arrays[name][: self._n] = old[: self._n]
            self._arrays[name][self._n : n] = row
        self._n = max(self._n, n)

    def take(self, slots: np.ndarray) -> Taken:
        """Copies of the rows of some machines."""
        return {name: array.take(slots, axis=0) for name, array in self._arrays.items()}

    def put(self, slots: np.ndarray, rows: Mapping[str, np.ndarray]) -> None:
        """Replace some fields of some machines."""
        for name, values in rows.items():
            self._arrays[name][slots] = values
