"""Estimates of forecast quality before outcomes are known, from the calibrated probabilities alone.

If p is calibrated, a row fails with probability p. So the counts of a confusion matrix, and the curves over all
thresholds, have known expectations (confidence-based performance estimation; the same numbers as NannyML's CBPE).
The estimates assume that the probabilities are still calibrated. They cannot detect a changed failure mechanism, where
the same readings mean another risk. `SENTENCE` says so wherever they are shown.
"""

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

SENTENCE: Final = ("Estimated from the forecasts alone, before outcomes are known. These figures cannot see a failure "
                   "mechanism that has changed.")


@dataclass(frozen=True)
class Estimate:
    """Expected quality of forecasts of n rows; None where it is not defined.

    Attributes
    ----------
    prevalence
        Expected share of rows that are positive.
    cost_eur
        Expected cost of the rows: a miss, a false alarm or a planned repair each; None without prices.
    """

    n: int
    prevalence: float | None
    average_precision: float | None
    roc_auc: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    cost_eur: float | None = None

    def as_json(self) -> dict[str, float | int | None]:
        """Plain values."""
        return asdict(self)


def estimate(p: np.ndarray, threshold: float, prices: tuple[float, float, float] | None = None) -> Estimate:
    """The expected quality at a threshold.

    Parameters
    ----------
    p
        Calibrated probabilities, shape (n,); NaN is left out.
    threshold
        A row alarms at p >= threshold.
    prices
        Of a missed failure, a false alarm and a planned repair [EUR].

    Examples
    --------
    >>> sure = estimate(np.array([1.0, 1.0, 0.0]), 0.5)
    >>> sure.average_precision, sure.precision, sure.recall
    (1.0, 1.0, 1.0)
    """
    p = p[~np.isnan(p)]
    total = float(p.sum())
    if len(p) == 0 or total == 0:
        return Estimate(len(p), 0.0 if len(p) else None, None, None, None, None, None)
    is_on = p >= threshold
    hit, false = float(p[is_on].sum()), float((1 - p[is_on]).sum())
    miss = total - hit
    precision = hit / (hit + false) if is_on.any() else None
    f1 = 2 * hit / (2 * hit + false + miss)
    cost = None if prices is None else miss * prices[0] + false * prices[1] + hit * prices[2]
    return Estimate(len(p), total / len(p), _average_precision(p), _roc_auc(p), precision, hit / total, f1, cost)


def _cumulated(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected true and false positives at each distinct threshold, from the highest down."""
    descending = np.sort(p)[::-1]
    last = np.append(np.flatnonzero(np.diff(descending)), len(p) - 1)
    return np.cumsum(descending)[last], np.cumsum(1 - descending)[last]


def _average_precision(p: np.ndarray) -> float:
    hits, false = _cumulated(p)
    recall = hits / hits[-1]
    return float((np.diff(recall, prepend=0.0) * hits / (hits + false)).sum())


def _roc_auc(p: np.ndarray) -> float | None:
    hits, false = _cumulated(p)
    if false[-1] <= 0:
        return None
    x, y = np.append(0.0, false / false[-1]), np.append(0.0, hits / hits[-1])
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())
