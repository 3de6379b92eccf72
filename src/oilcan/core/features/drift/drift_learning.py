"""Learning the population of lives: expectation and maximisation over the lives that ended in a failure."""

from dataclasses import replace
from typing import Final

import numpy as np

from oilcan.core.features.drift.drift_model import DriftModel, DriftSums, Matrix, moments_of
from oilcan.core.features.signals.surface import rounded

FEWEST: Final = 20          # lives that ended in a failure
TAUS: Final = 12            # points of the grid
REMAINING: Final = 40
ROUNDS: Final = 15          # of expectation and maximisation; afterwards figures move by less than their error
WIDE: Final = 2.3           # standard deviations of log tau that the grid covers on either side
FAR: Final = 3.0            # standard deviations of log T above its mean up to which the grid goes
NARROW: Final = 0.15        # least standard deviation of log tau that the grid is made for
JITTER: Final = 1e-4        # added to variances


def first_grid(life: np.ndarray) -> np.ndarray:
    """Time constants to begin with: from a fiftieth of the median life to all of it, shape (taus,)."""
    return np.asarray(np.geomspace(0.02, 1.0, TAUS) * np.median(life))


def next_grid(model: DriftModel) -> np.ndarray:
    """Time constants that the population has, shape (taus,)."""
    spread = max(float(np.sqrt(model.log_covariance[0][0])), NARROW)
    return np.asarray(np.exp(model.log_mean[0] + np.linspace(-WIDE, WIDE, TAUS) * spread))


def learn_population(sums: DriftSums, life: np.ndarray, taus: np.ndarray, *, cap: float | None,
                     begin: DriftModel | None = None) -> DriftModel:
    """The population from lives that ended.

    Parameters
    ----------
    sums
        Of each life at its failure, with `taus` as time constants.
    life
        Length of each life [ticks], shape (m,).
    begin
        A population to begin with.
    """
    model = _begun(sums, life, taus, cap) if begin is None else replace(begin, time_constants=rounded(taus))
    for _ in range(ROUNDS):
        model = _improved(model, sums, life)
    return _with_grid(model)


def margin_first(model: DriftModel, sums: DriftSums, life: np.ndarray) -> np.ndarray:
    """Rotation to the axes in which the ends of lives are uncorrelated, least spread first, shape (k, k)."""
    weight, ends, _ = _expected(model, sums, life)
    end = np.einsum("mt,mti->mi", weight, ends[:, :, model.directions:])
    gap = end - end.mean(axis=0)
    _, axes = np.linalg.eigh(np.einsum("ni,nj->ij", gap, gap))
    return np.asarray(axes * np.where(np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0) < 0, -1, 1))


def with_unfinished(model: DriftModel, life: np.ndarray, lived: np.ndarray) -> DriftModel:
    """The same population, with lives that have not ended taken into account in the length of lives.

    Parameters
    ----------
    life
        Lengths of lives that ended, shape (m,).
    lived
        Ages of lives that did not end in a failure, shape (c,).
    """
    if not len(lived):
        return model
    from scipy.special import log_ndtr  # here: scipy loads slowly, and workers that only compute never learn

    known, bound = np.log(life), np.log(lived)
    mean, variance = known.mean(), known.var() + JITTER
    for _ in range(200):
        z = (bound - mean) / np.sqrt(variance)
        ratio = np.exp(-0.5 * z * z - log_ndtr(-z)) / np.sqrt(2 * np.pi)       # of the normal beyond its bound
        expected = mean + np.sqrt(variance) * ratio
        square = variance * (1 + z * ratio - ratio * ratio)
        n = len(known) + len(bound)
        new = (known.sum() + expected.sum()) / n
        variance = (((known - new) ** 2).sum() + ((expected - new) ** 2 + square).sum()) / n + JITTER
        mean = new
    return _with_life(model, float(mean), float(variance))


def _with_life(model: DriftModel, mean: float, variance: float) -> DriftModel:
    """Another distribution of log T; what depends on it keeps its regression on it."""
    (tau_mean, life_mean), ((a, b), (_, d)) = model.log_mean, model.log_covariance
    slope = b / d
    moved = np.array([slope * (mean - life_mean), mean - life_mean])
    log_covariance = ((a - slope * b + slope * slope * variance, slope * variance), (slope * variance, variance))
    mean_of_ends = rounded(np.array(model.ends_mean) + np.array(model.ends_slope) @ moved)
    return _with_grid(replace(model, ends_mean=mean_of_ends, log_mean=rounded(np.array([tau_mean + moved[0], mean])),
                              log_covariance=_rows(np.array(log_covariance))))


