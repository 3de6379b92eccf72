"""Family `trailing`: mean, spread and extremes of a sensor over (t - window, t], by time, not by row count.

Time is cut into blocks as long as the window, so a window is the tail of one block and the head of
the next: the idea of van Herk (1992) and Gil and Werman (1993), with blocks of time instead of rows
and moments beside extremes. The work per reading does not grow with the window's length.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from oilcan.core.features.facts import Facts
from oilcan.core.features.moments import Means, Moments, Spreads
from oilcan.core.features.plan import Feature
from oilcan.core.features.scan import pieces, running
from oilcan.core.timeline.lookup import window_units

if TYPE_CHECKING:               # names for the reader; the service computes online features without waiting for pandas
    from oilcan.core.features.arrays import Arrays

NEEDED_BY = frozenset({"trailing", "slope", "early_life", "fleet"})
ROUNDING: Final = 2.0**-36  # a change below this share of the mean counts as rounding
AT_ONCE: Final = 1 << 19    # readings of sensors that are scanned together
S = TypeVar("S", bound=Spreads)
WORDS = {"mean": "mean", "std": "standard deviation", "min": "lowest", "max": "highest"}


@dataclass(frozen=True)
class Windows:
    """One window at every row: positions of its first and last reading, and blocks of its length.

    Parameters
    ----------
    blocks
        First reading of each block.
    begin, last, tail, head
        Per row; `tail` and `head` say whether the window holds readings of the block before and of the row's own.
    """

    blocks: np.ndarray
    begin: np.ndarray
    last: np.ndarray
    tail: np.ndarray
    head: np.ndarray

    def of(self, readings: slice, rows: np.ndarray) -> "Windows":
        """Of some rows, among these readings alone."""
        blocks = self.blocks[slice(*np.searchsorted(self.blocks, (readings.start, readings.stop)))]
        tail, head = self.tail[rows], self.head[rows]
        begin, last = (np.where(tail | head, at[rows] - readings.start, 0) for at in (self.begin, self.last))
        return Windows(blocks - readings.start, begin, last, tail, head)


def place_window(arrays: "Arrays", window: float) -> Windows:
    """Positions of the readings in (t - window, t] at every row."""
    length = window_units(window, arrays.per_tick)
    origin = arrays.time[arrays.first]
    block = (arrays.time - origin[arrays.machine]) // length
    blocks = np.flatnonzero(np.diff(block, prepend=-1) | np.diff(arrays.machine, prepend=-1))
    begin = arrays.timeline.until(arrays.row_machine, arrays.row_time - length, inclusive=True)
    row_block = (arrays.row_time - origin[arrays.row_machine]) // length
    filled = (arrays.end >= 0) & (begin <= arrays.end)
    last, begin = np.where(filled, arrays.end, 0), np.where(filled, begin, 0)
    return Windows(blocks, begin, last, filled & (block[begin] == row_block - 1), filled & (block[last] == row_block))


def scan_windows(arrays: "Arrays", columns: list[int], places: list[Windows], kind: type[S]
                 ) -> Iterator[tuple[np.ndarray, list[S]]]:
    """Some rows, and the moments of several windows at them; a few machines after the other.

    Readings that no window border parts are summed up once, for all windows; only these sums are
    scanned. Where rows are asked for every sixth reading, that is a sixth of the work.
    """
    weights = arrays.weights(columns)
    for readings, rows in _few_machines(arrays, len(columns)):
        some = [place.of(readings, rows) for place in places]
        is_edge = np.zeros(readings.stop - readings.start + 1, dtype=bool)
        for place in some:
            for positions in (place.blocks, place.begin[place.tail], place.last[place.head] + 1):
                is_edge[positions] = True
        cell = np.cumsum(is_edge) - 1
        cells = pieces(arrays.values[readings, columns], arrays.ticks[readings], np.flatnonzero(is_edge[:-1]),
                       None if weights is None else weights[readings], kind=kind)
        found = []
        for place in some:
            head, tail = (
                moments.take(where[cell[at]], valid) for at, valid, (moments, where) in (
                    (place.last, place.head, running(cells, cell[place.blocks], backwards=False)),
                    (place.begin, place.tail, running(cells, cell[place.blocks], backwards=True)))
            )  # fmt: skip
            found.append(tail.joined(head, out=head))
        yield rows, found


def _few_machines(arrays: "Arrays", columns: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Readings and rows of neighbouring machines, so many that their moments stay in the processor's cache."""
    group = arrays.first * columns // AT_ONCE
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    order = np.argsort(arrays.row_machine, kind="stable")
    of_rows = np.searchsorted(arrays.row_machine[order], np.append(begins, len(group)))
    of_readings = np.append(arrays.first[begins], len(arrays.machine))
    for at in range(len(begins)):
        yield slice(of_readings[at], of_readings[at + 1]), order[of_rows[at] : of_rows[at + 1]]


