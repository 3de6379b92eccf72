"""Moments of stretches of readings, with only the fields that some statistics need."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Final

import numpy as np

from oilcan.core.features.moments import TINY, Moments

Stretch = dict[str, np.ndarray]     # field of `Moments` -> (..., sensors)

FIELDS: Final = tuple(field.name for field in fields(Moments))
NEEDS: Final = {                    # what a statistic is computed from
    "mean": {"count", "mean"},
    "std": {"count", "mean", "square", "t_mean", "t_square"},
    "min": {"low"},
    "max": {"high"},
    "slope": {"count", "mean", "t_mean", "t_square", "cross"},
}
_ABSENT: Final = {name: np.zeros((1, 1)) for name in FIELDS}       # a field that is not kept costs next to nothing


def fields_for(statistics: Iterable[str]) -> tuple[str, ...]:
    """Fields to keep for some statistics, in the order of `Moments`.

    Examples
    --------
    >>> fields_for(["max", "std"])
    ('count', 'mean', 'square', 'high', 't_mean', 't_square')
    """
    needed = {"count", "mean"}.union(*(NEEDS[name] for name in statistics))
    return tuple(name for name in FIELDS if name in needed)


def empty(kept: Iterable[str], *shape: int) -> Stretch:
    """Stretches without readings."""
    return {name: np.full(shape, np.nan if name in {"low", "high"} else 0.0) for name in kept}


def as_moments(stretch: Mapping[str, np.ndarray]) -> Moments:
    """For the formulas of batch."""
    return Moments(**{**_ABSENT, **stretch})


def some_of(moments: Moments, kept: Iterable[str]) -> Stretch:
    """Back, without the fields that are not kept."""
    return {name: getattr(moments, name) for name in kept}


def join(left: Stretch, right: Stretch) -> Stretch:
    """Both stretches together, by the formulas of batch."""
    return some_of(as_moments(left).joined(as_moments(right)), left)


def of_rows(values: np.ndarray, ticks: np.ndarray, kept: Iterable[str], weights: np.ndarray | None = None) -> Stretch:
    """Stretches of a few rows side by side; arrays of shape (n, sensors).

    Sums are of distances from the lowest reading, so what is subtracted from a sum of squares is no larger
    than the few rows make it: of n readings not more than n times what is left. Equal readings leave exactly 0.

    Parameters
    ----------
    values, ticks, weights
        Shapes (rows, n, sensors), NaN where missing, (rows, n), and what each reading counts, (rows, n, sensors).
    """
    there, low = ~np.isnan(values), values[0].copy()
    for row in values[1:]:
        np.fmin(low, row, out=low)
    gap = np.where(there, values - low, 0.0)
    counts = there.astype(np.float64) if weights is None else there * weights
    counted = gap if weights is None else gap * weights
    count, total = np.einsum("rns->ns", counts), np.einsum("rns->ns", counted)
    share = 1.0 / np.maximum(count, TINY)
    found = {"count": count, "mean": np.where(count > 0, low + total * share, 0.0), "low": low}
    if "high" in kept:
        found["high"] = np.fmax.reduce(values, axis=0)
    if "square" in kept:
        found["square"] = np.maximum(np.einsum("rns,rns->ns", gap, counted) - total * total * share, 0.0)
    if "t_square" in kept:
        later = ticks - ticks[-1]                           # any of the instants will do
        t_total = np.einsum("rn,rns->ns", later, counts)
        t_square = np.einsum("rn,rns->ns", later * later, counts) - t_total * t_total * share
        found["t_mean"] = np.where(count > 0, ticks[-1][:, None] + t_total * share, 0.0)
        found["t_square"] = np.where(np.einsum("rns->ns", there, dtype=np.int64) > 1, t_square, 0.0)
    if "cross" in kept:
        found["cross"] = np.einsum("rn,rns->ns", later, counted) - total * t_total * share
    return {name: found[name] for name in kept}
