"""How sure are the numbers? Percentile intervals by resampling machines, not rows.

Rows of one machine resemble each other, so whole machines are drawn with replacement (the cluster
bootstrap: Davison and Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8). A draw is
a vector of multiplicities; each metric is computed again with them as weights; rows are sorted once.
Independent rows are the case of one row per machine. The model and its threshold are fixed, so the
intervals do not include the difference between training runs.
"""

from dataclasses import dataclass

import numpy as np

from oilcan.core.judging import row_metrics

_MOST_UNDEFINED = 0.5       # an interval needs this share of the draws to give a number


def multiplicities(n_machines: int, draws: int, seed: int) -> np.ndarray:
    """How often each machine is drawn in each resample, shape (draws, n_machines); rows sum to n_machines.

    Examples
    --------
    >>> multiplicities(3, draws=2, seed=0).sum(axis=1)
    array([3., 3.])
    """
    shares = np.full(n_machines, 1.0 / n_machines)
    return np.random.default_rng(seed).multinomial(n_machines, shares, size=draws).astype(np.float64)


def interval(values: np.ndarray) -> list[float] | None:
    """The 2.5 % and 97.5 % points; None where half the draws or more give no number.

    Examples
    --------
    >>> interval(np.arange(101.0))
    [2.5, 97.5]
    """
    known = values[np.isfinite(values)]
    if len(known) <= _MOST_UNDEFINED * len(values):
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return [float(low), float(high)]


@dataclass(frozen=True)
class Ranking:
    """Rows in falling order of the forecast, to compute weighted AUC and AP without sorting again.

    Equal forecasts form one run; only runs that hold a positive matter to either metric.
    """

    code: np.ndarray            # (n,) machine of each row, best first
    positive_code: np.ndarray   # (n_positive,) the same of the positives alone
    first_positive: np.ndarray  # (n_runs,) place of each run among the positives
    start: np.ndarray           # (n_runs,) first row of each run that holds a positive
    end: np.ndarray             # (n_runs,) one past its last row

    @classmethod
    def of(cls, code: np.ndarray, target: np.ndarray, p: np.ndarray) -> "Ranking":
        """Sort once."""
        order = np.argsort(-p, kind="stable")
        falling, positive = p[order], target[order] == 1
        start = np.flatnonzero(np.diff(falling, prepend=np.inf))
        run = np.repeat(np.arange(len(start)), np.diff(start, append=len(p)))
        kept, first_positive = np.unique(run[positive], return_index=True)
        return cls(code[order], code[order][positive], first_positive, start[kept],
                   np.append(start, len(p))[kept + 1])

    def auc_ap(self, weight: np.ndarray) -> tuple[float, float]:
        """Weighted ROC AUC and average precision; NaN where a class has no weight.

        Parameters
        ----------
        weight
            Of each machine, shape (n_machines,).

        Examples
        --------
        >>> ranking = Ranking.of(np.arange(3), np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.4]))
        >>> ranking.auc_ap(np.ones(3))
        (1.0, 1.0)
        """
        if len(self.positive_code) == 0:
            return np.nan, np.nan
        total = np.concatenate([[0.0], np.cumsum(weight[self.code])])
        step = np.add.reduceat(weight[self.positive_code], self.first_positive)
        true = np.cumsum(step)
        positives, negatives = true[-1], total[-1] - true[-1]
        if positives <= 0:
            return np.nan, np.nan
        forecast = total[self.end]
        ap = step @ np.divide(true, forecast, out=np.zeros_like(true), where=forecast > 0) / positives
        if negatives <= 0:
            return np.nan, float(ap)
        above, upto = total[self.start] - (true - step), forecast - true     # negatives before, and with the run
        return float(1.0 - step @ (above + upto) / (2.0 * positives * negatives)), float(ap)


def classification(code: np.ndarray, target: np.ndarray, p: np.ndarray, threshold: float | None,
                   weights: np.ndarray) -> dict[str, np.ndarray]:
    """Row metrics of a classifier in each draw.

    Parameters
    ----------
    code
        Machine of each row as a position in the columns of `weights`, shape (n,).
    target, p
        Outcome 0 or 1 and calibrated forecast, shape (n,).
    threshold
        Cut for precision, recall and F1; None leaves them out.
    weights
        From `multiplicities`, shape (draws, n_machines).

    Returns
    -------
    Name of the metric -> its value in each draw, shape (draws,), NaN where undefined. The bins of the ECE
    are those of the full sample.

    Examples
    --------
    >>> code, target, p = np.array([0, 0, 1, 1]), np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.9, 0.6, 0.4])
    >>> drawn = classification(code, target, p, 0.5, np.array([[1.0, 1.0], [2.0, 0.0]]))
    >>> drawn["precision"].round(3).tolist(), drawn["recall"].tolist()
    ([0.5, 1.0], [0.5, 1.0])
    """
    ranking = Ranking.of(code, target, p)
    ranked = np.array([ranking.auc_ap(draw) for draw in weights])
    n = total(code, np.ones(len(p)), weights)
    drawn = {
        "roc_auc": ranked[:, 0],
        "pr_auc": ranked[:, 1],
        "brier": ratio(total(code, (p - target) ** 2, weights), n),
        "ece": _ece(code, target, p, weights, n),
        "prevalence": ratio(total(code, target, weights), n),
    }
    if threshold is not None:
        alarm = (p >= threshold).astype(np.float64)
        hits, forecast, actual = (total(code, values, weights) for values in (alarm * target, alarm, target))
        drawn |= {"precision": ratio(hits, forecast), "recall": ratio(hits, actual),
                  "f1": ratio(2 * hits, forecast + actual)}
    return drawn


def _ece(code: np.ndarray, target: np.ndarray, p: np.ndarray, weights: np.ndarray, n: np.ndarray) -> np.ndarray:
    which = row_metrics.equal_mass_bins(p)
    bins, machines = int(which.max()) + 1, weights.shape[1]
    excess = np.bincount(code * bins + which, weights=p - target, minlength=machines * bins)
    return ratio(np.abs(weights @ excess.reshape(machines, bins)).sum(axis=1), n)


def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient, NaN where the bottom is not positive.

    Examples
    --------
    >>> ratio(np.array([1.0, 2.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def total(code: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum of a row-wise quantity in each draw, shape (draws,).

    Examples
    --------
    >>> weights = np.array([[1.0, 1.0], [2.0, 0.0]])     # the first machine twice in the second draw
    >>> total(np.array([0, 0, 1]), np.array([1.0, 2.0, 3.0]), weights)
    array([6., 6.])
    """
    return weights @ np.bincount(code, weights=values, minlength=weights.shape[1])


def mean(code: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of a row-wise quantity in each draw, shape (draws,).

    Examples
    --------
    >>> weights = np.array([[1.0, 1.0], [2.0, 0.0]])     # the first machine twice in the second draw
    >>> mean(np.array([0, 0, 1]), np.array([1.0, 2.0, 3.0]), weights)
    array([2. , 1.5])
    """
    return ratio(total(code, values, weights), total(code, np.ones(len(values)), weights))


def median(code: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Median of `values` in each draw (NaN if none is drawn), each repeated as often as its machine.

    Examples
    --------
    >>> median(np.array([0, 1]), np.array([3.0, 5.0]), np.array([[1.0, 1.0], [0.0, 2.0]]))
    array([4., 5.])
    """
    repeats = weights[:, code].astype(np.int64)
    return np.array([np.median(np.repeat(values, draw)) if draw.any() else np.nan for draw in repeats])