def statistic(moments: Spreads, name: str) -> np.ndarray:
    """One statistic of windows, shape (rows, sensors); NaN where there are too few readings for it.

    `std` divides by the number of readings; `slope` is least squares per tick; both need readings at two instants.
    `Spreads` know no instants: they are for readings that count the same, each at an instant of its own.
    A slope too small to change the mean is exactly 0: trees cut there, and the engine online adds in another order.

    Examples
    --------
    >>> from oilcan.core.features.scan import pieces
    >>> moments = pieces(np.array([[1.0], [3.0], [5.0]]), np.arange(3.0), starts=np.array([0]), kind=Moments)
    >>> [float(statistic(moments, name)[0, 0]) for name in ("mean", "min", "max", "slope")]
    [3.0, 1.0, 5.0, 2.0]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        if name == "mean":
            return mean_of(moments)
        if name == "std":
            known = moments.t_square > 0 if isinstance(moments, Moments) else moments.count > 1
            return np.where(known, np.sqrt(moments.square / moments.count), np.nan)
        if name == "slope" and isinstance(moments, Moments):
            least = ROUNDING * np.abs(moments.mean) * np.sqrt(moments.t_square * moments.count)
            slope = np.where(np.abs(moments.cross) <= least, 0.0, moments.cross / moments.t_square)
            return np.where(moments.t_square > 0, slope, np.nan)
    return moments.low if name == "min" else moments.high


def mean_of(stretches: Means) -> np.ndarray:
    """Mean of stretches of readings, shape (rows, sensors) or (rows,); NaN of empty ones."""
    return np.where(stretches.count > 0, stretches.mean, np.nan)


def propose(facts: Facts) -> Iterator[Feature]:
    """Every statistic over every window for plain sensors; see `facts.RHYTHMS` for the others."""
    for sensor in facts.sensors():
        for window in facts.windows_of(sensor):
            for stat in facts.params.stats:
                if facts.applies(sensor, stat, window):
                    yield facts.feature("trailing", sensor, stat, window,
                                        f"{WORDS[stat]} of the last {facts.words(window)}")


def compute(arrays: "Arrays", features: list[Feature]) -> np.ndarray:
    """Shape (rows, features).

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.features.arrays import Arrays, Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1, 2, 3], "v": [1.0, 2.0, 4.0, 8.0]})
    >>> feature = Feature("v_mean_2cycles", "trailing", "v", "mean", 2.0, "bar", "", "Pressure")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> arrays = Arrays(plan, Tables(table, table, *[table.iloc[:0]] * 4))
    >>> compute(arrays, [feature]).ravel()
    array([1. , 1.5, 3. , 6. ])
    """
    return all_windowed(arrays, features)


def all_windowed(arrays: "Arrays", features: list[Feature]) -> np.ndarray:
    """The statistics of some features of windows, shape (rows, features), column by column."""
    out = np.empty((len(features), len(arrays.row_machine)), dtype=arrays.kept)
    for at, feature in enumerate(features):
        out[at] = windowed(arrays, feature.sensor, feature.statistic, feature.window or 0.0)
    return out.T


def windowed(arrays: "Arrays", sensor: str, stat: str, window: float) -> np.ndarray:
    """One statistic of one sensor at every row; windows are scanned once, for all families that need them.

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.features.arrays import Arrays, Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1, 2, 3], "v": [1.0, 2.0, 4.0, 8.0]})
    >>> feature = Feature("v_max_2cycles", "trailing", "v", "max", 2.0, "bar", "", "Pressure")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> arrays = Arrays(plan, Tables(table, table, *[table.iloc[:0]] * 4))
    >>> windowed(arrays, "v", "max", 2.0)
    array([1., 2., 4., 8.])
    """
    if not arrays.scanned:
        _scan(arrays)
    names, found = arrays.scanned[window, stat]
    return found[names.index(sensor)]


def _scan(arrays: "Arrays") -> None:
    """All windows that the plan needs; those of the same sensors together."""
    needed = [f for f in arrays.plan.features if f.kind in NEEDED_BY and f.window]
    groups: dict[tuple[str, ...], list[float]] = {}
    for each in sorted({f.window for f in needed if f.window}):
        groups.setdefault(tuple(sorted({f.sensor for f in needed if f.window == each})), []).append(each)
    for names, lengths in groups.items():
        columns = [arrays.column(name) for name in names]
        wanted = [{f.statistic if f.kind in {"trailing", "slope"} else "mean" for f in needed if f.window == each}
                  for each in lengths]
        needs_times = arrays.weights(columns) is not None or not arrays.instants_differ
        needs_times = needs_times or any("slope" in stats for stats in wanted)
        found = [{stat: np.empty((len(names), len(arrays.row_machine)), np.float64 if stat == "mean" else arrays.kept)
                  for stat in stats} for stats in wanted]       # only means are computed with
        places = [place_window(arrays, each) for each in lengths]
        for rows, moments in scan_windows(arrays, columns, places, Moments if needs_times else Spreads):
            for stats, of_window in zip(found, moments, strict=True):
                for stat, out in stats.items():
                    out[:, rows] = statistic(of_window, stat).T
        for each, stats in zip(lengths, found, strict=True):
            arrays.scanned |= {(each, stat): (names, out) for stat, out in stats.items()}
