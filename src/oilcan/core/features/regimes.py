"""How would this sensor read on a normal machine under these operating conditions?

Two plain models, learned on training readings and constant afterwards, so that one reading is
enough to apply them. `Clusters` where the conditions take few separate settings (C-MAPSS FD002 has
six): nearest centre, then `(x - mean_r) * s / std_r` with s the pooled deviation, so the result
keeps the sensor's unit. `Surface` where conditions vary smoothly: `x - expected(conditions)` with a
least-squares polynomial. In both, 0 means "as expected here".
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

SEPARATE: Final = 0.05      # settings: groups of values no wider than this share of the range, and further apart
EXPLAINS: Final = 0.02      # least share of variance that conditions must explain for a sensor to be corrected
FEW: Final = 30             # fewer training readings than this in a regime: pooled deviation

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Clusters:
    """Separate operating regimes.

    Parameters
    ----------
    conditions, scale
        Columns and what they are divided by before distances are taken.
    centres
        Per regime, per condition.
    sensors, mean, factor
        Sensors, and per regime per sensor: normalised = (x - mean) * factor.
    """

    conditions: tuple[str, ...]
    scale: tuple[float, ...]
    centres: Rows
    sensors: tuple[str, ...]
    mean: Rows
    factor: Rows
    kind: str = "clusters"

    def regime(self, conditions: np.ndarray) -> np.ndarray:
        """Nearest centre of each row; a missing condition is left out of the distance; -1 if all are."""
        gap = (conditions[:, None, :] - np.array(self.centres)) / np.array(self.scale)
        missing = np.isnan(conditions)
        nearest = np.where(missing[:, None, :], 0.0, gap * gap).sum(axis=2).argmin(axis=1)
        return np.where(missing.all(axis=1), -1, nearest)

    def without(self, sensors: set[str]) -> "Clusters":
        """The same for fewer sensors."""
        keep = [at for at, name in enumerate(self.sensors) if name not in sensors]
        return replace(self, sensors=tuple(self.sensors[at] for at in keep),
                       mean=tuple(tuple(row[at] for at in keep) for row in self.mean),
                       factor=tuple(tuple(row[at] for at in keep) for row in self.factor))

    def normalise(self, values: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        """Sensors as deviations from their regime; NaN where no condition is known."""
        regime = self.regime(conditions)
        out = (values - np.array(self.mean)[regime]) * np.array(self.factor)[regime]
        out[regime < 0] = np.nan
        return out


@dataclass(frozen=True)
class Surface:
    """A smooth expectation: 1, z and z^2 of each condition, z standardised and clipped to the range seen.

    Parameters
    ----------
    conditions, centre, scale, low, high
        Columns; z = (clip(c, low, high) - centre) / scale; a missing condition counts as its mean.
    sensors, weights
        Sensors corrected, and per sensor the weights of 1, z..., z^2...
    """

    conditions: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    sensors: tuple[str, ...]
    weights: Rows
    kind: str = "surface"

    def terms(self, conditions: np.ndarray) -> np.ndarray:
        """The polynomial's terms, shape (n, 1 + 2 * conditions)."""
        z = (np.clip(conditions, self.low, self.high) - np.array(self.centre)) / np.array(self.scale)
        z = np.where(np.isnan(z), 0.0, z)
        return np.hstack([np.ones((len(z), 1)), z, z * z])

    def normalise(self, values: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        """Sensors as deviations from what the conditions lead one to expect."""
        # term by term: a matrix product would add in an order that depends on the processor
        terms, weights = self.terms(conditions), np.array(self.weights)
        expected = np.zeros_like(values)
        for at in range(terms.shape[1]):
            expected += terms[:, [at]] * weights[:, at]
        return values - expected


def settings(column: np.ndarray) -> np.ndarray | None:
    """Edges between the separate settings of one condition; None where it varies smoothly.

    Parameters
    ----------
    column
        Training readings, shape (n,), no NaN, not constant.

    Examples
    --------
    >>> settings(np.array([0.0, 0.1, 20.0, 20.1, 42.0]))
    array([10.05, 31.05])
    >>> settings(np.linspace(0, 1, 100)) is None
    True
    """
    values = np.unique(column)
    wide = SEPARATE * (values[-1] - values[0])
    breaks = np.flatnonzero(np.diff(values) > wide)
    groups = np.split(values, breaks + 1)
    if len(groups) < 2 or max(group[-1] - group[0] for group in groups) > wide:
        return None
    return np.array([(left[-1] + right[0]) / 2 for left, right in pairwise(groups)])


def learn_regimes(
    values: np.ndarray, conditions: np.ndarray, *, sensors: list[str], names: list[str], max_regimes: int
) -> Clusters | Surface | None:
    """Clusters if the conditions take at most `max_regimes` separate settings, else a surface, else nothing.

    Parameters
    ----------
    values, conditions
        Training readings, shapes (n, sensors) and (n, conditions); NaN where missing.
    """
    known = ~np.isnan(conditions).any(axis=1)
    varying = [at for at in range(len(names)) if known.any() and np.ptp(conditions[known, at]) > 0]
    if not varying or not sensors:
        return None
    conditions, values = conditions[known][:, varying], values[known]
    names = [names[at] for at in varying]
    edges = [settings(column) for column in conditions.T]
    if all(edge is not None for edge in edges):
        codes = np.stack([np.searchsorted(e, c) for e, c in zip(edges, conditions.T, strict=True) if e is not None], 1)
        found, regime = np.unique(codes, axis=0, return_inverse=True)
        if 1 < len(found) <= max_regimes:
            return _clusters(values, conditions, regime.ravel(), sensors, names)
    return _surface(values, conditions, sensors, names)


def _clusters(
    values: np.ndarray, conditions: np.ndarray, regime: np.ndarray, sensors: list[str], names: list[str]
) -> Clusters:
    members = [regime == at for at in range(int(regime.max()) + 1)]
    mean = np.stack([_mean(values[m]) for m in members])
    left = values - mean[regime]
    pooled = np.sqrt(_mean(left * left))
    factor = np.ones_like(mean)
    for at, member in enumerate(members):
        spread = np.sqrt(_mean(left[member] ** 2))
        flat = spread <= 1e-9 * (np.abs(mean[at]) + pooled)
        many = np.sum(~np.isnan(left[member]), axis=0) >= FEW
        factor[at] = np.where(many & ~flat, pooled / np.where(flat, 1.0, spread), 1.0)
    return Clusters(tuple(names), rounded(np.ptp(conditions, axis=0)),
                    tuple(rounded(conditions[m].mean(axis=0)) for m in members),
                    tuple(sensors), _rows(mean), _rows(factor))


def _surface(values: np.ndarray, conditions: np.ndarray, sensors: list[str], names: list[str]) -> Surface | None:
    empty = Surface(tuple(names), rounded(conditions.mean(axis=0)), rounded(conditions.std(axis=0)),
                    rounded(conditions.min(axis=0)), rounded(conditions.max(axis=0)), (), ())
    terms = empty.terms(conditions)
    kept: dict[str, tuple[float, ...]] = {}
    for name, column in zip(sensors, values.T, strict=True):
        there = ~np.isnan(column)
        total = np.var(column[there]) if there.any() else 0.0
        if there.sum() < FEW or total == 0:
            continue
        weights = _least_squares(terms[there], column[there])
        if 1 - np.var(column[there] - (terms[there] * weights).sum(axis=1)) / total >= EXPLAINS:
            kept[name] = rounded(weights)
    if not kept:
        return None
    return Surface(empty.conditions, empty.centre, empty.scale, empty.low, empty.high,
                   tuple(kept), tuple(kept.values()))


def _least_squares(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weights of the terms, by normal equations about the mean; the terms are standardised, so that is safe."""
    centre, level = terms[:, 1:].mean(axis=0), values.mean()
    z, y = terms[:, 1:] - centre, values - level
    square = np.array([[(a * b).mean() for b in z.T] for a in z.T])
    slopes = np.linalg.lstsq(square, (z * y[:, None]).mean(axis=0), rcond=1e-9)[0]
    return np.append(level - (centre * slopes).sum(), slopes)


def _mean(values: np.ndarray) -> np.ndarray:
    """Column means over what is there; 0 where nothing is."""
    there = ~np.isnan(values)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(there.sum(axis=0), 1))


def rounded(values: np.ndarray) -> tuple[float, ...]:
    """Twelve digits: enough for any reading, and the same on every processor.

    Examples
    --------
    >>> rounded(np.array([0.1 + 0.2]))
    (0.3,)
    """
    return tuple(float(f"{value:.12g}") for value in values)


def _rows(values: np.ndarray) -> Rows:
    return tuple(rounded(row) for row in values)
