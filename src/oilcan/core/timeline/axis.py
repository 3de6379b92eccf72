"""Rows and failures of many machines on one increasing axis, so that one binary search serves all."""

from typing import Final

import numpy as np

SLACK: Final = 1e-6         # of a tick: fractions of an hour are not exact in floats
_PIECE: Final = 1 << 18     # rows that are looked up together, so that years of rows need no more memory


class Axis:
    """Rows and failures on one increasing axis, machine after machine."""

    def __init__(self, ticks: np.ndarray, code: np.ndarray, when: np.ndarray, who: np.ndarray, reach: float) -> None:
        both = np.concatenate([ticks, when])
        origin = both.min() if len(both) else 0.0
        span = (both.max() - origin if len(both) else 0.0) + 2.0 * reach + 2.0
        self._rows = code * span
        self._rows += ticks - origin
        self._failures = who * span + (when - origin)
        self._shift = who * span - origin

    def any_failure(self, after: float, until: float) -> np.ndarray:
        """Rows with a failure in (t + after, t + until]."""
        found = np.empty(len(self._rows), dtype=bool)
        for start in range(0, len(found), _PIECE):
            rows = self._rows[start : start + _PIECE]
            low = np.searchsorted(self._failures, rows + after + SLACK, side="right")
            high = np.searchsorted(self._failures, rows + until + SLACK, side="right")
            found[start : start + _PIECE] = high > low
        return found

    def rows_from(self, instant: np.ndarray) -> np.ndarray:
        """For each failure the first row of its machine at or after `instant`."""
        return np.searchsorted(self._rows, self._shift + instant - SLACK, side="left")
