"""Two states of a while ago per machine: from them a reading that comes a little late is sorted in at small cost.

The base lags by the whole lateness, so a replay from it takes every reading of that long. Batches that overtake each
other on the way are late by moments, all machines at once; for them it is enough to go back to a *checkpoint*.
"""

from collections.abc import Iterator

import numpy as np

from oilcan.core.online.state.machine_arrays import NONE, MachineRows, Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.core.online.state.window_groups import Sliding


class Checkpoint:
    """State and windows of machines as they were at one of their readings; `NONE` is the time of one without.

    Attributes
    ----------
    state
        Rows as of `Recursion`.
    windows
        What `Windows.rewind` wants, by group.
    """

    def __init__(self, state: MachineRows, sliding: Sliding) -> None:
        self.state, self.windows = state, [group.marks() for group in sliding.groups]

    @property
    def parts(self) -> tuple[MachineRows, ...]:
        """All rows."""
        return self.state, *self.windows

    def reaches(self, late: ReadingBlock, held_after: np.ndarray) -> np.ndarray:
        """Machines whose checkpoint is before their late readings and whose later readings are held; bool, shape (m,).

        Parameters
        ----------
        held_after
            Instant after which the readings of each machine of `late` are held.
        """
        at = self.state["newest"][late.slots]
        return (at > NONE) & (at >= held_after) & (at < late.time[late.starts])

    def take(self, slots: np.ndarray) -> tuple[Taken, list[Taken]]:
        """State and windows of machines at their checkpoint."""
        return self.state.take(slots), [rows.take(slots) for rows in self.windows]

    def forget(self, slots: np.ndarray) -> None:
        """There is no checkpoint of these machines."""
        self.state.put(slots, {"newest": np.array(NONE)})


class Checkpoints:
    """Two checkpoints; the newer takes the place of the older when it is old enough.

    Parameters
    ----------
    older, newer
        Two checkpoints of no machines.
    every
        Whole units between them: the older lags by once to twice as much.
    """

    def __init__(self, older: Checkpoint, newer: Checkpoint, every: int) -> None:
        self._older, self._newer, self._every = older, newer, every

    def __iter__(self) -> Iterator[Checkpoint]:
        """The newer first: from there, fewest readings are replayed."""
        return iter((self._newer, self._older))

    def grow(self, n: int) -> None:
        """Make room for machines up to number `n`."""
        for rows in (*self._older.parts, *self._newer.parts):
            rows.grow(n)

    def note(self, slots: np.ndarray, now: MachineRows, sliding: Sliding) -> None:
        """Set a checkpoint at the present where one is due, and both of machines without one."""
        newest, last = now["newest"][slots], self._newer.state["newest"][slots]
        is_due = newest - last >= self._every
        kept = slots[is_due & (last > NONE)]
        for older, newer in zip(self._older.parts, self._newer.parts, strict=True):
            older.put(kept, newer.take(kept))
        has_none = self._older.state["newest"][slots] == NONE
        for checkpoint, some in (self._newer, slots[is_due]), (self._older, slots[has_none]):
            for rows, present in zip(checkpoint.parts, (now.take(some), *sliding.marked(some)), strict=True):
                rows.put(some, present)

    def replayed(self, late: ReadingBlock) -> None:
        """These readings were sorted in: what their machines were after the first of them is not what it was."""
        since = late.time[late.starts]
        for checkpoint in self:
            checkpoint.forget(late.slots[checkpoint.state["newest"][late.slots] >= since])

    def forget(self, slots: np.ndarray) -> None:
        """The past of these machines is not what it was."""
        for checkpoint in self:
            checkpoint.forget(slots)
