"""Reference periods of a machine's life, one reading at a time: its first while, since the last repair, all of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from oilcan.core.features.families.early_life import ENDLESS, PERIODS
from oilcan.core.features.moments import Moments
from oilcan.core.features.plan import Feature
from oilcan.core.features.scan import pieces
from oilcan.core.online.state.machine_arrays import NONE, Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.core.online.state.signal_state import ProcessedReadings
from oilcan.core.online.state.stretches import Stretch, as_moments, empty, fields_for, join, some_of


@dataclass(frozen=True)
class Period:
    """One kind of reference period.

    Parameters
    ----------
    name
        `early`, `renewed` or `life`, as in batch.
    columns
        Of the sensors among the processed readings.
    kept
        Fields of moments that statistics need.
    length
        Whole units.
    """

    name: str
    columns: list[int]
    kept: tuple[str, ...]
    length: int

    def nothing(self) -> Stretch:
        """The period before its first reading."""
        return empty(self.kept, len(self.columns))

    def stored(self, stretch: Stretch) -> Taken:
        """Under the names they have among all state."""
        return {f"{self.name}_{key}": each for key, each in stretch.items()}

    def of(self, state: Taken) -> Stretch:
        """The inverse."""
        return {key: state[f"{self.name}_{key}"] for key in self.kept}

    def restarted(self, past: Stretch, anew: np.ndarray) -> Stretch:
        """Without what came before a new life, of the machines where one has begun."""
        return {key: np.where(anew[:, None], none, past[key]) for key, none in self.nothing().items()}


class Lives:
    """Moments of the readings in the reference period of the life that a machine is in.

    Parameters
    ----------
    is_replaced
        Whether replaced parts begin `early` and `life` anew.
    """

    def __init__(self, periods: list[Period], per_tick: int, *, is_replaced: bool = False) -> None:
        self.periods, self._per_tick = {period.name: period for period in periods}, per_tick
        self._is_replaced = is_replaced

    @property
    def empty(self) -> Taken:
        """State of a machine that has sent nothing.

        `began` and `replaced` are the instants after which its present life and its present reference began.
        """
        return {"began": np.array(NONE)} | ({"replaced": np.array(NONE)} if self._is_replaced else {}) | {
            key: each for period in self.periods.values() for key, each in period.stored(period.nothing()).items()
        }

    def absorb(
        self, state: Taken, block: ReadingBlock, processed: ProcessedReadings, replaced: np.ndarray, began: np.ndarray
    ) -> Taken:
        """The moments after the readings.

        Parameters
        ----------
        replaced, began
            Instants after which the reference and the life of each machine at its newest reading began.
        """
        after: Taken = {"began": began} | ({"replaced": replaced} if self._is_replaced else {})
        ticks = (block.time - replaced[block.machine] - 1) / self._per_tick
        for name, period in self.periods.items():
            start = began if name == "renewed" else replaced
            past = self._past(period, state, replaced, began)
            inside = (block.time > start[block.machine]) & (block.time - start[block.machine] <= period.length)
            some = np.flatnonzero(np.logical_or.reduceat(inside, block.starts))
            if len(some):
                part = processed.where(inside)
                found = pieces(part.values[:, period.columns], ticks[inside], block.only(inside).starts,
                               part.weights(period.columns), kind=Moments)
                joined = join({key: each[some] for key, each in past.items()}, some_of(found, period.kept))
                past = {key: each.copy() for key, each in past.items()}
                for key, each in joined.items():
                    past[key][some] = each
            after |= period.stored(past)
        return after

    def place(self, name: str, column: int) -> int:
        """Position of a sensor of a period among the sensors of all periods."""
        before = [len(each.columns) for each in self.periods.values()]
        which = list(self.periods).index(name)
        return sum(before[:which]) + self.periods[name].columns.index(column)

    def at(self, state: Taken, began: np.ndarray, replaced: np.ndarray) -> list[Moments]:
        """Moments of each period so far; empty where a new one has begun without a reading."""
        return [as_moments(self._past(period, state, replaced, began)) for period in self.periods.values()]

    def _past(self, period: Period, state: Taken, replaced: np.ndarray, began: np.ndarray) -> Stretch:
        """What is remembered of a period, without what came before it began anew."""
        past = period.of(state)
        if period.name == "renewed":
            return period.restarted(past, began != state["began"])
        return period.restarted(past, replaced != state["replaced"]) if self._is_replaced else past


def periods_of(features: Iterable[Feature], column: Callable[[str], int], reference: int) -> list[Period]:
    """The periods that features of family `early_life` need, and of which sensors."""
    needed: dict[str, dict[int, set[str]]] = {}
    for feature in features:
        period = PERIODS.get(feature.statistic, feature.statistic)
        for name in (period, "early") if feature.statistic == "drift" else (period,):
            statistics = needed.setdefault(name, {}).setdefault(column(feature.sensor), set())
            statistics.add("slope" if feature.statistic == "trend" else "mean")
    return [
        Period(name, sorted(needed[name]), fields_for(set().union(*needed[name].values())),
               ENDLESS if name == "life" else reference)
        for name in sorted(needed)
    ]  # fmt: skip
