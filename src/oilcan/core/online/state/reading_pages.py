"""Readings of the last while of every machine, in pages of a few rows taken from one pool.

A page belongs to one machine and knows the next; memory follows the readings that are really held,
however unevenly the machines send. Full pages that are no longer needed go back to the pool.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from oilcan.core.online.state.machine_arrays import NONE, MachineRows
from oilcan.core.online.state.reading_block import ReadingBlock

ROWS: Final = 12            # per page: fewer cost memory for what is noted per page, more cost time per window
NEVER: Final = 2**62        # time of a row that is not used yet: after every instant


class Log:
    """Newest readings by machine.

    Parameters
    ----------
    width
        Columns of a reading.
    notes
        What the owner notes on every page: shape by field.

    Attributes
    ----------
    time, values
        Rows first, so that a loop over them runs along pages: (rows, pages), (rows, pages, width).
    notes
        By field, (pages, *shape).
    following
        Next page of the machine, -1 for the last; shape (pages,).
    machines
        Rows `first` and `last`: pages of a machine, -1 for none; `fill`: rows used of the last.
    """

    def __init__(self, width: int, notes: Mapping[str, tuple[int, ...]] | None = None) -> None:
        self.time = np.empty((ROWS, 0), np.int64)
        self.values = np.empty((ROWS, 0, width))
        self.notes = {name: np.empty((0, *shape)) for name, shape in (notes or {}).items()}
        self.following = np.empty(0, np.int64)
        self.machines = MachineRows(first=np.array(-1), last=np.array(-1), fill=np.array(ROWS))
        self._free = np.empty(0, np.int64)      # a stack; its first `_left` entries count
        self._left = 0

    @property
    def width(self) -> int:
        """Columns of a reading."""
        return self.values.shape[2]

    @property
    def pages(self) -> int:
        """Pages in use."""
        return len(self.following) - self._left

    def push(self, block: ReadingBlock) -> None:
        """Append readings newer than all that the machines have here."""
        slots, machine = block.slots, block.machine
        last, fill = self.machines["last"][slots], self.machines["fill"][slots]
        row = fill[machine] + np.arange(len(block.time)) - block.starts[machine]
        fresh = (fill + (block.ends - block.starts) - 1) // ROWS        # new pages of each machine
        ids = self._allocate(int(fresh.sum()))
        before = np.cumsum(fresh) - fresh
        owner = np.repeat(np.arange(len(slots)), fresh)
        is_first = np.arange(len(ids)) == before[owner]
        previous = np.where(is_first, last[owner], np.roll(ids, 1))
        self.following[previous[previous >= 0]] = ids[previous >= 0]
        nth = row // ROWS                                               # 0: the page begun before
        page = last[machine]
        page[nth > 0] = ids[(before[machine] + nth - 1)[nth > 0]]
        self.time[row % ROWS, page] = block.time
        self.values[row % ROWS, page] = block.values
        end = block.ends - 1
        begun = last < 0
        self.machines.put(slots[begun], {"first": ids[before[begun]]})
        self.machines.put(slots, {"last": page[end], "fill": row[end] % ROWS + 1})

    def newest(self, slots: np.ndarray) -> np.ndarray:
        """Time of the newest reading held of each machine, shape (m,); `NONE` before the first."""
        last, fill = self.machines["last"][slots], self.machines["fill"][slots]
        held = np.flatnonzero(last >= 0)
        newest = np.full(len(slots), NONE)
        newest[held] = self.time[fill[held] - 1, last[held]]
        return newest

    def skip(self, page: np.ndarray, until: np.ndarray) -> np.ndarray:
        """The first page, from `page` on, with a reading after `until`; the last page if there is none.

        Parameters
        ----------
        page, until
            Shape (n,); pages may be -1 and stay so.
        """
        page = page.copy()
        at = np.flatnonzero(page >= 0)
        while len(at):
            at = at[(self.time[-1, page[at]] <= until[at]) & (self.following[page[at]] >= 0)]
            page[at] = self.following[page[at]]
        return page

    def drop(self, slots: np.ndarray, keep: np.ndarray) -> None:
        """Give back the pages of machines that come before their page `keep`."""
        page = self.machines["first"][slots]
        gone = np.flatnonzero(page != keep)
        self.machines.put(slots[gone], {"first": keep[gone]})
        while len(gone):
            self._give_back(page[gone])
            page[gone] = self.following[page[gone]]
            gone = gone[page[gone] != keep[gone]]

    def truncate(self, slots: np.ndarray, after: np.ndarray) -> None:
        """Forget the readings of machines after an instant each, shape (m,)."""
        chain = self.chain(self.machines["first"][slots])
        there = chain >= 0
        if not there.any():         # no readings of any of them; there may be no page at all
            return
        stays = there & (self.time[0, chain] <= after[:, None])
        self._give_back(chain[there & ~stays])
        left = stays.sum(axis=1)
        last = np.where(left > 0, np.take_along_axis(chain, np.maximum(left - 1, 0)[:, None], axis=1)[:, 0], -1)
        some = last >= 0
        page, until = last[some], after[some]
        time = self.time[:, page]
        self.time[:, page] = np.where(time <= until, time, NEVER)
        self.following[page] = -1
        fill = np.full(len(slots), ROWS)
        fill[some] = (time <= until).sum(axis=0)
        self.machines.put(slots, {"last": last, "fill": fill})
        self.machines.put(slots[~some], {"first": np.array(-1)})

    def chain(self, page: np.ndarray) -> np.ndarray:
        """Pages from `page` to the machine's last, shape (n, steps), -1 after it."""
        steps = [page]
        while (steps[-1] >= 0).any():
            steps.append(np.where(steps[-1] >= 0, self.following[steps[-1]], -1))
        return np.stack(steps[:-1] or [page], axis=1)

    def readings(self, slots: np.ndarray, after: np.ndarray, until: np.ndarray | None = None) -> ReadingBlock:
        """Readings of machines after `after`, and at or before `until`, shape (m,); machines without are left out."""
        at, page, row, time = self._between(slots, after, until)
        return ReadingBlock.of(slots[at], time, self.values[row, page])

    def times(self, slots: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Machine and time of the readings after `after`; their values, which weigh more, are left where they are."""
        at, _, _, time = self._between(slots, after)
        return slots[at], time

    def _between(self, slots: np.ndarray, after: np.ndarray, until: np.ndarray | None = None
                 ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of each reading after, and at or before: which of the machines, page, row and time."""
        chain = self.chain(self.machines["first"][slots])
        at, step = np.nonzero(chain >= 0)
        page = chain[at, step]
        time = self.time[:, page].T                                         # (pages, rows)
        wanted = (time > after[at, None]) & (time < NEVER)
        if until is not None:
            wanted &= time <= until[at, None]
        nth, row = np.nonzero(wanted)
        return at[nth], page[nth], row, time[nth, row]

    def reserve(self, pages: int) -> None:
        """Make room for so many more pages at once; step by step each growth would copy what is there."""
        if pages > self._left:
            self._grow(len(self.following) + max(pages, len(self.following) // 8, 64))

    def _allocate(self, n: int) -> np.ndarray:
        self.reserve(n)
        self._left -= n
        ids = self._free[self._left : self._left + n].copy()
        self.time[:, ids], self.following[ids] = NEVER, -1
        return ids

    def _grow(self, pages: int) -> None:
        old = len(self.following)
        self.time, self.values = _longer(self.time, pages, axis=1), _longer(self.values, pages, axis=1)
        self.notes = {name: _longer(array, pages) for name, array in self.notes.items()}
        self.following, self._free = _longer(self.following, pages), _longer(self._free, pages)
        self._free[self._left : self._left + pages - old] = np.arange(old, pages)
        self._left += pages - old

    def _give_back(self, ids: np.ndarray) -> None:
        self._free[self._left : self._left + len(ids)] = ids
        self._left += len(ids)


def _longer(array: np.ndarray, n: int, axis: int = 0) -> np.ndarray:
    """The array with `n` entries along an axis; new ones hold anything."""
    grown = np.empty((*array.shape[:axis], n, *array.shape[axis + 1 :]), array.dtype)
    grown[(slice(None),) * axis + (slice(array.shape[axis]),)] = array
    return grown
