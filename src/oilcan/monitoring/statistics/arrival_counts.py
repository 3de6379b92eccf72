"""How the readings of each window arrived: how many, how many late, and whose clock was ahead. No reading is kept.

A reading is late if it is received after its window is over *and* after a reading of a later window: a load of old
readings in their order is not a fault; a machine that is days behind the others is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from oilcan.ground.time_units import MICROSECONDS_PER_HOUR
from oilcan.monitoring.statistics.quality_statistics import Arrivals
from oilcan.monitoring.window_axis import WindowAxis

_NEVER: Final = 2**63 - 1


@dataclass
class _OfWindow:
    readings: int = 0
    late: int = 0
    first: int = _NEVER                         # earliest moment of receipt
    ahead: dict[str, int] = field(default_factory=dict)         # machine -> microseconds
    doubtful: list[np.ndarray] = field(default_factory=list)    # moments of receipt after its end


class ArrivalCounts:
    """Counts by window.

    Examples
    --------
    >>> axis, day = WindowAxis.parse("day"), 86_400_000_000
    >>> counts = ArrivalCounts(axis)
    >>> counts.take(["a", "b"], np.array([0, 0, 1]), np.array([0, day, 1]), np.array([5, day + 5, 2 * day]))
    >>> counts.of(0).late
    1
    """

    def __init__(self, axis: WindowAxis) -> None:
        self._axis = axis
        self._windows: dict[int, _OfWindow] = {}

    def take(self, names: Sequence[str], code: np.ndarray, times: np.ndarray, received_at: np.ndarray) -> None:
        """Count some readings more.

        Parameters
        ----------
        names, code
            Machines, and the position of each reading's among them, shape (n,).
        times, received_at
            Exact times and microseconds UTC, shape (n,).
        """
        windows = self._axis.window_of(self._axis.slot_of(times))
        gap = times - received_at
        for window in np.unique(windows).tolist():
            here = windows == window
            each = self._windows.setdefault(window, _OfWindow())
            received = received_at[here]
            each.readings += int(here.sum())
            each.first = min(each.first, int(received.min()))
            over = received[received >= self._axis.start(window + 1)]
            if len(over):
                each.doubtful.append(over)
            for at in np.flatnonzero(here & (gap > MICROSECONDS_PER_HOUR)).tolist():
                name = names[code[at]]
                each.ahead[name] = max(each.ahead.get(name, 0), int(gap[at]))

    def settle(self) -> None:
        """Decide which of the readings so far are late: in the order of the log, later ones cannot change it."""
        first_later = _NEVER
        for window in sorted(self._windows, reverse=True):
            each = self._windows[window]
            each.late += sum(int((received > first_later).sum()) for received in each.doubtful)
            each.doubtful = []
            first_later = min(first_later, each.first)

    def of(self, window: int) -> Arrivals:
        """What is known of a window."""
        self.settle()
        each = self._windows.get(window, _OfWindow())
        return Arrivals(each.readings, each.late, None, None, tuple(sorted(each.ahead)),
                        max(each.ahead.values(), default=0) / MICROSECONDS_PER_HOUR)

    def keep_from(self, window: int) -> None:
        """Forget the windows before one."""
        self._windows = {number: each for number, each in self._windows.items() if number >= window}
