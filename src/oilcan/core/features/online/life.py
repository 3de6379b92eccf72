"""Reference periods of a machine's life, one reading at a time: its first while, since the last repair, all of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from oilcan.core.features.early_life import ENDLESS, PERIODS
from oilcan.core.features.online.block import Block
from oilcan.core.features.online.rows import NONE, Taken
from oilcan.core.features.online.stretches import Layout
from oilcan.core.features.plan import Feature
from oilcan.core.features.scan import Moments


@dataclass(frozen=True)
class Period:
    """One kind of reference period.

    Parameters
    ----------
    name
        `early`, `renewed` or `life`, as in batch.
    columns
        Of the sensors among the processed readings.
    length
        Whole units.
    """

    name: str
    columns: list[int]
    layout: Layout
    length: int


class Lives:
    """Moments of the readings in the reference period of the life that a machine is in."""

    def __init__(self, periods: list[Period], per_tick: int) -> None:
        self.periods, self._per_tick = {period.name: period for period in periods}, per_tick

    @property
    def empty(self) -> Taken:
        """State of a machine that has sent nothing; `began` is the instant after which its present life began."""
        return {"began": np.array(NONE)} | {name: each.layout.empty() for name, each in self.periods.items()}

    def absorb(self, state: Taken, block: Block, processed: np.ndarray, first: np.ndarray, began: np.ndarray) -> Taken:
        """The moments after the readings.

        Parameters
        ----------
        first, began
            First reading of each machine, and the instant after which its life at the newest reading began.
        """
        after: Taken = {"began": began}
        ticks = (block.time - first[block.machine]) / self._per_tick
        for name, period in self.periods.items():
            past, start = state[name], began if name == "renewed" else first - 1
            if name == "renewed":                                   # what came before a new life no longer counts
                past = np.where((began == state["began"])[:, None, None], past, period.layout.empty())
            inside = (block.time > start[block.machine]) & (block.time - start[block.machine] <= period.length)
            some = np.flatnonzero(np.logical_or.reduceat(inside, block.starts))
            after[name] = past
            if len(some):
                part = block.only(inside)
                added = period.layout.of_block(part, processed[inside][:, period.columns], ticks[inside])
                after[name] = past.copy()
                after[name][some] = period.layout.join(past[some], added)
        return after

    def place(self, name: str, column: int) -> int:
        """Position of a sensor of a period among the sensors of all periods."""
        before = [len(each.columns) for each in self.periods.values()]
        which = list(self.periods).index(name)
        return sum(before[:which]) + self.periods[name].columns.index(column)

    def at(self, state: Taken, began: np.ndarray) -> list[Moments]:
        """Moments of each period so far; `renewed` is empty where a new life has begun without a reading."""
        found = []
        for name, period in self.periods.items():
            past = state[name]
            if name == "renewed":
                past = np.where((began == state["began"])[:, None, None], past, period.layout.empty())
            found.append(period.layout.unpack(past))
        return found


def periods_of(features: Iterable[Feature], column: Callable[[str], int], reference: int) -> list[Period]:
    """The periods that features of family `early_life` need, and of which sensors."""
    needed: dict[str, dict[int, set[str]]] = {}
    for feature in features:
        period = PERIODS.get(feature.statistic, feature.statistic)
        for name in (period, "early") if feature.statistic == "drift" else (period,):
            statistics = needed.setdefault(name, {}).setdefault(column(feature.sensor), set())
            statistics.add("slope" if feature.statistic == "trend" else "mean")
    return [
        Period(name, sorted(needed[name]), Layout.of(set().union(*needed[name].values()), len(needed[name])),
               ENDLESS if name == "life" else reference)
        for name in sorted(needed)
    ]  # fmt: skip
