"""Survival curves and life distributions with intervals, for lives that may be censored.

Kaplan and Meier's curve with log-log intervals is SciPy's. Lives of one machine resemble each other, so the intervals
of the fitted parameters come from leaving out one machine at a time (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 11), each time by one Newton step. A sandwich variance is too small where machines are few.
"""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize, stats

FEW: Final = 5  # fewer failed lives give no fit


@dataclass(frozen=True)
class LifeFit:
    """A Weibull law of life: shape and scale with 95 % intervals, the mean life, and the exponential's mean.

    `mean_between` is the observed time divided by the failures: the mean time between failures, and the scale of the
    exponential law; its interval is the exact one of a Poisson count.
    """

    lives: int
    failed: int
    shape: float
    shape_ci95: tuple[float, float]
    scale: float
    scale_ci95: tuple[float, float]
    mean_between: float
    mean_between_ci95: tuple[float, float]

    @property
    def cause(self) -> str:
        """`wear` if the shape is above 1 beyond doubt, `infancy` if below, else `chance`."""
        low, high = self.shape_ci95
        return "wear" if low > 1 else "infancy" if high < 1 else "chance"


def fit_life(length: np.ndarray, failed: np.ndarray, machine: np.ndarray) -> LifeFit | None:
    """Weibull and exponential fits of right-censored lives; None with fewer than five failures.

    Parameters
    ----------
    length
        Ticks, all positive, shape (n,).
    failed
        Whether the life ended in a failure.
    machine
        Whose life it is; intervals treat machines, not lives, as independent.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> life = 100.0 * rng.weibull(2.0, 2000)
    >>> fit = fit_life(np.minimum(life, 120.0), life < 120.0, np.arange(2000))
    >>> round(fit.shape, 1), round(fit.scale / 10) * 10, fit.cause
    (2.0, 100, 'wear')
    """
    events = int(failed.sum())
    if events < FEW:
        return None
    unit = float(length.mean())
    shape, scale = _weibull(length / unit, failed)
    spread = _spread(length / unit, failed, machine, shape, scale)
    z = float(stats.t.ppf(0.975, max(len(np.unique(machine)) - 1, 1)))
    exposure = float(length.sum())
    low, high = stats.chi2.ppf(0.025, 2 * events) / 2, stats.chi2.ppf(0.975, 2 * events + 2) / 2
    return LifeFit(
        len(length), events,
        shape, (shape * float(np.exp(-z * spread[0])), shape * float(np.exp(z * spread[0]))),
        scale * unit, (scale * unit * float(np.exp(-z * spread[1])), scale * unit * float(np.exp(z * spread[1]))),
        exposure / events, (exposure / float(high), exposure / float(low)),
    )  # fmt: skip


def _weibull(t: np.ndarray, failed: np.ndarray) -> tuple[float, float]:
    """Maximum-likelihood shape and scale; the scale has a closed form given the shape."""
    log_failed = np.log(t[failed]).mean()

    def score(log_shape: float) -> float:
        k = np.exp(log_shape)
        power = t**k
        return float(1 / k + log_failed - (power * np.log(t)).sum() / power.sum())

    shape = float(np.exp(optimize.brentq(score, np.log(0.05), np.log(60.0))))
    return shape, float(((t**shape).sum() / failed.sum()) ** (1 / shape))


def _spread(t: np.ndarray, failed: np.ndarray, machine: np.ndarray, shape: float, scale: float) -> np.ndarray:
    """Standard errors of log shape and log scale: the jackknife over machines, one Newton step for each."""
    u = np.log(t / scale)
    power = np.exp(shape * u)
    # log-likelihood: d (log k + k u) - e^(k u), in a = log k and b = log scale
    da = failed * (1 + shape * u) - power * shape * u
    db = shape * (power - failed)
    haa = power * (shape * u + (shape * u) ** 2) - failed * shape * u
    hab = shape * (failed - power) - shape * shape * u * power
    hbb = shape * shape * power
    groups, which = np.unique(machine, return_inverse=True)
    score = np.stack([np.bincount(which, part) for part in (da, db)], axis=1)
    own = np.stack([np.bincount(which, part) for part in (haa, hab, hab, hbb)], axis=1).reshape(-1, 2, 2)
    whole = own.sum(axis=0)
    rest = whole - own
    # a machine that carries most of what is known of the shape cannot be left out: the plain information remains
    steady = np.linalg.det(rest) > 0.01 * np.linalg.det(whole)
    steps = np.linalg.solve(np.where(steady[:, None, None], rest, whole), score[:, :, None])[:, :, 0]
    return np.sqrt((steps**2).sum(axis=0) * (len(groups) - 1) / max(len(groups), 1))


def survival_curve(length: np.ndarray, failed: np.ndarray) -> dict[str, list[float]]:
    """Kaplan and Meier's curve with pointwise 95 % intervals (log-log): life, share, low, high."""
    curve = stats.ecdf(stats.CensoredData.right_censored(length, ~failed)).sf
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns where the curve is 0 or 1; the interval is open there
        interval = curve.confidence_interval(method="log-log")
    share = curve.probabilities  # where nobody has died yet the share itself is both ends
    low = np.where(share == 1, 1.0, np.nan_to_num(interval.low.probabilities, nan=0.0))
    high = np.where(share == 1, 1.0, np.nan_to_num(interval.high.probabilities, nan=1.0))
    return {
        "life": [0.0, *curve.quantiles.tolist()],
        "share": [1.0, *curve.probabilities.tolist()],
        "low": [1.0, *low.tolist()],
        "high": [1.0, *high.tolist()],
    }


def renewal_differs(length: np.ndarray, failed: np.ndarray, is_planned: np.ndarray) -> dict[str, float] | None:
    """Lives after planned work against lives after a failure: log-rank test and the ratio of failure rates.

    None where either kind has fewer than five failures.
    """
    if min(failed[is_planned].sum(), failed[~is_planned].sum()) < FEW:
        return None
    x, y = (stats.CensoredData.right_censored(length[side], ~failed[side]) for side in (is_planned, ~is_planned))
    rates = [failed[side].sum() / length[side].sum() for side in (is_planned, ~is_planned)]
    return {"p_value": float(stats.logrank(x, y).pvalue), "rate_ratio": float(rates[0] / rates[1])}
