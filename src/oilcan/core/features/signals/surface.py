"""What would a sensor read on a normal machine under smoothly varying conditions? A least-squares polynomial.

A sensor becomes `x - expected(conditions)`, or, where its deviations grow with its level, the same of its
logarithm, in per cent. The effect of conditions is learned within machines: from how the readings of one
machine move with its conditions, never from how machines differ, for a large machine that runs slowly
says nothing about slowing down (fixed effects: Mundlak, On the pooling of time series and cross section
data, Econometrica 46(1), 1978). Learned on training readings and constant afterwards.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from oilcan.core.timeline.groups import minus_group_mean

EXPLAINS: Final = 0.02      # least share of variance that conditions must explain for a sensor to be corrected
FEW: Final = 30             # with fewer training readings nothing is learned
LEAST: Final = 0.5          # of the lowest training reading: below it, readings of a logarithmic sensor count as that

NumberRows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Surface:
    """A smooth expectation: 1, z, z^2 and products of two z, z a condition standardised and clipped to its range.

    Parameters
    ----------
    conditions, centre, scale, low, high
        Columns; z = (clip(c, low, high) - centre) / scale; a missing condition counts as its mean.
    sensors, weights
        Sensors corrected, and per sensor the weights of 1, z..., z^2..., z z'...
    floor
        Per sensor: 0; if its logarithm is taken, the value that smaller readings are raised to.
    """

    conditions: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    sensors: tuple[str, ...]
    weights: NumberRows
    floor: tuple[float, ...]
    kind: str = "surface"

    @property
    def relative(self) -> frozenset[str]:
        """Sensors whose logarithm is taken: they become per cent; the others keep their unit."""
        return frozenset(name for name, floor in zip(self.sensors, self.floor, strict=True) if floor > 0)

    def terms(self, conditions: np.ndarray) -> np.ndarray:
        """The polynomial's terms, shape (n, 1 + 2 k + k (k - 1) / 2) for k conditions."""
        z = (np.clip(conditions, self.low, self.high) - np.array(self.centre)) / np.array(self.scale)
        z = np.where(np.isnan(z), 0.0, z)
        pairs = [z[:, [i]] * z[:, [j]] for i, j in combinations(range(z.shape[1]), 2)]
        return np.hstack([np.ones((len(z), 1)), z, z * z, *pairs])

    def normalise(self, values: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        """Sensors as deviations from what the conditions lead one to expect."""
        # term by term: a matrix product would add in an order that depends on the processor
        terms, weights = np.ascontiguousarray(self.terms(conditions).T), np.array(self.weights)
        by_sensor = np.zeros(values.shape[::-1])        # long rows: four times as fast as short ones, the same bits
        for at, term in enumerate(terms):
            by_sensor += weights[:, [at]] * term
        expected, floor = by_sensor.T, np.array(self.floor)
        logs = np.log(np.where(floor > 0, np.maximum(values, floor), 1.0))
        return np.where(floor > 0, 100.0 * (logs - expected), values - expected)


def learn_surface(
    values: np.ndarray, conditions: np.ndarray, machine: np.ndarray, *, sensors: list[str], names: list[str],
    interval: frozenset[str] = frozenset(),
) -> Surface | None:  # fmt: skip
    """The expectations of all sensors that conditions explain; None if they explain no sensor.

    Parameters
    ----------
    values, conditions
        Training readings, shapes (n, sensors), NaN where missing, and (n, conditions), without missing values or
        constant columns.
    machine
        Code of each reading's machine, shape (n,).
    interval
        Sensors whose zero is arbitrary (degrees Celsius): their logarithm has no meaning.

    Examples
    --------
    >>> load = np.tile(np.linspace(0.0, 1.0, 50), 2)
    >>> values = (20 + 10 * load + np.random.default_rng(0).normal(size=100))[:, None]
    >>> surface = learn_surface(values, load[:, None], np.repeat([0, 1], 50), sensors=["heat"], names=["load"],
    ...                         interval=frozenset({"heat"}))
    >>> bool(surface.normalise(values, load[:, None]).std() < values.std() / 2)
    True
    """
    empty = Surface(tuple(names), rounded(conditions.mean(axis=0)), rounded(conditions.std(axis=0)),
                    rounded(conditions.min(axis=0)), rounded(conditions.max(axis=0)), (), (), ())
    terms = empty.terms(conditions)
    expectations: dict[str, tuple[tuple[float, ...], float]] = {}
    for name, column in zip(sensors, values.T, strict=True):
        there = ~np.isnan(column)
        if there.sum() >= FEW and np.var(column[there]) > 0:
            expected = _expectation(terms[there], column[there], machine[there], may_be_log=name not in interval)
            if expected is not None:
                expectations[name] = expected
    if not expectations:
        return None
    return replace(empty, sensors=tuple(expectations), weights=tuple(weights for weights, _ in expectations.values()),
                   floor=tuple(floor for _, floor in expectations.values()))


def _expectation(
    terms: np.ndarray, column: np.ndarray, machine: np.ndarray, *, may_be_log: bool
) -> tuple[tuple[float, ...], float] | None:
    """Weights and floor of one sensor; None if conditions do not explain it.

    Of the sensor and its logarithm, the one whose deviations are more like one normal distribution is
    expected: likelihood with its Jacobian (Box and Cox, An analysis of transformations, JRSS B 26(2), 1964).
    """
    weights, share, left = _fit(terms, column, machine)
    floor = 0.0
    if may_be_log and column.min() > 0:
        logs = np.log(column)
        log_weights, log_share, log_left = _fit(terms, logs, machine)
        if log_left > 0 and np.log(log_left) + 2 * logs.mean() < np.log(left):
            weights, share, floor = log_weights, log_share, LEAST * float(column.min())
    return (rounded(weights), float(f"{floor:.12g}")) if share >= EXPLAINS else None


def _fit(terms: np.ndarray, values: np.ndarray, machine: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Weights of the terms, the share of the variance within machines that they explain, and what they leave."""
    z, y = _within(terms[:, 1:], machine), _within(values[:, None], machine)[:, 0]
    square = np.array([[(a * b).mean() for b in z.T] for a in z.T])
    slopes = np.linalg.lstsq(square, (z * y[:, None]).mean(axis=0), rcond=1e-9)[0]
    left = float(np.var(y - (z * slopes).sum(axis=1)))
    share = 1 - left / np.var(y) if np.var(y) > 0 else 0.0
    return np.append(values.mean() - (terms[:, 1:].mean(axis=0) * slopes).sum(), slopes), share, left


def _within(values: np.ndarray, machine: np.ndarray) -> np.ndarray:
    """Columns minus their machine's mean."""
    return np.stack([minus_group_mean(column, machine) for column in values.T], axis=1)


def rounded(values: np.ndarray) -> tuple[float, ...]:
    """Twelve digits: enough for any reading, and the same on every processor.

    Examples
    --------
    >>> rounded(np.array([0.1 + 0.2]))
    (0.3,)
    """
    return tuple(float(f"{value:.12g}") for value in values)
