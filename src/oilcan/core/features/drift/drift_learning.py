"""Learning the population of lives: expectation and maximisation over the lives that ended in a failure."""

from dataclasses import replace
from typing import Final

import numpy as np
from scipy.special import log_ndtr

from oilcan.core.features.drift.drift_model import DriftModel, DriftSums, Ends, ends_of, moments_of
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
    weight, ends = _expected(model, sums, life)
    end = np.stack([(weight * each.end[:, :, 0]).sum(axis=1) for each in ends], axis=1)
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
    means = tuple(rounded(np.array(each) + np.array(by) @ moved)
                  for each, by in zip(model.mean, model.slope, strict=True))
    return _with_grid(replace(model, mean=means, log_mean=rounded(np.array([tau_mean + moved[0], mean])),
                              log_covariance=tuple(rounded(np.array(row)) for row in log_covariance)))


def _begun(sums: DriftSums, life: np.ndarray, taus: np.ndarray, cap: float | None) -> DriftModel:
    """A broad population: starts at the mean of all readings, ends at the state at failure."""
    start, end, log_life = sums.level / sums.count[:, None], sums.state, np.log(life)
    spread = 4 * (start.var(axis=0) + end.var(axis=0)) + 1.0
    k = len(spread)
    return DriftModel(
        rounded(taus), (1.0,), (1.0,), mean=tuple(zip(start.mean(axis=0).tolist(), end.mean(axis=0).tolist(),
                                                      strict=True)),
        slope=(((0.0, 0.0), (0.0, 0.0)),) * k, covariance=tuple(((v, 0.0), (0.0, v)) for v in spread.tolist()),
        log_mean=(float(np.log(np.median(life) / 5)), float(log_life.mean())),
        log_covariance=((1.0, 0.0), (0.0, float(log_life.var()) + JITTER)), cap=cap)


def _expected(model: DriftModel, sums: DriftSums, life: np.ndarray) -> tuple[np.ndarray, list[Ends]]:
    """Weight of each time constant per life, shape (m, taus), and the ends per direction."""
    log_tau = (np.log(model.time_constants) - model.log_mean[0])[None, :, None]
    log_life = (np.log(life) - model.log_mean[1])[:, None, None]
    prior = np.linalg.inv(np.array(model.log_covariance))
    moments = moments_of(sums, np.ones((len(model.time_constants), 1)))
    ends = [ends_of(model, (log_tau, log_life), moments, at) for at in range(len(model.mean))]
    evidence = -0.5 * (prior[0, 0] * log_tau * log_tau + 2 * prior[0, 1] * log_tau * log_life)[:, :, 0]
    evidence = evidence + sum(each.log_evidence[:, :, 0] for each in ends)
    weight = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True), ends


def _improved(model: DriftModel, sums: DriftSums, life: np.ndarray) -> DriftModel:
    """One round: where the lives probably began and ended, and the population that makes this most probable."""
    weight, ends = _expected(model, sums, life)
    share = weight / len(life)
    z = np.stack(np.broadcast_arrays(np.log(model.time_constants)[None, :], np.log(life)[:, None]), axis=-1)
    z_mean = np.einsum("mt,mti->i", share, z)
    gap = z - z_mean
    z_covariance = np.einsum("mt,mti,mtj->ij", share, gap, gap) + 10 * JITTER * np.eye(2)
    inverse = np.linalg.inv(z_covariance)
    means, slopes, covariances = [], [], []
    for each in ends:
        pair = np.stack([each.start[:, :, 0], each.end[:, :, 0]], axis=-1)
        error = np.array([[(share * each.start_variance[:, :, 0]).sum(), (share * each.both_covariance[:, :, 0]).sum()],
                          [(share * each.both_covariance[:, :, 0]).sum(), (share * each.end_variance[:, :, 0]).sum()]])
        mean = np.einsum("mt,mti->i", share, pair)
        slope = np.einsum("mt,mti,mtj->ij", share, pair - mean, gap) @ inverse
        left = pair - mean - np.einsum("ij,mtj->mti", slope, gap)
        covariance = np.einsum("mt,mti,mtj->ij", share, left, left) + error + JITTER * np.eye(2)
        means.append(rounded(mean))
        slopes.append(tuple(rounded(row) for row in slope))
        covariances.append(tuple(rounded(row) for row in covariance))
    return replace(model, mean=tuple(means), slope=tuple(slopes), covariance=tuple(covariances),
                   log_mean=rounded(z_mean), log_covariance=tuple(rounded(row) for row in z_covariance))


def _with_grid(model: DriftModel) -> DriftModel:
    """Cells of the remaining life, narrow near the failure."""
    middle, spread = model.log_mean[1], float(np.sqrt(model.log_covariance[1][1]))
    edges = np.concatenate([[0.0], np.geomspace(np.exp(middle) / 100, np.exp(middle + FAR * spread), REMAINING)])
    return replace(model, remaining=rounded((edges[1:] + edges[:-1]) / 2), width=rounded(np.diff(edges)))
