"""Family `trailing`: mean, spread and extremes of a sensor over (t - window, t], by time, not by row count.

Time is cut into blocks as long as the window, so a window is the tail of one block and the head of
the next: the idea of van Herk (1992) and Gil and Werman (1993), with blocks of time instead of rows
and moments beside extremes. Each reading is visited twice per window, whatever the window's length.
"""

from collections.abc import Iterator

import numpy as np

from oilcan.core.features.arrays import Arrays
from oilcan.core.features.facts import Facts
from oilcan.core.features.plan import Feature
from oilcan.core.features.scan import Moments, running_moments
from oilcan.core.features.timeline import window_units

NEEDED_BY = frozenset({"trailing", "slope", "early_life", "fleet"})
WORDS = {"mean": "mean", "std": "standard deviation", "min": "lowest", "max": "highest"}


def window_moments(arrays: Arrays, window: float, columns: list[int]) -> Moments:
    """Moments of the readings in (t - window, t] at every row.

    Parameters
    ----------
    window
        Length [ticks].
    columns
        Sensors, by position.
    """
    length = window_units(window, arrays.per_tick)
    origin = arrays.time[arrays.first]
    block = (arrays.time - origin[arrays.machine]) // length
    begins = np.flatnonzero(np.diff(block, prepend=-1) | np.diff(arrays.machine, prepend=-1))
    begin = arrays.timeline.until(arrays.row_machine, arrays.row_time - length, inclusive=True)
    row_block = (arrays.row_time - origin[arrays.row_machine]) // length
    filled = (arrays.end >= 0) & (begin <= arrays.end)
    last, begin = np.where(filled, arrays.end, 0), np.where(filled, begin, 0)
    head, tail = filled & (block[last] == row_block), filled & (block[begin] == row_block - 1)
    values = arrays.values[:, columns]
    return _stretch(values, arrays.ticks, begins, begin, tail, backwards=True).joined(
        _stretch(values, arrays.ticks, begins, last, head, backwards=False))


def _stretch(
    values: np.ndarray, ticks: np.ndarray, begins: np.ndarray, at: np.ndarray, valid: np.ndarray, *, backwards: bool
) -> Moments:
    wanted, slot = np.unique(at[valid], return_inverse=True)
    place = np.zeros(len(at), dtype=np.int64)
    place[valid] = slot
    if len(wanted) == 0:
        wanted = np.zeros(1, dtype=np.int64)
    return running_moments(values, ticks, begins, wanted, backwards=backwards).take(place, valid)


def statistic(moments: Moments, name: str) -> np.ndarray:
    """One statistic of windows, shape (rows, sensors); NaN where there are too few readings for it.

    `std` divides by the number of readings and needs two; `slope` is least squares per tick and
    needs readings at two instants.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        if name == "mean":
            return np.where(moments.count > 0, moments.mean, np.nan)
        if name == "std":
            return np.where(moments.count > 1, np.sqrt(moments.square / moments.count), np.nan)
        if name == "slope":
            return np.where(moments.t_square > 0, moments.cross / moments.t_square, np.nan)
    return moments.low if name == "min" else moments.high


def propose(facts: Facts) -> Iterator[Feature]:
    """Every statistic over every window for plain sensors; see `facts.RHYTHMS` for the others."""
    for sensor in facts.sensors():
        for window in facts.windows_of(sensor):
            for stat in facts.params.stats:
                if facts.applies(sensor, stat, window):
                    yield facts.feature("trailing", sensor, stat, window,
                                        f"{WORDS[stat]} of the last {facts.words(window)}")


def compute(arrays: Arrays, features: list[Feature]) -> np.ndarray:
    """Shape (rows, features)."""
    return np.column_stack([windowed(arrays, f.sensor, f.statistic, f.window or 0.0) for f in features])


def windowed(arrays: Arrays, sensor: str, stat: str, window: float) -> np.ndarray:
    """One statistic of one sensor at every row; the window is scanned once for all sensors that need it."""
    if window not in arrays.scanned:
        names = sorted({f.sensor for f in arrays.plan.features if f.window == window and f.kind in NEEDED_BY})
        moments = window_moments(arrays, window, [arrays.column(name) for name in names])
        arrays.scanned[window] = ({name: at for at, name in enumerate(names)}, moments)
    place, moments = arrays.scanned[window]
    return statistic(moments.column(place[sensor]), stat)