def _begun(sums: DriftSums, life: np.ndarray, taus: np.ndarray, cap: float | None) -> DriftModel:
    """A broad population: starts at the mean of all readings, ends at the state at failure."""
    start, end, log_life = sums.level / sums.count[:, None], sums.state, np.log(life)
    spread = 4 * (start.var(axis=0) + end.var(axis=0)) + 1.0
    return DriftModel(
        rounded(taus), (1.0,), (1.0,), ends_mean=rounded(np.concatenate([start.mean(axis=0), end.mean(axis=0)])),
        ends_slope=((0.0, 0.0),) * (2 * len(spread)),
        ends_covariance=_rows(np.diag(np.concatenate([spread, spread]))),
        log_mean=(float(np.log(np.median(life) / 5)), float(log_life.mean())),
        log_covariance=((1.0, 0.0), (0.0, float(log_life.var()) + JITTER)), cap=cap)


def _expected(model: DriftModel, sums: DriftSums, life: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of m lives and each time constant: its weight, starts and ends, and the covariance of their error.

    Returns
    -------
    Shapes (m, taus), (m, taus, 2k), (m, taus, 2k, 2k).
    """
    z = np.stack(np.broadcast_arrays((np.log(model.time_constants) - model.log_mean[0])[None, :],
                                     (np.log(life) - model.log_mean[1])[:, None]), axis=-1)
    moments = moments_of(sums, np.ones((len(model.time_constants), 1)))
    of_readings = np.stack([np.stack([moments.start, moments.both], -1), np.stack([moments.both, moments.end], -1)], -1)
    right = np.concatenate([*moments.to_start, *moments.to_end], axis=-1)              # (m, taus, 2k)
    precision = np.linalg.inv(np.array(model.ends_covariance))
    usual = np.array(model.ends_mean) + np.einsum("ij,mtj->mti", np.array(model.ends_slope), z)
    pull = np.einsum("ij,mtj->mti", precision, usual)
    left = precision + np.kron(of_readings[:, :, 0], np.eye(model.directions))
    covariance = np.linalg.inv(left)
    ends = np.einsum("mtij,mtj->mti", covariance, right + pull)
    prior = np.linalg.inv(np.array(model.log_covariance))
    evidence = 0.5 * ((ends * (right + pull)).sum(axis=-1) - (usual * pull).sum(axis=-1) - np.linalg.slogdet(left)[1]
                      - prior[0, 0] * z[:, :, 0] ** 2 - 2 * prior[0, 1] * z[:, :, 0] * z[:, :, 1])
    weight = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True), ends, covariance


def _improved(model: DriftModel, sums: DriftSums, life: np.ndarray) -> DriftModel:
    """One round: where the lives probably began and ended, and the population that makes this most probable."""
    weight, ends, error = _expected(model, sums, life)
    share = weight / len(life)
    z = np.stack(np.broadcast_arrays(np.log(model.time_constants)[None, :], np.log(life)[:, None]), axis=-1)
    z_mean = np.einsum("mt,mti->i", share, z)
    gap = z - z_mean
    z_covariance = np.einsum("mt,mti,mtj->ij", share, gap, gap) + 10 * JITTER * np.eye(2)
    mean = np.einsum("mt,mti->i", share, ends)
    slope = np.einsum("mt,mti,mtj->ij", share, ends - mean, gap) @ np.linalg.inv(z_covariance)
    left = ends - mean - np.einsum("ij,mtj->mti", slope, gap)
    covariance = (np.einsum("mt,mti,mtj->ij", share, left, left) + np.einsum("mt,mtij->ij", share, error)
                  + JITTER * np.eye(len(mean)))
    return replace(model, ends_mean=rounded(mean), ends_slope=_rows(slope), ends_covariance=_rows(covariance),
                   log_mean=rounded(z_mean), log_covariance=_rows(z_covariance))


def _rows(matrix: np.ndarray) -> Matrix:
    return tuple(rounded(row) for row in matrix)


def _with_grid(model: DriftModel) -> DriftModel:
    """Cells of the remaining life, narrow near the failure."""
    middle, spread = model.log_mean[1], float(np.sqrt(model.log_covariance[1][1]))
    edges = np.concatenate([[0.0], np.geomspace(np.exp(middle) / 100, np.exp(middle + FAR * spread), REMAINING)])
    return replace(model, remaining=rounded((edges[1:] + edges[:-1]) / 2), width=rounded(np.diff(edges)))
