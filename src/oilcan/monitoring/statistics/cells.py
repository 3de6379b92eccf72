"""Counts by machine, slot and column; every statistic of a window is a sum over these cells.

All counts are whole numbers and extremes, so the order of readings does not matter: a whole table and single readings
give the same cells, to the last bit. No reading is kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

UNIT: Final = 65_536                    # fixed point of deviations: a sum of whole numbers has no order
FARTHEST: Final = 100.0                 # reference standard deviations; what lies beyond counts as this
RAW_FARTHEST: Final = 1e6
_AT_ONCE: Final = 100_000               # numbers counted together: fit into a cache, and their sums into 53 bits
_SPARE: Final = 16                      # slots made with a new one: each growth copies all cells of a fleet
_GROW: Final = ("readings", "aside", "missing", "outside", "n", "total", "raw_total", "low", "high", "histogram")


@dataclass
class Cells:
    """Counts by machine, slot and column; arrays grow with machines and slots.

    Attributes
    ----------
    machines
        Ids in the order of the first axis.
    first_slot
        Number of the first slot of the second axis.
    readings, aside
        Rows, and rows under operating conditions that the reference does not know; shape (m, t).
    missing, outside
        Readings that are missing or outside the physical range, shape (m, t, c).
    n, total
        Readings judged, and the sum of their deviations in `UNIT`ths of a reference standard deviation.
    raw_total
        Sum of the readings themselves in `UNIT`ths of a reference standard deviation, in range or not.
    low, high
        Extremes of the readings as float32; inf and -inf where there is none.
    histogram
        Readings judged by bin of the deviation, shape (m, t, c, bins).
    """

    columns: int
    bins: int
    machines: list[str] = field(default_factory=list)
    first_slot: int = 0
    readings: np.ndarray = field(init=False)
    aside: np.ndarray = field(init=False)
    missing: np.ndarray = field(init=False)
    outside: np.ndarray = field(init=False)
    n: np.ndarray = field(init=False)
    total: np.ndarray = field(init=False)
    raw_total: np.ndarray = field(init=False)
    low: np.ndarray = field(init=False)
    high: np.ndarray = field(init=False)
    histogram: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._place = {name: at for at, name in enumerate(self.machines)}
        self._room = {name: self._blank(name, len(self.machines), 0) for name in _GROW}
        self._show(0)

    @property
    def slots(self) -> int:
        """Length of the second axis."""
        return int(self.readings.shape[1])

    @property
    def nbytes(self) -> int:
        """Memory of all arrays, room for slots to come included."""
        return sum(int(room.nbytes) for room in self._room.values())

    def codes(self, machine_ids: Sequence[str]) -> np.ndarray:
        """Positions of machines, shape (n,); unknown ones are entered at the end."""
        new = [name for name in dict.fromkeys(machine_ids) if name not in self._place]
        if new:
            self._place |= {name: len(self.machines) + at for at, name in enumerate(new)}
            self.machines += new
            self._resize(len(self.machines), self.first_slot, self.slots)
        return np.array([self._place[name] for name in machine_ids], dtype=np.int64)

    def add(self, machine: np.ndarray, slot: np.ndarray, readings: "Signals") -> None:
        """Count some readings more, in any order.

        Parameters
        ----------
        machine
            Positions from `codes`, shape (n,).
        slot
            Number of the slot of each reading, shape (n,).
        """
        if not len(machine):
            return
        self._cover(int(slot.min()), int(slot.max()))
        for rows in pieces(len(machine), self.columns):
            self._add(machine[rows] * self.slots + (slot[rows] - self.first_slot), readings.rows(rows))

    def _add(self, cell: np.ndarray, readings: "Signals") -> None:
        order = np.argsort(_narrow(cell), kind="stable")
        sorted_cells = cell[order]
        start = np.flatnonzero(np.diff(sorted_cells, prepend=-1))
        at = np.divmod(sorted_cells[start], self.slots)
        self.readings[at] += np.diff(start, append=len(cell))
        self.aside[at] += np.add.reduceat(readings.is_aside[order], start, dtype=np.int64)
        if readings.is_outside.any():
            self.outside[at] += _sums(np.take(readings.is_outside.T, order, axis=1), start)
        raw = np.take(readings.raw.T, order, axis=1)            # (c, n): sums over long rows are the fast ones
        is_missing = np.isnan(raw)
        self.missing[at] += _sums(is_missing, start)
        self.low[at] = np.fmin(self.low[at], np.fmin.reduceat(raw, start, axis=1).T)
        self.high[at] = np.fmax(self.high[at], np.fmax.reduceat(raw, start, axis=1).T)
        self.raw_total[at] += _sums(_units(raw / readings.raw_scale[:, None], is_missing, RAW_FARTHEST), start)
        self._add_deviations(at, start, order, readings)

    def _add_deviations(self, at: tuple[np.ndarray, np.ndarray], start: np.ndarray, order: np.ndarray,
                        readings: "Signals") -> None:
        is_judged = ~np.isnan(readings.deviation.T)
        columns = np.flatnonzero(is_judged.any(axis=1))         # of conditions nothing is judged
        deviation, is_judged = (np.take(values[columns], order, axis=1)
                                for values in (readings.deviation.T, is_judged))
        shape = len(columns), len(start), self.bins + 1
        first = np.repeat(np.arange(shape[1]) * shape[2], np.diff(start, append=len(order)))
        place = first + np.arange(shape[0])[:, None] * (shape[1] * shape[2])        # (c, n)
        place += _bins(readings.edges[columns], deviation, is_judged)
        counts = np.bincount(place.ravel(), minlength=shape[0] * shape[1] * shape[2]).reshape(shape)[:, :, :self.bins]
        where = at[0], at[1], columns[:, None]                                      # (c, cells)
        self.histogram[where] += counts.astype(self.histogram.dtype)
        self.n[where] += counts.sum(axis=2)
        self.total[where] += _sums(_units(deviation, ~is_judged, FARTHEST), start).T

    def fill(self, first_slot: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over arrays that were kept, by name; others stay empty."""
        self._resize(len(self.machines), first_slot, next(iter(arrays.values())).shape[1])
        for name, values in arrays.items():
            room = self._room[name]
            self._room[name] = np.ascontiguousarray(values, dtype=room.dtype).reshape(room.shape)
        self._show(self.slots)

    def cover(self, first_slot: int, end: int) -> None:
        """Make room for the slots from one up to but without another."""
        if end > first_slot:
            self._cover(first_slot, end - 1)

    def place(self, part: "Cells") -> None:
        """Take over the cells of other machines, all of which are known here."""
        at = self.codes(part.machines)
        slots = slice(part.first_slot - self.first_slot, part.first_slot - self.first_slot + part.slots)
        for name in _GROW:
            getattr(self, name)[at, slots] = getattr(part, name)

    def chosen(self, machines: np.ndarray) -> "Cells":
        """The same of some machines, by position."""
        out = Cells(self.columns, self.bins, [self.machines[at] for at in machines.tolist()])
        out.fill(self.first_slot, {name: getattr(self, name)[machines] for name in _GROW})
        return out

    def without_columns(self) -> "Cells":
        """Readings and rows set aside alone."""
        out = Cells(0, self.bins, list(self.machines))
        out.fill(self.first_slot, {"readings": self.readings, "aside": self.aside})
        return out

    def set_aside(self, which: np.ndarray) -> None:
        """Judge no reading of these slots, shape (m, t): they stay counted, and say nothing about the level."""
        self.n[which], self.total[which], self.histogram[which] = 0, 0, 0

    def until(self, slot: int) -> "Cells":
        """The cells before a slot, of the machines with readings there: what was known when it began."""
        stop = max(0, slot - self.first_slot)
        there = np.flatnonzero(self.readings[:, :stop].sum(axis=1) > 0)
        out = Cells(self.columns, self.bins, [self.machines[at] for at in there.tolist()])
        out.fill(self.first_slot, {name: getattr(self, name)[there, :stop] for name in _GROW})
        return out

    def keep_from(self, slot: int) -> None:
        """Forget the slots before one: what bounds the memory of a service that never ends."""
        if slot > self.first_slot and self.slots:
            first = min(slot, self.first_slot + self.slots)
            for name in _GROW:
                self._room[name] = np.ascontiguousarray(getattr(self, name)[:, first - self.first_slot:])
            self.first_slot = first
            self._show(self._room["readings"].shape[1])

    def _cover(self, first: int, last: int) -> None:
        if not self.slots:
            self.first_slot = first
        begin = min(first, self.first_slot)
        end = max(last + 1, self.first_slot + self.slots)
        if begin < self.first_slot or end - begin > self._room["readings"].shape[1]:
            self._resize(len(self.machines), begin, end - begin, _SPARE if self.slots else 0)
        elif end - begin > self.slots:
            self._show(end - begin)

    def _resize(self, machines: int, first_slot: int, slots: int, spare: int = 0) -> None:
        shift = self.first_slot - first_slot
        for name in _GROW:
            old, new = getattr(self, name), self._blank(name, machines, slots + spare)
            new[: old.shape[0], shift: shift + old.shape[1]] = old
            self._room[name] = new
        self.first_slot = first_slot
        self._show(slots)

    def _show(self, slots: int) -> None:
        """Make so many slots of the room the arrays."""
        for name, room in self._room.items():
            setattr(self, name, room[:, :slots])

    def _blank(self, name: str, machines: int, slots: int) -> np.ndarray:
        if name in ("readings", "aside"):
            return np.zeros((machines, slots), dtype=np.int64)
        if name in ("low", "high"):
            return np.full((machines, slots, self.columns), np.inf if name == "low" else -np.inf, dtype=np.float32)
        if name == "histogram":
            return np.zeros((machines, slots, self.columns, self.bins), dtype=np.uint32)
        return np.zeros((machines, slots, self.columns), dtype=np.int64)


