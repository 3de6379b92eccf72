"""Moments of stretches of readings, with only the fields that some statistics need."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Final

import numpy as np

from oilcan.core.features.scan import Moments

Stretch = dict[str, np.ndarray]     # field of `Moments` -> (..., sensors)

FIELDS: Final = tuple(field.name for field in fields(Moments))
NEEDS: Final = {                    # what a statistic is computed from
    "mean": {"count", "mean"},
    "std": {"count", "mean", "square"},
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
    ('count', 'mean', 'square', 'high')
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


def of_rows(values: np.ndarray, ticks: np.ndarray, kept: Iterable[str]) -> Stretch:
    """Stretches of a few rows side by side; arrays of shape (n, sensors).

    Sums are of distances from the lowest reading, so what is subtracted from a sum of squares is no larger
    than the few rows make it: of n readings not more than n times what is left. Equal readings leave exactly 0.

    Parameters
    ----------
    values, ticks
        Shapes (rows, n, sensors), NaN where missing, and (rows, n).
    """
    there = ~np.isnan(values)
    weight = there.astype(np.float64)
    count, low = np.einsum("rns->ns", weight), values[0].copy()
    for row in values[1:]:
        np.fmin(low, row, out=low)
    gap = np.where(there, values - low, 0.0)
    share, total = 1.0 / np.maximum(count, 1.0), np.einsum("rns->ns", gap)
    found = {"count": count, "mean": np.where(count > 0, low + total * share, 0.0), "low": low}
    if "high" in kept:
        found["high"] = np.fmax.reduce(values, axis=0)
    if "square" in kept:
        found["square"] = np.maximum(np.einsum("rns,rns->ns", gap, gap) - total * total * share, 0.0)
    if "cross" in kept:
        origin = ticks.min(axis=0)
        later = ticks - origin
        t_total = np.einsum("rn,rns->ns", later, weight)
        found["t_mean"] = np.where(count > 0, origin[:, None] + t_total * share, 0.0)
        found["t_square"] = np.einsum("rn,rns->ns", later * later, weight) - t_total * t_total * share
        found["cross"] = np.einsum("rn,rns->ns", later, gap) - total * t_total * share
    return {name: found[name] for name in kept}
