"""Is a column read in another unit than before? Its readings are then a well-known factor of what they were.

That can be said of a column that keeps its level. A counter does not, but it keeps its pace. Counts of rare events,
and columns around zero, keep neither: how far windows of the reference lie from each other says which are which.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from oilcan.monitoring.statistics.cells import UNIT, Cells

# What two usual units of one quantity differ by; each also the other way round.
UNIT_FACTORS: Final[Mapping[str, float]] = {
    "a power of ten (for example bar and mbar, m and mm)": 1000.0, "bar and kPa, or % and a share": 100.0,
    "bar and MPa, or mm and cm": 10.0, "bar and psi": 14.5038, "psi and kPa": 6.8948, "in and mm": 25.4,
    "m/s and km/h": 3.6, "m3/h and gpm": 4.4029, "Hz and rpm": 60.0, "m and ft": 3.2808,
}
_CLOSE: Final = 0.06                    # how well a change of unit must fit
_COMMON: Final = 8.0                    # a fault of the machine can reach smaller factors, so they must be seen on
_SEVERAL: Final = 3                     # so many machines at once
_FAR: Final = 3.0                       # spreads of a machine within which a level is as it was
_RARE: Final = 0.995                    # of the machines and windows of the reference lie within the reach
NO_LEVEL: Final = 9.0                   # powers of ten: the reach of a column that keeps neither level nor pace
_RISES: Final = 0.5                     # of the neighbouring slots in which a counter rises
_FALLS: Final = 0.02                    # of its changes: it is set back now and then


class UnitChange(NamedTuple):
    """Machines whose readings fit one factor: positions, the two units in words, and the factor."""

    which: np.ndarray
    words: str
    factor: float


class UnitNature(NamedTuple):
    """What the reference shows of each column, shape (c,) each.

    Attributes
    ----------
    is_counter
        Whether it hardly ever falls, so that its pace is compared and not its level.
    reach
        Powers of ten within which windows of one machine lie around its level or pace.
    """

    is_counter: np.ndarray
    reach: np.ndarray


def fitting(now: np.ndarray, usual: np.ndarray, *, is_far: np.ndarray, beyond: float) -> UnitChange | None:
    """The factor that fits most machines; None if none fits enough.

    Parameters
    ----------
    now, usual
        Level or pace of each machine, shape (m,).
    is_far
        Machines that have moved at all, shape (m,).
    beyond
        Powers of ten that a factor must exceed.

    Examples
    --------
    >>> fitting(np.array([500.0, 5.1]), np.array([5.0, 5.0]), is_far=np.array([True, False]), beyond=0.1).factor
    100.0
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = now / usual
    best: UnitChange | None = None
    for words, factor in UNIT_FACTORS.items():
        if np.log10(factor) <= beyond:
            continue
        for value in (factor, 1 / factor):
            fits = np.flatnonzero(is_far & (np.abs(ratio / value - 1) < _CLOSE))
            wanted = 1 if factor >= _COMMON else _SEVERAL
            if len(fits) >= wanted and (best is None or len(fits) > len(best.which)):
                best = UnitChange(fits, words, value)
    return best


def fahrenheit(now: np.ndarray, usual: np.ndarray, scale: float) -> UnitChange | None:
    """Machines that read degrees Fahrenheit where they read Celsius."""
    which = np.flatnonzero(is_far(now, usual, scale) & (np.abs(now - (1.8 * usual + 32)) < 2 * scale))
    return UnitChange(which, "degrees Celsius and Fahrenheit", 1.8) if len(which) else None


def is_far(now: np.ndarray, usual: np.ndarray, scale: float) -> np.ndarray:
    """Whether a level is beyond the spread within a machine."""
    return np.asarray(np.abs(now - usual) > _FAR * scale)


