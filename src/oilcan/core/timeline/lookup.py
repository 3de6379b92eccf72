"""Position of a machine's newest row at an instant, in a sorted table. Time is whole numbers, so borders are exact."""

import math

import numpy as np


def window_units(window: float, per_tick: int) -> int:
    """A window in whole units, so that (t - window, t] holds the same readings as in ticks.

    Examples
    --------
    >>> window_units(0.5, 3_600_000_000), window_units(2.5, 1)
    (1800000000, 3)
    """
    return math.ceil(round(window * per_tick, 3))


class Timeline:
    """Entries sorted by (machine, time), searched for many (machine, instant) at once.

    Parameters
    ----------
    machine, time
        Codes and whole units, shape (n,), sorted.

    Examples
    --------
    >>> line = Timeline(np.array([0, 0, 1]), np.array([5, 9, 5]))
    >>> line.until(np.array([0, 0, 1]), np.array([9, 9, 4]), inclusive=True)
    array([2, 2, 2])
    >>> line.until(np.array([0]), np.array([9]), inclusive=False)
    array([1])
    """

    def __init__(self, machine: np.ndarray, time: np.ndarray) -> None:
        self._grid = np.unique(time)
        self._width = len(self._grid) + 1
        self._key = machine * self._width + np.searchsorted(self._grid, time)

    def until(self, machine: np.ndarray, time: np.ndarray, *, inclusive: bool) -> np.ndarray:
        """Position after the machine's last entry at or before `time` (before it, unless inclusive)."""
        rank = np.searchsorted(self._grid, time, side="right" if inclusive else "left")
        return np.searchsorted(self._key, machine * self._width + rank)
