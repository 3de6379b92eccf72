"""Readings of some machines on their way into the state."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class ReadingBlock:
    """Readings sorted by machine and time; every machine has at least one.

    Parameters
    ----------
    slots, starts
        Machines, and the first reading of each, shape (m,).
    time
        Whole units, shape (n,), rising within a machine.
    values
        Shape (n, columns), NaN where missing.
    """

    slots: np.ndarray
    starts: np.ndarray
    time: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, slot: np.ndarray, time: np.ndarray, values: np.ndarray) -> "ReadingBlock":
        """From the slot of every reading; readings of a machine stand side by side."""
        starts = np.flatnonzero(np.diff(slot, prepend=-1))
        return cls(slot[starts], starts, time, values)

    @cached_property
    def ends(self) -> np.ndarray:
        """Position after the last reading of each machine, shape (m,)."""
        return np.append(self.starts[1:], len(self.time))[: len(self.starts)]

    @cached_property
    def machine(self) -> np.ndarray:
        """Which of the machines each reading is of, shape (n,)."""
        return np.repeat(np.arange(len(self.slots)), self.ends - self.starts)

    @cached_property
    def newest(self) -> np.ndarray:
        """Time of the last reading of each machine, shape (m,)."""
        return self.time[self.ends - 1]

    def with_values(self, values: np.ndarray) -> "ReadingBlock":
        """The same readings with other columns."""
        return ReadingBlock(self.slots, self.starts, self.time, values)

    def only(self, kept: np.ndarray) -> "ReadingBlock":
        """The readings where `kept`, shape (n,), is true."""
        return ReadingBlock.of(self.slots[self.machine[kept]], self.time[kept], self.values[kept])

    def followed_by(self, other: "ReadingBlock") -> "ReadingBlock":
        """Both together, sorted; of two readings of a machine at one instant both stay."""
        slot = np.concatenate([self.slots[self.machine], other.slots[other.machine]])
        time, values = np.concatenate([self.time, other.time]), np.concatenate([self.values, other.values])
        order = np.lexsort((time, slot))
        return ReadingBlock.of(slot[order], time[order], values[order])
