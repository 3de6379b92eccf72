"""Metrics of forecasts row by row: one function per number, inputs without NaN.

Metrics that need both classes, or at least one row, return None without them, so that a report can
leave them out; nothing here returns NaN. Events are matched in `event_matching.py`, costs are in `costs.py`, intervals
in `bootstrap.py`.
"""

from typing import Final

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

ECE_BINS: Final = 15
_LARGEST_EXPONENT: Final = 700.0       # exp() of more is not a finite float


def roc_auc(target: np.ndarray, p: np.ndarray) -> float | None:
    """Area under the ROC curve; None if only one class is there.

    Examples
    --------
    >>> roc_auc(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.3]))
    0.5
    >>> roc_auc(np.zeros(3), np.array([0.1, 0.4, 0.3])) is None
    True
    """
    return float(roc_auc_score(target, p)) if _two_classes(target) else None


def pr_auc(target: np.ndarray, p: np.ndarray) -> float | None:
    """Average precision: sum of (recall step) * precision, not interpolated; None without a positive.

    Examples
    --------
    >>> pr_auc(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.3]))
    0.5
    """
    return float(average_precision_score(target, p)) if (target == 1).any() else None


def _two_classes(target: np.ndarray) -> bool:
    return bool((target == 1).any() and (target == 0).any())


def brier(target: np.ndarray, p: np.ndarray) -> float | None:
    """Brier score: mean squared distance of p from the outcome; None without rows.

    Brier 1950, Monthly Weather Review 78(1), in the form for two outcomes with one of them counted.

    Examples
    --------
    >>> brier(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    0.25
    """
    return float(np.mean((p - target) ** 2)) if len(target) else None


def equal_mass_bins(p: np.ndarray, bins: int = ECE_BINS) -> np.ndarray:
    """Bin of each row: quantiles of `p`, equal values always in one bin.

    Examples
    --------
    >>> equal_mass_bins(np.array([0.1, 0.2, 0.3, 0.4, 0.4, 0.4]), bins=3)
    array([0, 0, 1, 1, 1, 1])
    """
    if len(p) == 0:
        return np.zeros(0, dtype=np.int64)
    edges = np.unique(np.quantile(p, np.arange(1, bins) / bins, method="inverted_cdf"))
    return np.searchsorted(edges, p, side="left")


def reliability(target: np.ndarray, p: np.ndarray, bins: int = ECE_BINS) -> dict[str, np.ndarray]:
    """The reliability table: per bin of equal mass the mean forecast and the observed frequency.

    Returns
    -------
    `p` (mean forecast), `frequency` (observed share of positives), `n` (rows), each shape (<= bins,).

    Examples
    --------
    >>> table = reliability(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.2, 0.2, 0.9, 0.9]), bins=2)
    >>> table["p"], table["frequency"], table["n"]
    (array([0.2, 0.9]), array([0.5, 1. ]), array([2, 2]))
    """
    which = equal_mass_bins(p, bins)
    n = np.bincount(which)
    kept = n > 0
    n = n[kept]
    return {
        "p": np.bincount(which, weights=p)[kept] / n,
        "frequency": np.bincount(which, weights=target)[kept] / n,
        "n": n,
    }


def ece(target: np.ndarray, p: np.ndarray, bins: int = ECE_BINS) -> float | None:
    """Expected calibration error: mean over rows of |mean forecast - frequency| of the row's bin.

    15 bins of equal mass; None without rows. Naeini, Cooper and Hauskrecht 2015 (AAAI) use bins of equal
    width; with rare failures nearly all rows would share one.

    Examples
    --------
    >>> round(ece(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.2, 0.2, 0.9, 0.9]), bins=2), 6)
    0.2
    """
    if len(target) == 0:
        return None
    table = reliability(target, p, bins)
    return float(np.sum(table["n"] * np.abs(table["p"] - table["frequency"])) / len(target))


def precision_recall_f1(
    true_positives: float, false_positives: float, false_negatives: float
) -> tuple[float | None, float | None, float | None]:
    """Precision, recall and F1 from counts; None where nothing was forecast, or nothing happened.

    Examples
    --------
    >>> precision_recall_f1(2, 2, 0)
    (0.5, 1.0, 0.666...)
    """
    forecast, actual = true_positives + false_positives, true_positives + false_negatives
    precision = true_positives / forecast if forecast else None
    recall = true_positives / actual if actual else None
    f1 = 2 * true_positives / (forecast + actual) if forecast + actual else None
    return precision, recall, f1


def best_f1_threshold(target: np.ndarray, p: np.ndarray) -> float | None:
    """The cut on `p` with the highest F1, of equals the highest; None without a positive.

    Examples
    --------
    >>> best_f1_threshold(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.4
    """
    if not (target == 1).any():
        return None
    order = np.argsort(-p, kind="stable")
    falling = p[order]
    last = np.append(falling[1:] != falling[:-1], True)                 # equal p are cut together
    f1 = 2.0 * np.cumsum(target[order]) / (np.arange(1, len(p) + 1) + target.sum())
    return float(falling[last][np.argmax(f1[last])])


def rmse(target: np.ndarray, forecast: np.ndarray) -> float | None:
    """Root mean squared error; None without rows.

    Examples
    --------
    >>> rmse(np.array([10.0, 20.0]), np.array([11.0, 27.0]))
    5.0
    """
    return float(np.sqrt(np.mean((forecast - target) ** 2))) if len(target) else None


def mae(target: np.ndarray, forecast: np.ndarray) -> float | None:
    """Mean absolute error; None without rows.

    Examples
    --------
    >>> mae(np.array([10.0, 20.0]), np.array([11.0, 27.0]))
    4.0
    """
    return float(np.mean(np.abs(forecast - target))) if len(target) else None


def phm_penalties(target: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Penalty of each row in the PHM08 score: exp(-d/13) - 1 if d < 0, else exp(d/10) - 1.

    d = forecast - target, in cycles (days where time is in hours): too late costs more than too early.
    Saxena, Goebel, Simon and Eklund 2008, "Damage propagation modeling for aircraft engine run-to-failure
    simulation", PHM08.

    Examples
    --------
    >>> phm_penalties(np.array([50.0, 50.0]), np.array([37.0, 60.0]))
    array([1.718..., 1.718...])
    """
    d = forecast - target
    return np.expm1(np.minimum(np.where(d < 0, -d / 13.0, d / 10.0), _LARGEST_EXPONENT))


def phm_score(target: np.ndarray, forecast: np.ndarray) -> float | None:
    """Sum of `phm_penalties` over the rows; None without rows. Grows with their number.

    Examples
    --------
    >>> round(phm_score(np.array([50.0, 50.0]), np.array([37.0, 60.0])), 3)
    3.437
    """
    return float(np.sum(phm_penalties(target, forecast))) if len(target) else None


def coverage(target: np.ndarray, low: np.ndarray, high: np.ndarray) -> float | None:
    """Share of targets inside [low, high]; None without rows.

    Examples
    --------
    >>> coverage(np.array([1.0, 2.0, 3.0, 9.0]), np.zeros(4), np.full(4, 5.0))
    0.75
    """
    return float(np.mean((low <= target) & (target <= high))) if len(target) else None
