"""Exponential averages, one reading at a time: two decaying sums per sensor and half-life."""

from collections.abc import Sequence

import numpy as np

from oilcan.core.features.families.ewm import FADED
from oilcan.core.online.state.machine_arrays import Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.core.online.state.signal_state import ProcessedReadings


class Averages:
    """Averages of pairs of (sensor, half-life).

    Parameters
    ----------
    columns, half_lives
        Of each pair: column of the processed readings, and ticks; shape (pairs,).
    per_tick
        Whole units in a tick.
    """

    def __init__(self, columns: Sequence[int], half_lives: Sequence[float], per_tick: int) -> None:
        self._columns, self._per_tick = list(columns), per_tick
        self._lengths, self._which = np.unique(np.array(half_lives, dtype=np.float64), return_inverse=True)

    @property
    def empty(self) -> Taken:
        """State of a machine that has sent nothing: sums of weights, and of weighted readings, at the newest."""
        return {"weights": np.zeros(len(self._columns)), "weighted": np.zeros(len(self._columns))}

    def absorb(self, state: Taken, block: ReadingBlock, processed: ProcessedReadings) -> Taken:
        """The sums at the newest of the readings."""
        kept = self._decay(block.newest - state["newest"])
        share = self._decay(block.newest[block.machine] - block.time)
        values, counts = processed.values[:, self._columns], processed.weights(self._columns)
        share = share if counts is None else share * counts
        there = ~np.isnan(values)
        weights = np.add.reduceat(np.where(there, share, 0.0), block.starts, axis=0)
        weighted = np.add.reduceat(np.where(there, share * values, 0.0), block.starts, axis=0)
        return {"weights": state["weights"] * kept + weights, "weighted": state["weighted"] * kept + weighted}

    def at(self, state: Taken, now: np.ndarray) -> np.ndarray:
        """The averages at instants not before the newest reading, shape (m, pairs); NaN where weights have faded."""
        weights = state["weights"]
        left = weights * self._decay(now - state["newest"])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(left >= FADED, state["weighted"] / weights, np.nan)

    def _decay(self, age: np.ndarray) -> np.ndarray:
        """What is left of a weight after some whole units, shape (n, pairs)."""
        return np.exp2(-(age / self._per_tick)[:, None] / self._lengths)[:, self._which]
