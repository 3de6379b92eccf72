"""How would this sensor read on a normal machine under these operating conditions?

Two plain models, learned on training readings and constant afterwards, so that one reading is
enough to apply them. `Clusters` where the conditions take few separate settings (C-MAPSS FD002 has
six): nearest centre, then `(x - mean_r) * s / std_r` with s the pooled deviation, so the result
keeps the sensor's unit. `Surface` where conditions vary smoothly: `x - expected(conditions)` with a
least-squares polynomial (`surface`). In both, 0 means "as expected here".
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from oilcan.core.features.signals.surface import FEW, NumberRows, Surface, learn_surface, rounded

SEPARATE: Final = 0.05      # settings: groups of values no wider than this share of the range, and further apart


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
    centres: NumberRows
    sensors: tuple[str, ...]
    mean: NumberRows
    factor: NumberRows
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
    values: np.ndarray, conditions: np.ndarray, machine: np.ndarray, *, sensors: list[str], names: list[str],
    max_regimes: int, interval: frozenset[str] = frozenset(),
) -> Clusters | Surface | None:  # fmt: skip
    """Clusters if the conditions take at most `max_regimes` separate settings, else a surface, else None.

    Parameters
    ----------
    values, conditions
        Training readings, shapes (n, sensors) and (n, conditions); NaN where missing.
    machine, interval
        As in `surface`.

    Examples
    --------
    >>> speed = np.tile([0.0, 100.0], 50)
    >>> values = (speed / 10 + np.tile([0.0, 0.0, 1.0, 1.0], 25))[:, None]
    >>> regimes = learn_regimes(values, speed[:, None], np.zeros(100, int), sensors=["v"], names=["speed"],
    ...                         max_regimes=6)
    >>> type(regimes).__name__, regimes.mean
    ('Clusters', ((0.5,), (10.5,)))
    """
    known = ~np.isnan(conditions).any(axis=1)
    varying = [at for at in range(len(names)) if known.any() and np.ptp(conditions[known, at]) > 0]
    if not varying or not sensors:
        return None
    conditions, values, machine = conditions[known][:, varying], values[known], machine[known]
    names = [names[at] for at in varying]
    edges = [settings(column) for column in conditions.T]
    if all(edge is not None for edge in edges):
        codes = np.stack([np.searchsorted(e, c) for e, c in zip(edges, conditions.T, strict=True) if e is not None], 1)
        found, regime = np.unique(codes, axis=0, return_inverse=True)
        if 1 < len(found) <= max_regimes:
            return _clusters(values, conditions, regime.ravel(), sensors, names)
    return learn_surface(values, conditions, machine, sensors=sensors, names=names, interval=interval)


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


def _mean(values: np.ndarray) -> np.ndarray:
    """Column means of known values; 0 for a column without any."""
    there = ~np.isnan(values)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(there.sum(axis=0), 1))


def _rows(values: np.ndarray) -> NumberRows:
    return tuple(rounded(row) for row in values)
