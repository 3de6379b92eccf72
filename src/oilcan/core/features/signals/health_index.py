"""The health index: one number that combines the evidence of all sensors on the remaining life.

Learned on training rows, in two plain steps; constant afterwards, so one reading is enough:

1. Ridge regression of the capped remaining life on the standardised sensors: a first index.
2. Its exponential average stands for the hidden state L. Per operating regime each sensor is
   regressed on it, z = a + b L + noise with covariance S, and the index becomes the best linear
   estimate of L from one reading, h = (z - a) S^-1 b / p, p = b S^-1 b (generalised least squares).

Its error has the variance 1 / p, so p is what a reading counts in every average of h and line
through it: regimes in which sensors are noisy count less. Only the ratio of the p matters; their
mean is made 1.

It is the one place where a target is looked at, of training rows only, and only for these weights.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.features.scan import decayed_sums
from oilcan.core.features.signals.regimes import Clusters
from oilcan.core.features.signals.surface import NumberRows, Surface, rounded

NAME: Final = "health_index"
RIDGE: Final = 10.0         # penalty on weights of standardised sensors
NUGGET: Final = 0.01        # added to the noise variances, in units of a sensor's variance
FEWEST: Final = 200         # training rows with a known target needed to learn anything


@dataclass(frozen=True)
class Health:
    """h = sum over sensors of (x - offset) * weight, offsets and weights by regime (a single one without regimes).

    A missing sensor counts as its offset; NaN where all are missing. `precision`, by regime, is what one reading
    of h counts in averages and lines, mean 1.
    """

    sensors: tuple[str, ...]
    offset: NumberRows
    weight: NumberRows
    unit: str
    precision: tuple[float, ...]

    def index(self, values: np.ndarray, regime: np.ndarray) -> np.ndarray:
        """Health index of readings, shape (n,).

        Parameters
        ----------
        values
            Normalised readings of the sensors, shape (n, sensors).
        regime
            Of each reading, shape (n,); -1 unknown.
        """
        offset, weight = np.array(self.offset)[regime], np.array(self.weight)[regime]
        missing = np.isnan(values)
        out = np.where(missing, 0.0, (values - offset) * weight).sum(axis=1)
        return np.where(missing.all(axis=1) | (regime < 0), np.nan, out)

    @property
    def is_even(self) -> bool:
        """Whether readings of all regimes count the same."""
        return len(set(self.precision)) == 1


def regime_of(regimes: Clusters | Surface | None, conditions: np.ndarray) -> np.ndarray:
    """Regime of each reading; 0 for all if there are no separate regimes.

    Examples
    --------
    >>> regime_of(None, np.zeros((3, 0)))
    array([0, 0, 0])
    """
    return regimes.regime(conditions) if isinstance(regimes, Clusters) else np.zeros(len(conditions), dtype=np.int64)


def learn_health(
    values: np.ndarray, regime: np.ndarray, target: np.ndarray, decay: np.ndarray, *, sensors: list[str], unit: str
) -> Health | None:
    """The index from training readings in order of machine and time; None if too few targets are known.

    Parameters
    ----------
    values, regime
        Normalised readings, shape (n, sensors), and their regimes.
    target
        Capped remaining life, NaN where unknown.
    decay
        What is left of the exponential average from one reading to the next; 0 begins a machine.

    Examples
    --------
    >>> life_left = np.tile(np.arange(300.0, 0.0, -1.0), 2)
    >>> values = np.column_stack([-life_left, 2 * life_left]) + np.random.default_rng(0).normal(size=(600, 2))
    >>> decay = np.where(np.arange(600) % 300 == 0, 0.0, 0.9)
    >>> health = learn_health(values, np.zeros(600, int), life_left, decay, sensors=["wear", "flow"], unit="h")
    >>> estimate = health.index(values, np.zeros(600, int))
    >>> bool(np.corrcoef(estimate, life_left)[0, 1] > 0.99)
    True
    """
    known = ~np.isnan(target) & (regime >= 0)
    if known.sum() < FEWEST or np.ptp(target[known]) == 0:
        return None
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    z = (values - centre) / scale
    z = np.where(np.isnan(z), 0.0, z)
    slopes = _ridge(z[known], target[known])
    level = np.asarray(target[known].mean() + (z * slopes).sum(axis=1))
    ones = np.ones((len(z), 1))
    state = (decayed_sums(level[:, None], decay) / decayed_sums(ones, decay))[:, 0]
    offset, weight, precision = [], [], []
    for at in range(int(regime.max()) + 1):
        member = known & (regime == at)
        a, g, p = _estimator(z[member], state[member], fallback=slopes)
        offset.append(centre + a * scale)
        weight.append(g / scale)
        precision.append(p)
    return Health(tuple(sensors), tuple(rounded(row) for row in offset), tuple(rounded(row) for row in weight), unit,
                  rounded(_relative(np.array(precision))))


def _ridge(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    z, y = z - z.mean(axis=0), y - y.mean()
    return np.linalg.solve(_gram(z) + RIDGE * np.eye(z.shape[1]), np.einsum("ni,n->i", z, y))


def _estimator(z: np.ndarray, state: np.ndarray, *, fallback: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Offsets, weights and precision of the best linear estimate of the state.

    Where a regime is rare, the weights of the ridge, and no precision.
    """
    if len(z) < FEWEST or np.ptp(state) == 0:
        return np.zeros(z.shape[1]), fallback, np.nan
    gap = state - state.mean()
    b = np.einsum("ni,n->i", z, gap) / (gap * gap).sum()
    a = z.mean(axis=0) - b * state.mean()
    noise = z - a - state[:, None] * b
    solved = np.linalg.solve(_gram(noise) / len(z) + NUGGET * np.eye(z.shape[1]), b)
    precision = float((b * solved).sum())
    return a, solved / precision, precision


def _relative(precision: np.ndarray) -> np.ndarray:
    """Divided by their mean; 1 where unknown."""
    known = ~np.isnan(precision)
    mean = precision[known].mean() if known.any() else 1.0
    return np.where(known, precision / mean, 1.0)


def _gram(z: np.ndarray) -> np.ndarray:
    """z'z, added in an order that does not depend on the number of threads."""
    return np.einsum("ni,nj->ij", z, z)