@dataclass(frozen=True)
class Signals:
    """Readings ready to be counted; fastest where the numbers of a column are neighbours in memory.

    Attributes
    ----------
    raw
        As they came, shape (n, c), NaN where missing.
    deviation
        From the reference, operating conditions removed, in reference standard deviations, shape (n, c); NaN where
        there is nothing to judge.
    is_outside
        Outside the physical range, shape (n, c).
    is_aside
        Under conditions that the reference does not know, shape (n,).
    raw_scale
        What a raw reading is divided by before it is added up, shape (c,).
    edges
        Inner edges of the bins by column, shape (c, bins - 1).
    """

    raw: np.ndarray
    deviation: np.ndarray
    is_outside: np.ndarray
    is_aside: np.ndarray
    raw_scale: np.ndarray
    edges: np.ndarray

    def rows(self, kept: slice) -> "Signals":
        """Some of the rows; nothing is copied."""
        return Signals(self.raw[kept], self.deviation[kept], self.is_outside[kept], self.is_aside[kept],
                       self.raw_scale, self.edges)


def pieces(rows: int, columns: int) -> Iterator[slice]:
    """Rows that are counted together."""
    size = max(1, _AT_ONCE // max(columns, 1))
    return (slice(begin, begin + size) for begin in range(0, rows, size))


def _narrow(cell: np.ndarray) -> np.ndarray:
    """Numbers in the same order, in sixteen bits where that is enough: these are sorted ten times as fast."""
    above = cell - cell.min()
    return above.astype(np.uint16) if above.max() <= np.iinfo(np.uint16).max else above


def _sums(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Sums of whole numbers by cell, shape (cells, c); the rows of a cell begin at one of `start`."""
    if values.dtype == bool:
        return np.add.reduceat(values, start, axis=1, dtype=np.int64).T
    return np.add.reduceat(values, start, axis=1).T.astype(np.int64)      # exact: less than 2**53, see _AT_ONCE


def _units(values: np.ndarray, is_missing: np.ndarray, farthest: float) -> np.ndarray:
    """Values within bounds, in whole `UNIT`ths, 0 where missing; in place."""
    np.clip(values, -farthest, farthest, out=values)
    values *= UNIT
    np.rint(values, out=values)
    np.copyto(values, 0.0, where=is_missing)
    return values


def _bins(edges: np.ndarray, deviation: np.ndarray, is_judged: np.ndarray) -> np.ndarray:
    """The bin of each deviation, shape (c, n): how many of its column's edges it reaches; one more if not judged.

    Eight times as fast as a search in the edges: few enough, and nothing for the processor to guess.
    """
    reached = np.zeros(deviation.shape, dtype=np.uint8)
    for edge in edges.T:
        reached += deviation >= edge[:, None]
    np.copyto(reached, edges.shape[1] + 1, where=~is_judged)
    return reached
