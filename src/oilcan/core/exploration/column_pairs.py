"""Independent rows: which product, ratio or difference of two columns belongs into the contract as a derived column?

Trees cut one column at a time. A limit on torque times speed takes them many cuts, and rare failures have not enough
rows for those. A proposal must say something that the columns do not say on their own, whatever the form of their own
effects:

1. The logarithm of the odds of the label is a sum of steps, one step per bin of each column (a logistic regression on
   bins, so each column may act in any form).
2. Each candidate is cut into bins in which this model expects the same number of labelled rows. A score test asks
   whether the label differs from expectation along these bins.
3. The most telling candidate is proposed and joins the model, and the rest is tested again. So a candidate that only
   stands in for a proposed one is not proposed too.

The error rate is controlled over all candidates and steps together (Bonferroni). Only labels of training rows are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from scipy import stats

ERROR_RATE: Final = 0.01        # of a single wrong proposal
MOST: Final = 5                 # proposals
COLUMNS: Final = 20             # columns that are paired, at most
ROWS: Final = 50_000            # rows that are read, evenly spread, about
LABELLED: Final = 40            # labelled rows, and others, needed at least
PER_BIN: Final = 10             # labelled rows expected in a bin, at least
BINS: Final = 20                # at most
RIDGE: Final = 1e-3             # penalty on steps: the steps of a column add up to nothing on their own
ROUNDS: Final = 25              # of Newton's method
STEEPEST: Final = 3.0           # log-odds that a round may move
SAME: Final = 0.99              # rank correlation with one of its columns above which a candidate is that column
SINGULAR: Final = 1e-8          # share of the largest eigenvalue below which a direction is already in the model
AS_GOOD: Final = np.log(10.0)   # forms of a pair within this factor of the best p-value: the difference is preferred

_SIGNS: Final = {"times": "*", "over": "/", "minus": "-"}


@dataclass(frozen=True)
class Proposal:
    """A derived column that the contract could have.

    Attributes
    ----------
    name, expression, unit, description
        As in `derived` of the contract.
    p_value
        Of the score test, times the number of tests.
    low, high
        Ends of the bin in which the label exceeds expectation most, in `unit`.
    labelled, expected
        Labelled rows in that bin, and how many its columns on their own let expect.
    tried
        Candidates compared.
    """

    name: str
    expression: str
    unit: str
    description: str
    p_value: float
    low: float
    high: float
    labelled: int
    expected: float
    tried: int

    def as_line(self) -> str:
        """The line of `derived` in the contract.

        Examples
        --------
        >>> Proposal("a_times_b", "a * b", "Nm rpm", "Torque times speed", 0.0, 0, 1, 5, 1.0, 9).as_line()
        '  a_times_b: {expression: a * b, unit: "Nm rpm", description: "Torque times speed"}'
        """
        description = self.description.replace("\\", "\\\\").replace('"', '\\"')
        return f'  {self.name}: {{expression: {self.expression}, unit: "{self.unit}", description: "{description}"}}'


@dataclass(frozen=True)
class _Candidate:
    first: str
    kind: str
    second: str
    values: np.ndarray

    @property
    def expression(self) -> str:
        return f"{self.first} {_SIGNS[self.kind]} {self.second}"


def propose(values: Mapping[str, np.ndarray], described: Mapping[str, tuple[str, str]], positive: np.ndarray,
            ) -> list[Proposal]:
    """Proposals in the order in which they were found, the most telling first; none with too few labelled rows.

    Parameters
    ----------
    values
        Numeric columns of training rows, each shape (n,), NaN where missing; the most telling first.
    described
        Description and unit of each column. Differences are formed of columns with one unit only.
    positive
        Whether the label is set, shape (n,), bool.

    Examples
    --------
    Failures above a power that no column reaches on its own:

    >>> rng = np.random.default_rng(0)
    >>> torque, speed = rng.uniform(10, 70, 6000), rng.uniform(1200, 2800, 6000)
    >>> failed = torque * speed > 130_000
    >>> found = propose({"torque": torque, "speed": speed}, {"torque": ("Torque", "Nm"), "speed": ("Speed", "rpm")},
    ...                 failed)
    >>> [(each.expression, each.unit) for each in found]
    [('torque * speed', 'Nm rpm')]
    """
    step = max(1, round(len(positive) / ROWS))
    positive = positive[::step]
    if min(positive.sum(), (~positive).sum()) < LABELLED:
        return []
    kept = {name: column[::step] for name, column in list(values.items())[:COLUMNS] if _varies(column[::step])}
    candidates = _candidates(kept, described)
    n_bins = int(np.clip(positive.sum() // PER_BIN, 4, BINS))
    codes = _single(list(kept.values()), positive, n_bins)
    limit = np.log(ERROR_RATE / (len(candidates) * MOST)) if candidates else 0.0
    tried, found = len(candidates), list[Proposal]()
    while candidates and len(found) < MOST:
        expected = _expected(codes, positive, n_bins + 1)
        best, log_p = _most_telling(candidates, codes, positive, expected, n_bins)
        if log_p > limit:
            break
        code = _cut(best.values, expected, n_bins)
        found.append(_proposal(best, described, log_p, tried, code, positive, expected))
        codes = np.vstack([codes, code])
        candidates = [each for each in candidates if {each.first, each.second} != {best.first, best.second}]
    return found


def _single(columns: list[np.ndarray], positive: np.ndarray, n_bins: int) -> np.ndarray:
    """Bins of the columns, half of them by rows and half by labelled rows expected; shape (columns, n).

    Bins by rows alone are wide where few rows fail much. There a column over a nearly constant one, the same column cut
    elsewhere, would look like something new.
    """
    even = np.ones(len(positive))
    first = np.stack([_cut(column, even, n_bins) for column in columns])
    mass = even / len(even) + _expected(first, positive, n_bins + 1) / positive.sum()
    return np.stack([_cut(column, mass, n_bins) for column in columns])


def _candidates(values: Mapping[str, np.ndarray], described: Mapping[str, tuple[str, str]]) -> list[_Candidate]:
    """Products, ratios and differences of all pairs; a ratio only where the divisor is never 0.

    A column times or over a nearly constant one is the same column, cut elsewhere, and no candidate.
    """
    ranks = {name: stats.rankdata(column, nan_policy="omit") for name, column in values.items()}
    found = []
    for first, second in combinations(values, 2):
        a, b = values[first], values[second]
        forms = [_Candidate(first, "times", second, a * b)]
        if (b[~np.isnan(b)] != 0).all():
            forms.append(_Candidate(first, "over", second, a / b))
        elif (a[~np.isnan(a)] != 0).all():
            forms.append(_Candidate(second, "over", first, b / a))
        if described[first][1] == described[second][1]:
            forms.append(_Candidate(first, "minus", second, a - b))
        found += [each for each in forms if max(_alike(each.values, ranks[name]) for name in (first, second)) < SAME]
    return found


def _alike(column: np.ndarray, ranks: np.ndarray) -> float:
    """Absolute correlation of the ranks of a column with others, over rows in which both are known."""
    there = ~np.isnan(column) & ~np.isnan(ranks)
    if there.sum() < LABELLED or np.ptp(column[there]) == 0:
        return 1.0
    return abs(float(np.corrcoef(stats.rankdata(column[there]), ranks[there])[0, 1]))


def _varies(column: np.ndarray) -> bool:
    there = column[~np.isnan(column)]
    return bool(len(there) and np.ptp(there) > 0)


def _cut(column: np.ndarray, mass: np.ndarray, n_bins: int) -> np.ndarray:
    """Number of the bin of each row; bins of equal mass, missing values the last."""
    there = np.flatnonzero(~np.isnan(column))
    order = there[np.argsort(column[there], kind="stable")]
    cumulated = np.cumsum(mass[order])
    at = np.searchsorted(cumulated, cumulated[-1] * np.arange(1, n_bins) / n_bins)
    edges = np.unique(column[order][np.minimum(at, len(order) - 1)])
    return np.where(np.isnan(column), n_bins, np.searchsorted(edges, column))


def _crossed(left: np.ndarray, right: np.ndarray, weight: np.ndarray, size: int) -> np.ndarray:
    """Sums of the weight by pairs of bins, for rows of bins `left` and `right`; shape (left * size, right * size).

    Counting needs no matrix product, whose last digits depend on the number of threads.
    """
    blocks = [[np.bincount(one * size + other, weight, minlength=size * size).reshape(size, size) for other in right]
              for one in left]
    return np.block(blocks)


def _summed(codes: np.ndarray, weight: np.ndarray, size: int) -> np.ndarray:
    """Sums of the weight by bin, one column after the other."""
    return np.concatenate([np.bincount(code, weight, minlength=size) for code in codes])


def _expected(codes: np.ndarray, positive: np.ndarray, size: int) -> np.ndarray:
    """Probability of the label of each row by the columns on their own."""
    share = positive.mean()
    begin, steps = np.log(share / (1 - share)), np.zeros(len(codes) * size)
    offsets = np.arange(len(codes))[:, None] * size
    for _ in range(ROUNDS):
        p = 1.0 / (1.0 + np.exp(-(begin + steps[codes + offsets].sum(axis=0))))
        information = _crossed(codes, codes, p * (1 - p), size) + RIDGE * np.eye(len(steps))
        move = np.linalg.solve(information, _summed(codes, positive - p, size) - RIDGE * steps)
        largest = float(np.abs(move).max())
        steps = steps + move * min(1.0, STEEPEST / max(largest, 1e-12))
        if largest < 1e-6:
            break
    return np.asarray(1.0 / (1.0 + np.exp(-(begin + steps[codes + offsets].sum(axis=0)))))


def _most_telling(candidates: list[_Candidate], codes: np.ndarray, positive: np.ndarray, expected: np.ndarray,
                  n_bins: int) -> tuple[_Candidate, float]:
    """The most telling candidate and the logarithm of its p-value; of nearly equal forms of a pair the difference."""
    size, weight = n_bins + 1, expected * (1 - expected)
    inverse = np.linalg.inv(_crossed(codes, codes, weight, size) + RIDGE * np.eye(len(codes) * size))
    found = []
    for each in candidates:
        code = _cut(each.values, expected, n_bins)[None]
        score = _summed(code, positive - expected, size)
        shared = _crossed(codes, code, weight, size)
        variance = np.diag(_summed(code, weight, size)) - shared.T @ inverse @ shared
        found.append(_tail(score, variance))
    best = int(np.argmin(found))
    pair = {candidates[best].first, candidates[best].second}
    for at, each in enumerate(candidates):
        if each.kind == "minus" and {each.first, each.second} == pair and found[at] <= found[best] + AS_GOOD:
            best = at
    return candidates[best], float(found[best])


def _tail(score: np.ndarray, variance: np.ndarray) -> float:
    """Logarithm of the p-value of the score test, over the directions that the model does not have yet."""
    eigenvalues, axes = np.linalg.eigh((variance + variance.T) / 2)
    free = eigenvalues > max(SINGULAR * float(eigenvalues[-1]), SINGULAR)
    if not free.any():
        return 0.0
    along = np.einsum("ij,i->j", axes[:, free], score)
    return float(stats.chi2.logsf((along * along / eigenvalues[free]).sum(), int(free.sum())))


def _proposal(of: _Candidate, described: Mapping[str, tuple[str, str]], log_p: float, tried: int,
              code: np.ndarray, positive: np.ndarray, expected: np.ndarray) -> Proposal:
    """With what a person wants to see of it."""
    size = int(code.max()) + 1
    labelled, usual = np.bincount(code, positive, minlength=size), np.bincount(code, expected, minlength=size)
    at = int(np.argmax((labelled - usual) / np.sqrt(np.maximum(usual, 1.0))))
    (one, unit), (other, unit_of_other) = described[of.first], described[of.second]
    inside = of.values[code == at]
    inside = inside[~np.isnan(inside)]
    return Proposal(
        f"{of.first}_{of.kind}_{of.second}", of.expression, _unit(of.kind, unit, unit_of_other),
        f"{one} {of.kind} {other[:1].lower() + other[1:]}", _three(np.exp(min(log_p + np.log(tried * MOST), 0.0))),
        _three(inside.min() if len(inside) else np.nan), _three(inside.max() if len(inside) else np.nan),
        int(labelled[at]), _three(usual[at]), tried)


def _unit(kind: str, first: str, second: str) -> str:
    """Unit of the combination.

    Examples
    --------
    >>> _unit("times", "Nm", "rpm"), _unit("over", "K", "K"), _unit("minus", "K", "K"), _unit("times", "none", "bar")
    ('Nm rpm', '1', 'K', 'bar')
    """
    first, second = ("" if unit in {"none", "1"} else unit for unit in (first, second))
    if kind == "minus":
        return first or "1"
    if kind == "times":
        return " ".join(filter(None, (first, second))) or "1"
    if first == second:
        return "1"
    return f"{first or '1'}/{second}" if second else first


def _three(value: float) -> float:
    """Three digits, so that the order of additions shows nowhere."""
    return float(f"{value:.3g}")
