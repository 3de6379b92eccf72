"""All trailing windows of a plan: sensors that have the same windows slide together."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from oilcan.core.features.families.trailing import NEEDED_BY, statistic
from oilcan.core.features.plan import Feature
from oilcan.core.online.state.machine_arrays import NONE, Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.core.online.state.reading_pages import Log
from oilcan.core.online.state.signal_state import ProcessedReadings
from oilcan.core.online.state.sliding_windows import Windows
from oilcan.core.online.state.stretches import NEEDS, as_moments, fields_for
from oilcan.core.timeline.lookup import window_units

Pair = tuple[str, float]        # sensor, window [ticks]


class Sliding:
    """Windows of the features of a plan.

    Parameters
    ----------
    features
        Of the whole plan; those of other families are passed over.
    column
        Sensor -> column of the processed readings.
    per_tick
        Whole units in a tick.
    weighted
        The sensor whose readings count by their precision.
    """

    def __init__(self, features: Iterable[Feature], column: Callable[[str], int], per_tick: int,
                 weighted: str | None = None) -> None:  # fmt: skip
        needed: dict[Pair, set[str]] = defaultdict(set)
        for feature in features:
            if feature.kind in NEEDED_BY and feature.window:
                is_own = feature.kind in {"trailing", "slope"}
                needed[feature.sensor, feature.window].add(feature.statistic if is_own else "mean")
        self.used = sorted({name for names in needed.values() for name in names})
        self.groups: list[Windows] = []
        self._pairs: dict[Pair, int] = {}
        for lengths, sensors in _together(needed):
            kept = fields_for({name for s in sensors for w in lengths for name in needed[s, w]})
            units = np.array([window_units(each, per_tick) for each in lengths])
            at = sensors.index(weighted) if weighted in sensors else None
            self.groups.append(Windows([column(name) for name in sensors], units, kept, per_tick, at))
            for each in lengths:
                self._pairs |= {(name, each): len(self._pairs) + at for at, name in enumerate(sensors)}

    @property
    def logs(self) -> list[Log]:
        """Where each group holds its readings."""
        return [group.log for group in self.groups]

    def pair(self, feature: Feature) -> int:
        """Position of a feature's sensor and window among the columns of `statistics`."""
        return self._pairs[feature.sensor, feature.window or 0.0]

    def grow(self, n: int) -> None:
        """Make room for machines up to number `n`."""
        for group in self.groups:
            group.grow(n)

    def push(self, block: ReadingBlock, processed: ProcessedReadings, first: np.ndarray) -> None:
        """Slide all windows to the newest readings; see `Windows.push`."""
        for group in self.groups:
            group.push(block, processed, first)

    def marked(self, slots: np.ndarray) -> list[Taken]:
        """What each group needs to come back to the present of machines; see `Windows.rewind`."""
        return [group.marked(slots) for group in self.groups]

    def rewind(self, slots: np.ndarray, after: np.ndarray, marked: Sequence[Taken] | None = None) -> None:
        """Forget the readings of machines after an instant each; `marked` is their state at that instant."""
        for at, group in enumerate(self.groups):
            group.rewind(slots, after, None if marked is None else marked[at])

    def readings(self, slots: np.ndarray, until: np.ndarray) -> list[ReadingBlock]:
        """Processed readings held by each group, of machines up to an instant each."""
        return [group.log.readings(slots, np.full(len(slots), NONE), until) for group in self.groups]

    def restore(self, slots: np.ndarray, held: list[ReadingBlock], newer: ReadingBlock, processed: ProcessedReadings
                ) -> None:
        """Hold these readings of machines, those that `readings` names by group, and newer ones, and no others."""
        for group, block in zip(self.groups, held, strict=True):
            group.restore(slots, block, newer, processed)

    def statistics(self, slots: np.ndarray, now: np.ndarray, state: Taken) -> dict[str, np.ndarray]:
        """Every statistic that is used, each of shape (m, pairs); NaN where a window holds too little."""
        out = {name: np.full((len(slots), len(self._pairs)), np.nan) for name in self.used}
        sent = np.flatnonzero(state["newest"] > NONE)
        begin = 0
        for group in self.groups if len(sent) else ():
            found = group.moments(slots[sent], now[sent], state["newest"][sent], state["first"][sent])
            moments, size = as_moments(found), len(group.lengths) * len(group.columns)
            for name in self.used:
                if NEEDS[name] <= set(group.kept):
                    out[name][sent, begin : begin + size] = statistic(moments, name).reshape(len(sent), size)
            begin += size
        return out


def _together(needed: dict[Pair, set[str]]) -> list[tuple[list[float], tuple[str, ...]]]:
    """Windows over the same sensors, and these sensors."""
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for length in sorted({window for _, window in needed}):
        groups[tuple(sensor for sensor, window in sorted(needed) if window == length)].append(length)
    return [(lengths, sensors) for sensors, lengths in groups.items()]
