"""The hidden state: a few numbers that hold what all sensors say about the wear of a machine.

The health index is one combination of the sensors; machines with two wearing parts need two. The directions
are found without any label, from training readings only:

1. Each sensor is smoothed over the machine's life, looking both ways. The covariance of the smoothed signal is
   compared with that of the noise around it: a generalised eigenvalue says how much more signal than noise a
   direction carries. Directions with more signal than noise count, at most `MOST`.
2. Per operating regime each sensor is regressed on the smoothed state, z = a + B x + noise with covariance S. The
   generalised least-squares estimate of x from one reading is (B' S^-1 B)^-1 B' S^-1 (z - a).
3. States are scaled so that the error of one reading is white with variance 1 on average. Regimes in which
   sensors are noisier get a smaller `precision`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.features.scan import decayed_sums
from oilcan.core.features.signals.surface import NumberRows, rounded

MOST: Final = 4             # directions
SIGNAL: Final = 1.0         # ratio of signal to noise that a direction needs
NUGGET: Final = 0.01        # added to the noise variances, in units of a sensor's variance
FEWEST: Final = 200         # readings of a regime that its own regression needs


@dataclass(frozen=True)
class HiddenState:
    """x = weight (z - offset), weights and offsets by regime (a single one without regimes).

    Parameters
    ----------
    sensors
        Normalised sensors that are read.
    offset
        Shape (regimes, sensors).
    weight
        Shape (regimes, k, sensors).
    precision
        What a reading of each regime counts; its error has the variance 1 / precision in every direction.
    """

    sensors: tuple[str, ...]
    offset: NumberRows
    weight: tuple[NumberRows, ...]
    precision: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of the states."""
        return tuple(f"state_{at + 1}" for at in range(len(self.weight[0])))

    def of(self, values: np.ndarray, regime: np.ndarray) -> np.ndarray:
        """States of readings, shape (n, k); NaN where all sensors or the regime are unknown.

        Parameters
        ----------
        values
            Normalised readings of the sensors, shape (n, sensors). A missing one counts as its offset.
        regime
            Of each reading, shape (n,); -1 unknown.
        """
        gap = values - np.array(self.offset)[regime]
        missing = np.isnan(gap)
        out = np.einsum("nki,ni->nk", np.array(self.weight)[regime], np.where(missing, 0.0, gap))
        return np.where((missing.all(axis=1) | (regime < 0))[:, None], np.nan, out)

    def rotated(self, rotation: np.ndarray) -> "HiddenState":
        """The same states in other axes, x rotation; shape of `rotation` (k, k), orthogonal."""
        turned = np.einsum("rki,kj->rji", np.array(self.weight), rotation)
        return HiddenState(self.sensors, self.offset, tuple(tuple(rounded(row) for row in rows) for rows in turned),
                           self.precision)


def learn_hidden_state(values: np.ndarray, regime: np.ndarray, ticks: np.ndarray, starts: np.ndarray, *,
                       sensors: list[str], half_life: float) -> HiddenState | None:
    """The hidden state from training readings in order of machine and time; None if no direction carries signal.

    Parameters
    ----------
    values, regime
        Normalised readings, shape (n, sensors), and their regimes; -1 unknown.
    ticks
        Of the readings, shape (n,).
    starts
        First reading of each life, ascending, the first 0.
    half_life
        Of the smoothing [ticks].

    Examples
    --------
    >>> rng, life = np.random.default_rng(0), np.tile(np.arange(300.0), 4)
    >>> wear = np.exp((life - 300) / 60)
    >>> values = np.column_stack([wear + 0.1 * rng.normal(size=1200), -2 * wear + 0.1 * rng.normal(size=1200)])
    >>> state = learn_hidden_state(values, np.zeros(1200, int), life, np.arange(0, 1200, 300), sensors=["a", "b"],
    ...                            half_life=8.0)
    >>> state.names, bool(abs(np.corrcoef(state.of(values, np.zeros(1200, int))[:, 0], wear)[0, 1]) > 0.97)
    (('state_1',), True)
    """
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    z = (values - centre) / scale
    z = np.where(np.isnan(z), 0.0, z)
    smooth, noise = _two_sided(z, ticks, starts, half_life)
    directions = _directions(smooth, noise)
    if directions.shape[1] == 0:
        return None
    state = np.einsum("ni,ik->nk", smooth, directions)
    offsets, weights, precisions = [], [], []
    for at in range(int(regime.max(initial=0)) + 1):
        member = regime == at
        if member.sum() < FEWEST:           # rare: as all regimes together
            member = regime >= 0
        a, weight, precision = _estimator(z[member], state[member])
        offsets.append(centre + a * scale)
        weights.append(weight)
        precisions.append(precision)
    return _scaled(np.array(offsets), np.array(weights), np.array(precisions), scale, sensors)


