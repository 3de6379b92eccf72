"""What is known of some machines at one instant each: the numbers that features are made of."""

from functools import cached_property

import numpy as np

from oilcan.core.features.families.trailing import statistic
from oilcan.core.online.compiled_plan import Parts
from oilcan.core.online.state.machine_arrays import NONE, Taken
from oilcan.core.online.state.record_log import LIVES, REPLACED, Known


class InstantView:
    """What is known of some machines at one instant each.

    Parameters
    ----------
    now
        Whole units, shape (m,); NONE for a machine that has sent nothing, where no instant was given.
    """

    def __init__(self, parts: Parts, slots: np.ndarray, now: np.ndarray, state: Taken) -> None:
        self.parts, self.slots, self.now, self.state = parts, slots, now, state

    @cached_property
    def windows(self) -> dict[str, np.ndarray]:
        """Statistic -> (m, pairs of sensor and window)."""
        return self.parts.sliding.statistics(self.slots, self.now, self.state)

    @cached_property
    def records(self) -> Known:
        """Records known now."""
        return self.parts.records.table(self.slots, self.now)

    @cached_property
    def last(self) -> np.ndarray:
        """Time of the last record of each key, shape (m, keys)."""
        return self.records.last()

    @cached_property
    def began(self) -> np.ndarray:
        """The instant after which the present life began, shape (m,)."""
        if LIVES not in self.parts.records.keys:
            return self.state["began"]
        renewed = self.last[:, self.parts.records.keys[LIVES]]
        return np.where(renewed == NONE, self.state["first"] - 1, renewed)

    @cached_property
    def replaced(self) -> np.ndarray:
        """The instant after which the present reference began, shape (m,): the first reading, or a replaced part."""
        first = self.state["first"]
        origin = np.where(first == NONE, NONE, first - 1)
        if REPLACED not in self.parts.records.keys:
            return origin
        last = self.last[:, self.parts.records.keys[REPLACED]]
        return np.where(last == NONE, origin, last)

    def normals(self, name: str) -> np.ndarray:
        """A statistic of every reference period, shape (m, places); see `Lives.place`."""
        periods = self.parts.lives.at(self.state, self.began, self.replaced)
        found = ((statistic(each, name), each.mean.shape) for each in periods)
        return np.concatenate([np.broadcast_to(one, shape) for one, shape in found], axis=1)

    def static(self, column: str) -> np.ndarray:
        """A static column, shape (m,)."""
        return self.parts.statics.column(column, self.slots, self.state["raw"])

    def since(self, instant: np.ndarray) -> np.ndarray:
        """Ticks from instants to now; NaN where either is unknown. Shape of `instant`, whose first axis is machines."""
        now = self.now.reshape(-1, *[1] * (instant.ndim - 1))
        return np.where((instant == NONE) | (now == NONE), np.nan, (now - instant) / self.parts.per_tick)
