"""Readings up to the test part -> the reference, and the cells that limits are drawn from.

Two passes over the partitions. The first learns the level of every machine in each quarter of the span. The second
compares each reading with the level of the *other* quarters, as a reading of next year will be. Comparing a reading
with a level that it contributed to would make clean windows look cleaner than any future window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.bundle.watch_reference import BINS

QUARTERS: Final = 4
FEWEST: Final = 24                      # readings of a machine in a quarter below which the quarter does not count
_SHARES: Final = np.array([0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99])
_MIDDLE: Final = (0.005, 0.995)
_SMALL: Final = 1e-9


@dataclass(frozen=True)
class Sums:
    """First pass over one partition: by machine, quarter and column.

    Attributes
    ----------
    n, total, square
        Of the readings as the features see them, shape (m, QUARTERS, c).
    raw_n, raw_total, raw_square
        Of the readings as they came, in range.
    sample, sample_at
        Every k-th reading as the features see it, shape (s, c), and machine and quarter of each, (s, 2).
    conditions
        Operating conditions of the sample, shape (s, k).
    """

    machines: tuple[str, ...]
    n: np.ndarray
    total: np.ndarray
    square: np.ndarray
    raw_n: np.ndarray
    raw_total: np.ndarray
    raw_square: np.ndarray
    sample: np.ndarray
    sample_at: np.ndarray
    conditions: np.ndarray


def add_up(machines: Sequence[str], codes: np.ndarray, quarter: np.ndarray, level: np.ndarray, raw: np.ndarray,
           conditions: np.ndarray, *, keep_every: int) -> Sums:
    """The first pass.

    Parameters
    ----------
    codes, quarter
        Machine and quarter of each reading, shape (n,).
    level, raw
        Readings as the features see them and as they came, NaN where missing or out of range, shape (n, c).
    """
    group = codes * QUARTERS + quarter
    shape = (len(machines), QUARTERS, level.shape[1])

    def summed(values: np.ndarray) -> np.ndarray:
        columns = [np.bincount(group, weights=column, minlength=len(machines) * QUARTERS) for column in values.T]
        return np.stack(columns, axis=1).reshape(shape)

    there, raw_there = ~np.isnan(level), ~np.isnan(raw)
    clean, clean_raw = np.where(there, level, 0.0), np.where(raw_there, raw, 0.0)
    return Sums(tuple(machines), summed(there.astype(float)), summed(clean), summed(clean * clean),
                summed(raw_there.astype(float)), summed(clean_raw), summed(clean_raw * clean_raw),
                level[::keep_every].copy(),         # a view would keep all readings
                np.column_stack([codes[::keep_every], quarter[::keep_every]]), conditions[::keep_every].copy())


@dataclass(frozen=True)
class Levels:
    """What the first pass comes to.

    Attributes
    ----------
    centre, raw_centre
        Level of each machine, shape (m, c); NaN where it has too few readings.
    others
        Level of each machine without each quarter, shape (m, QUARTERS, c).
    scale, raw_scale
        Standard deviation within a machine: the middle one of all machines, shape (c,).
    edges, shares
        Bins of deviations; see `Reference`.
    support
        The middle 99 % of each operating condition, shape (k, 2).
    """

    machines: tuple[str, ...]
    centre: np.ndarray
    raw_centre: np.ndarray
    others: np.ndarray
    scale: np.ndarray
    raw_scale: np.ndarray
    edges: np.ndarray
    shares: np.ndarray
    support: np.ndarray


def learn_levels(parts: Sequence[Sums]) -> Levels:
    """Levels and spreads of the fleet from the first pass over all partitions."""
    n, total, square = (np.concatenate([getattr(part, name) for part in parts]) for name in ("n", "total", "square"))
    raw_n, raw_total, raw_square = (np.concatenate([getattr(part, name) for part in parts])
                                    for name in ("raw_n", "raw_total", "raw_square"))
    counts = n >= FEWEST
    is_enough = counts.sum(axis=1) >= 2
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.where(is_enough, total.sum(axis=1) / n.sum(axis=1), np.nan)
        others = (total.sum(axis=1, keepdims=True) - total) / (n.sum(axis=1, keepdims=True) - n)
        others = np.where(is_enough[:, None], others, np.nan)
        raw_centre = raw_total.sum(axis=1) / raw_n.sum(axis=1)
    scale = _within(n.sum(axis=1), total.sum(axis=1), square.sum(axis=1))
    raw_scale = _within(raw_n.sum(axis=1), raw_total.sum(axis=1), raw_square.sum(axis=1))
    offsets = np.cumsum([0, *(len(part.machines) for part in parts)])
    deviations = np.concatenate([
        (part.sample - others[offset + part.sample_at[:, 0], part.sample_at[:, 1]]) / scale
        for offset, part in zip(offsets[:-1], parts, strict=True)])
    edges, shares = _bins(deviations)
    conditions = np.concatenate([part.conditions for part in parts])
    support = (np.nanquantile(conditions, _MIDDLE, axis=0).T if conditions.size else np.zeros((0, 2)))
    return Levels(tuple(name for part in parts for name in part.machines), centre, raw_centre, others, scale, raw_scale,
                  edges, shares, support)


def group_levels(centre: np.ndarray, group_of: np.ndarray, groups: int) -> np.ndarray:
    """Mean level of the machines of each group, and last that of all; shape (groups, c)."""
    out = np.full((groups, centre.shape[1]), np.nan)
    everyone = _mean(centre)
    for at in range(groups):
        out[at] = _mean(centre[group_of == at]) if at < groups - 1 and (group_of == at).any() else everyone
    return np.where(np.isnan(out), everyone, out)


def _mean(values: np.ndarray) -> np.ndarray:
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    return np.where(count > 0, np.where(there, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _within(n: np.ndarray, total: np.ndarray, square: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(n >= FEWEST, square / n - (total / n) ** 2, np.nan)
    spread = np.sqrt(np.maximum(variance, 0.0))
    middle = np.array([np.median(column[~np.isnan(column)]) if (~np.isnan(column)).any() else 0.0
                       for column in spread.T])
    return np.where(middle > _SMALL, middle, 1.0)


def _bins(deviations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    edges, shares = np.zeros((deviations.shape[1], BINS - 1)), np.zeros((deviations.shape[1], BINS))
    for at, column in enumerate(deviations.T):
        known = column[~np.isnan(column)]
        edges[at] = np.quantile(known, _SHARES) if len(known) else _SHARES
        counts = np.bincount(np.searchsorted(edges[at], known, side="right"), minlength=BINS)
        shares[at] = counts / max(len(known), 1)
    return edges, shares