def _scaled(offsets: np.ndarray, weights: np.ndarray, precisions: np.ndarray, scale: np.ndarray,
            sensors: list[str]) -> HiddenState:
    """States whose error is white with variance 1 on average over regimes."""
    whitener = np.linalg.cholesky(precisions.mean(axis=0)).T
    back = np.linalg.inv(whitener)
    k = len(whitener)
    counts = [k / np.trace(np.linalg.inv(back.T @ precision @ back)) for precision in precisions]
    scaled = np.einsum("jk,rki->rji", whitener, weights) / scale
    return HiddenState(tuple(sensors), tuple(rounded(row) for row in offsets),
                       tuple(tuple(rounded(row) for row in rows) for rows in scaled), rounded(np.array(counts)))


def _two_sided(z: np.ndarray, ticks: np.ndarray, starts: np.ndarray, half_life: float
               ) -> tuple[np.ndarray, np.ndarray]:
    """Exponential averages over both sides of each reading, and its distance from the one without itself."""
    first, last = np.zeros(len(z), dtype=bool), np.zeros(len(z), dtype=bool)
    first[starts], last[np.append(starts[1:], len(z)) - 1] = True, True
    step = np.diff(ticks, prepend=0.0)
    before = np.where(first, 0.0, np.exp2(-np.where(first, 0.0, step) / half_life))
    behind = np.append(before[1:], 0.0)
    terms = np.hstack([z, np.ones((len(z), 1))])
    both = decayed_sums(terms, before) + decayed_sums(terms[::-1], behind[::-1])[::-1] - terms
    others = both - terms
    smooth = both[:, :-1] / both[:, -1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = z - others[:, :-1] / others[:, -1:]
    return smooth, np.where(others[:, -1:] > 0, noise, 0.0)


def _directions(smooth: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Directions with more signal than noise, strongest first, shape (sensors, k)."""
    around = _covariance(noise) + 1e-6 * np.eye(noise.shape[1])
    lower = np.linalg.inv(np.linalg.cholesky(around))
    ratios, axes = np.linalg.eigh(lower @ _covariance(smooth) @ lower.T)
    order = np.argsort(-ratios)[:MOST]
    kept = order[ratios[order] > SIGNAL]
    return np.asarray(lower.T @ axes[:, kept])


def _estimator(z: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets, weights (k, sensors) and precision (k, k) of the best linear estimate of the state."""
    design = np.hstack([np.ones((len(state), 1)), state])
    gram = np.einsum("ni,nj->ij", design, design) + 1e-9 * len(z) * np.eye(design.shape[1])
    fitted = np.linalg.solve(gram, np.einsum("ni,nj->ij", design, z))
    noise = z - design @ fitted
    spread = np.einsum("ni,nj->ij", noise, noise) / len(z) + NUGGET * np.eye(z.shape[1])
    loading = fitted[1:].T
    solved = np.linalg.solve(spread, loading)
    precision = loading.T @ solved
    return fitted[0], np.linalg.solve(precision, solved.T), precision


def _covariance(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(axis=0)
    return np.asarray(np.einsum("ni,nj->ij", x, x) / len(x))
