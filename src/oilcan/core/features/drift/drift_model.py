"""How long will it still run? The posterior of the remaining life, given all readings of a life so far.

Towards a failure at age T the hidden state follows

    x(s) = start (1 - g) + end g + noise / sqrt(precision),      g = exp(-(T - s) / tau)

with one time constant tau per life. Over lives, `start` and `end` of all directions have a joint normal
distribution whose mean is linear in log tau and log T; log tau and log T are jointly normal. For each pair of tau
and remaining life r on a grid the likelihood of the readings so far is that of a linear model with two unknowns per
direction. It needs only sums over the readings that are updated one reading at a time (`DriftSums`).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

TEMPER: Final = 1.5     # the likelihood is divided by this: real lives follow the curve only roughly
AT_ONCE: Final = 64     # rows whose grids are computed together: they stay in the processor's cache

Vector = tuple[float, ...]
Matrix = tuple[Vector, ...]


@dataclass(frozen=True)
class DriftModel:
    """The population of lives, and the grid on which the posterior is computed; k directions.

    Parameters
    ----------
    time_constants, remaining, width
        Grid: tau, remaining life r and the width of the cell of each r [ticks].
    ends_mean, ends_slope, ends_covariance
        Of the starts of all directions and then their ends, shapes (2k,), (2k, 2), (2k, 2k); the slope is by log tau
        and log T, from `log_mean`. The first direction is the one in which ends differ least: the failure margin.
    log_mean, log_covariance
        Of (log tau, log T), shapes (2,), (2, 2).
    cap
        Remaining life counts as at most this [ticks]; None for no cap.
    """

    time_constants: Vector
    remaining: Vector
    width: Vector
    ends_mean: Vector
    ends_slope: Matrix
    ends_covariance: Matrix
    log_mean: Vector
    log_covariance: Matrix
    cap: float | None

    @property
    def directions(self) -> int:
        """Of the state, k."""
        return len(self.ends_mean) // 2

    @property
    def margin(self) -> float:
        """Where the first direction usually stands at a failure."""
        return self.ends_mean[self.directions]


@dataclass(frozen=True)
class DriftSums:
    """What the posterior needs of the readings of a life so far, for m lives.

    Parameters
    ----------
    count, level
        Sums of the precision w and of w x, shapes (m,), (m, k).
    near, near_square, near_level
        Sums of w d, w d^2 and w d x, where d = exp(-(now - time) / tau) fades with the age of a reading; shapes
        (m, taus), (m, taus), (m, taus, k).
    """

    count: np.ndarray
    level: np.ndarray
    near: np.ndarray
    near_square: np.ndarray
    near_level: np.ndarray

    @property
    def state(self) -> np.ndarray:
        """The state at the end, shape (m, k): the mean that fades with the shortest time constant."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.near_level[:, 0] / self.near[:, :1])

    def of(self, at: np.ndarray | slice) -> "DriftSums":
        """Of some lives."""
        return DriftSums(self.count[at], self.level[at], self.near[at], self.near_square[at], self.near_level[at])

    def rotated(self, rotation: np.ndarray) -> "DriftSums":
        """Of the states in other axes, x rotation; shape of `rotation` (k, k)."""
        return replace(self, level=self.level @ rotation, near_level=self.near_level @ rotation)

    def aged(self, gap: np.ndarray, time_constants: Vector | np.ndarray) -> "DriftSums":
        """The same readings, some ticks later; shape of `gap` (m,)."""
        left = np.exp(-gap[:, None] / np.asarray(time_constants))
        return DriftSums(self.count, self.level, self.near * left, self.near_square * left * left,
                         self.near_level * left[:, :, None])