def raw_means(cells: Cells, slots: slice, raw_scale: np.ndarray) -> np.ndarray:
    """Mean of the readings as they came, in their unit, shape (m, c); NaN without any."""
    there = (cells.readings[:, slots, None] - cells.missing[:, slots]).sum(axis=1)
    mean = cells.raw_total[:, slots].sum(axis=1) / UNIT * raw_scale / np.maximum(there, 1)
    return np.asarray(np.where(there > 0, mean, np.nan))


def paces(cells: Cells, slots: slice) -> np.ndarray:
    """Increase a slot from the first slot with readings to the last, shape (m, c); NaN with fewer than two."""
    low = cells.low[:, slots]
    seen = np.isfinite(low)
    if low.shape[1] < 2:
        return np.full((low.shape[0], low.shape[2]), np.nan)
    first, last = seen.argmax(axis=1)[:, None], low.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)[:, None]
    begin, end = (np.take_along_axis(low, at, axis=1)[:, 0].astype(float) for at in (first, last))
    length = (last - first)[:, 0]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(seen.any(axis=1) & (length > 0), (end - begin) / np.maximum(length, 1), np.nan))


def usual_paces(cells: Cells, windows: Sequence[slice]) -> np.ndarray:
    """Median pace of each machine over the windows, shape (m, c); NaN where there is none."""
    return _middle(np.stack([paces(cells, slots) for slots in windows]))


def learn_units(cells: Cells, windows: Sequence[slice], raw_scale: np.ndarray) -> UnitNature:
    """How the columns of the reference keep their level or pace.

    Parameters
    ----------
    windows
        Slots of windows, or of other stretches that do not overlap; at least two.
    """
    counter = _counters(cells)
    pace = np.stack([paces(cells, slots) for slots in windows])
    usual_pace = _middle(pace)
    level = np.stack([raw_means(cells, slots, raw_scale) for slots in windows])
    usual = _others(level, np.stack([cells.readings[:, slots].sum(axis=1) for slots in windows])[:, :, None])
    now, usual = np.where(counter, pace, level), np.where(counter, usual_pace, usual)
    reach = np.array([_reach(now[..., at], usual[..., at]) for at in range(cells.columns)])
    return UnitNature(counter, reach)


def _reach(now: np.ndarray, usual: np.ndarray) -> float:
    """How many powers of ten a window lies from the level of its machine, at most but for rare ones."""
    known = ~np.isnan(now) & ~np.isnan(usual) & ((now != 0) | (usual != 0))
    if not known.any():
        return NO_LEVEL
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = now[known] / usual[known]
        powers = np.where(ratio > 0, np.abs(np.log10(ratio)), NO_LEVEL)
    return round(float(np.quantile(np.minimum(powers, NO_LEVEL), _RARE)), 6)


def _counters(cells: Cells) -> np.ndarray:
    """Columns that rise in most slots and hardly ever fall, shape (c,)."""
    low, high = cells.low, cells.high
    known = np.isfinite(low[:, 1:]) & np.isfinite(low[:, :-1])
    rises = known & (low[:, 1:] >= high[:, :-1]) & (high[:, 1:] > low[:, :-1])
    falls = known & (low[:, 1:] < low[:, :-1])
    n, up, down = (each.sum(axis=(0, 1)) for each in (known, rises, falls))
    return np.asarray((up >= _RISES * n) & (down <= _FALLS * (up + down)) & (up > 0))


def _others(level: np.ndarray, readings: np.ndarray) -> np.ndarray:
    """Level of each machine in the windows other than each one, shape (w, m, c)."""
    weight = np.where(np.isnan(level), 0.0, readings)
    total = np.where(np.isnan(level), 0.0, level) * weight
    left = weight.sum(axis=0) - weight
    return np.where(left > 0, (total.sum(axis=0) - total) / np.maximum(left, 1), np.nan)


def _middle(pace: np.ndarray) -> np.ndarray:
    """Median over the windows, shape (m, c); NaN where there is none."""
    known = (~np.isnan(pace)).any(axis=0)
    return np.asarray(np.where(known, np.nanmedian(np.where(known, pace, 0.0), axis=0), np.nan))
