"""Which slot and which window does a moment belong to?

A slot is the smallest span that is counted by itself: a day, or some cycles. A window is what one verdict is about: a
day, a week from Monday to Sunday, a calendar month, or some days or cycles. Windows are whole slots and aligned with
the calendar (UTC), so that stored tables and the live service use the same windows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.contract import Time
from oilcan.ground.durations import Duration
from oilcan.ground.time_units import UNITS_PER_TICK, elapsed

DAY_US: Final = 86_400_000_000
_RUNNING_SLOTS: Final = 20
_FIRST_MONDAY: Final = 4                # days after 1970-01-01
_DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True)
class WindowAxis:
    """Slots and windows of one data set.

    Attributes
    ----------
    slot
        Exact length of a slot: microseconds, or cycles.
    slots
        Slots in a window; 0 for calendar months.
    counts_cycles
        Whether a machine counts its own cycles or running time; then windows are those of its own life.
    unit
        Of running time: `s`, `min` or `h`.
    """

    slot: int
    slots: int
    counts_cycles: bool = False
    unit: str = ""

    @classmethod
    def of(cls, text: str, time: Time) -> "WindowAxis":
        """The axis of a window as a contract counts time; a window of running time is any duration, of twenty slots.

        Examples
        --------
        >>> axis = WindowAxis.of("40s", Time(kind="elapsed", unit="s"))
        >>> axis.slot, axis.slots, axis.name(2)
        (2000000, 20, '80-120 s')
        """
        if time.kind != "elapsed":
            return cls.parse(text, counts_cycles=time.kind == "cycle")
        length = Duration.parse(text)
        if length.counts_cycles:
            raise ValueError(f"window: {text!r} does not fit a data set that counts running time")
        slot = round(length.ticks * UNITS_PER_TICK[time.kind] / _RUNNING_SLOTS)
        return cls(max(slot, 1), _RUNNING_SLOTS, True, time.unit)

    @classmethod
    def parse(cls, text: str, *, counts_cycles: bool = False) -> "WindowAxis":
        """The axis of a window: `day`, `week`, `month`, or a duration of whole days or cycles.

        Raises
        ------
        ValueError
            If the text is no such window, or counts something else than the data set does.

        Examples
        --------
        >>> WindowAxis.parse("week").slots, WindowAxis.parse("14d").slots
        (7, 14)
        """
        text = {"day": "1d", "week": "7d"}.get(text, text)
        if text == "month" and not counts_cycles:
            return cls(DAY_US, 0)
        length = Duration.parse(text)
        if length.counts_cycles != counts_cycles:
            raise ValueError(f"window: {text!r} does not fit a data set that counts "
                             f"{'cycles' if counts_cycles else 'time'}")
        slots = length.ticks if counts_cycles else length.ticks / 24
        if slots < 1 or slots != round(slots):
            raise ValueError(f"window: {text!r} is not a whole number of {'cycles' if counts_cycles else 'days'}")
        return cls(1, int(slots), True) if counts_cycles else cls(DAY_US, int(slots))

    def slot_of(self, time: np.ndarray) -> np.ndarray:
        """Number of the slot of exact times, shape (n,)."""
        return np.floor_divide(time, self.slot)

    def window_of(self, slot: np.ndarray) -> np.ndarray:
        """Number of the window of slots, shape (n,)."""
        slot = np.asarray(slot, dtype=np.int64)
        if self.slots:
            return np.floor_divide(slot - self._offset, self.slots)
        return slot.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)

    def first_slot(self, window: int) -> int:
        """First slot of a window."""
        if self.slots:
            return window * self.slots + self._offset
        return int(np.datetime64(window, "M").astype("datetime64[D]").astype(np.int64))

    def start(self, window: int) -> int:
        """Exact time at which a window begins."""
        return self.first_slot(window) * self.slot

    def last_whole(self, until: int) -> int:
        """The last window that ends at or before an exact time."""
        return int(self.window_of(self.slot_of(np.array([until])))[0]) - 1

    def name(self, window: int) -> str:
        """The window as people write it.

        Examples
        --------
        >>> axis = WindowAxis.parse("week")
        >>> axis.name(int(axis.window_of(axis.slot_of(np.array([0])))[0]))
        '1969-12-29'
        """
        if self.unit:
            ends = (f"{elapsed(self.start(each), self.unit):,.10g}" for each in (window, window + 1))
            return f"{'-'.join(ends)} {self.unit}"
        if self.counts_cycles:
            return f"cycles {self.start(window)}-{self.start(window + 1) - 1}"
        return str(np.datetime64(self.start(window), "us").astype("datetime64[D]"))

    @property
    def per_year(self) -> float:
        """Windows in a year; for cycles, 52: a year of weekly looks."""
        if self.counts_cycles:
            return 52.0
        return _DAYS_A_YEAR / self.slots if self.slots else 12.0

    @property
    def _offset(self) -> int:
        return _FIRST_MONDAY if self.slots % 7 == 0 and not self.counts_cycles else 0