def posterior(model: DriftModel, age: np.ndarray, sums: DriftSums) -> np.ndarray:
    """Mean and standard deviation of the remaining life, and the time constant (geometric mean) [ticks].

    Parameters
    ----------
    age
        Of each life [ticks], shape (m,), above 0.

    Returns
    -------
    Shape (m, 3); NaN for a life without a reading.

    Examples
    --------
    A life of 200 ticks whose state grows with a time constant of 40; 30 ticks before its end:

    >>> model = DriftModel((20.0, 40.0, 80.0), (10.0, 30.0, 60.0, 100.0), (20.0, 25.0, 35.0, 45.0), (0.0, 50.0),
    ...                    ((0.0, 0.0), (0.0, 0.0)), ((4.0, 0.0), (0.0, 9.0)), (3.7, 5.3),
    ...                    ((0.3, 0.0), (0.0, 0.1)), None)
    >>> age, tau = np.arange(1.0, 171.0), np.array(model.time_constants)
    >>> state = 50 * np.exp(-(200 - age) / 40)
    >>> fade = np.exp(-(170 - age)[:, None] / tau)
    >>> sums = DriftSums(np.array([170.0]), np.array([[state.sum()]]), fade.sum(0)[None], (fade**2).sum(0)[None],
    ...                  (fade * state[:, None]).sum(0)[None, :, None])
    >>> posterior(model, np.array([170.0]), sums).round(1)
    array([[30.,  0., 40.]])
    """
    out = np.empty((len(age), 3))
    for begin in range(0, len(age), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        out[some] = _few(model, age[some], sums.of(some))
    out[~(sums.count > 0)] = np.nan
    return out


@dataclass(frozen=True)
class Prior:
    """The population's part of the normal equations of starts and ends, linear in log tau and log T.

    Parameters
    ----------
    precision
        Shape (2k, 2k).
    constant, slope
        Right side at the means of log tau and log T, and its slope; shapes (2k,), (2k, 2).
    square
        m' precision m of the prior mean m, as 1, z, z z': shapes (), (2,), (2, 2).
    """

    precision: np.ndarray
    constant: np.ndarray
    slope: np.ndarray
    square: tuple[float, np.ndarray, np.ndarray]


@lru_cache(maxsize=8)
def prior_of(model: DriftModel) -> Prior:
    """Of a population; the service asks for every reading."""
    precision = np.linalg.inv(np.array(model.ends_covariance))
    mean, slope = np.array(model.ends_mean), np.array(model.ends_slope)
    constant, along = precision @ mean, precision @ slope
    return Prior(precision, constant, along, (float(mean @ constant), mean @ along, slope.T @ along))


def log_evidence(prior: Prior, z: tuple[np.ndarray, np.ndarray], moments: "NormalEquations") -> np.ndarray:
    """Logarithm of the likelihood of the readings at each cell of a grid, up to what no cell changes.

    The normal equations of a cell are eliminated one unknown after the other, in all cells at once: they are as many as
    twice the directions, and a call of LAPACK per cell would take longer.

    Parameters
    ----------
    z
        log tau and log T, less their means, to be broadcast to the grid.
    moments
        Of the readings at each cell of the grid.
    """
    k = len(moments.to_start)
    (one, two), (level, along, across) = z, prior.square
    right = [prior.constant[i] + prior.slope[i, 0] * one + prior.slope[i, 1] * two
             + (moments.to_start[i] if i < k else moments.to_end[i - k]) for i in range(2 * k)]
    left = {(i, j): prior.precision[i, j] + _of_readings(moments, i, j, k) for i in range(2 * k) for j in range(i + 1)}
    total, determinant = 0.0, 1.0
    for at in range(2 * k):
        pivot, above = left[at, at], right[at]
        total, determinant = total + above * above / pivot, determinant * pivot
        for i in range(at + 1, 2 * k):
            factor = left[i, at] / pivot
            right[i] = right[i] - factor * above
            for j in range(at + 1, i + 1):
                left[i, j] = left[i, j] - factor * left[j, at]
    usual = level + 2 * (along[0] * one + along[1] * two) + (
        across[0, 0] * one * one + 2 * across[0, 1] * one * two + across[1, 1] * two * two)
    return np.asarray(0.5 * (total - usual - np.log(determinant)))


def _of_readings(moments: "NormalEquations", i: int, j: int, k: int) -> np.ndarray | float:
    """Their part in row i and column j <= i of the normal equations: directions do not mix."""
    if i % k != j % k:
        return 0.0
    return moments.start if i < k else moments.end if j >= k else moments.both


@dataclass(frozen=True)
class NormalEquations:
    """The normal equations of (start, end) at each cell of a grid, tempered.

    Parameters
    ----------
    start, both, end
        Sums of w (1 - g)^2, w (1 - g) g and w g^2.
    to_start, to_end
        Per direction the sums of w (1 - g) x and w g x.
    """

    start: np.ndarray
    both: np.ndarray
    end: np.ndarray
    to_start: list[np.ndarray]
    to_end: list[np.ndarray]


def moments_of(sums: DriftSums, fading: np.ndarray) -> NormalEquations:
    """At every tau and remaining life; `fading` is exp(-r / tau), shape (taus, remaining)."""
    near = fading * sums.near[:, :, None]
    square = fading * fading * sums.near_square[:, :, None]
    levels = [fading * sums.near_level[:, :, None, at] / TEMPER for at in range(sums.level.shape[1])]
    return NormalEquations(
        (sums.count[:, None, None] - 2 * near + square) / TEMPER, (near - square) / TEMPER, square / TEMPER,
        [sums.level[:, None, None, at] / TEMPER - level for at, level in enumerate(levels)], levels)


def _few(model: DriftModel, age: np.ndarray, sums: DriftSums) -> np.ndarray:
    taus, remaining = np.array(model.time_constants), np.array(model.remaining)
    log_tau = (np.log(taus) - model.log_mean[0])[None, :, None]
    log_life = (np.log(age[:, None] + remaining) - model.log_mean[1])[:, None, :]
    prior = np.linalg.inv(np.array(model.log_covariance))
    evidence = -0.5 * (prior[0, 0] * log_tau * log_tau + 2 * prior[0, 1] * log_tau * log_life
                       + prior[1, 1] * log_life * log_life) - log_life + np.log(np.array(model.width))
    moments = moments_of(sums, np.exp(-remaining / taus[:, None]))
    evidence = evidence + log_evidence(prior_of(model), (log_tau, log_life), moments)
    flat = evidence.reshape(len(age), -1)
    weight = np.exp(evidence - flat.max(axis=1)[:, None, None])
    weight /= weight.sum(axis=(1, 2), keepdims=True)
    by_life = weight.sum(axis=1)
    capped = remaining if model.cap is None else np.minimum(remaining, model.cap)
    mean = (by_life * capped).sum(axis=1)
    variance = (by_life * (capped - mean[:, None]) ** 2).sum(axis=1)      # a difference of squares loses all digits
    return np.column_stack([mean, np.sqrt(variance),
                            np.exp((weight.sum(axis=2) * np.log(taus)).sum(axis=1))])
