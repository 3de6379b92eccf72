"""Which rows is a target learned from, and with which weight?"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from oilcan.ground.thinned import every_kth
from oilcan.params.stages.train import TrainParams
from oilcan.training.targets import Target

_OTHERS_PER_RARE: Final = 3.0   # rows of the common class for each of the rare one, below which `max_rows` thins both


@dataclass(frozen=True)
class Thinning:
    """Which rows are left out; see the keys of the same name in section `train` of params.yaml."""

    negatives_per_positive: float
    min_rows: int
    max_rows: int
    class_weight: Literal["none", "balanced"]

    @classmethod
    def of(cls, params: TrainParams) -> "Thinning":
        """As `train` has it."""
        return cls(params.negatives_per_positive, params.min_rows, params.max_rows, params.class_weight)

    def of_hazards(self, negatives_per_positive: float) -> "Thinning":
        """For the hazards of the same task, which take no class weights."""
        return replace(self, negatives_per_positive=negatives_per_positive, class_weight="none")


@dataclass(frozen=True)
class RowSelection:
    """Rows to learn from, and the correction for the rows that were left out.

    Attributes
    ----------
    at
        Positions in order, shape (m,).
    weight
        Shape (m,), mean 1; None where all rows count the same.
    shift
        To be added to the log-odds that the model learns.
    """

    at: np.ndarray
    weight: np.ndarray | None
    shift: float = 0.0


def choose_rows(values: np.ndarray, target: Target, thinning: Thinning, *, boosted: bool, seed: int) -> RowSelection:
    """The rows to learn from.

    If a task in time has more than `negatives_per_positive` negatives for each positive, and more than `min_rows` rows,
    the negatives to keep are drawn at random, because neighbouring rows of a machine are nearly the same. Independent
    rows are all kept. Above `max_rows`, more rows of the common class are left out, until it has three for each row of
    the rare one; after that, both classes are thinned. A row of each failure says more than all rows of a few
    machines, so rows are drawn from the whole fleet. Of a number every k-th row is kept, as the rows of a life are
    nearly the same.

    The correction keeps probabilities right. Forests give each kept row the weight 1 / share of its class that was
    kept. Boosting shifts its log-odds by the log of the ratio of these shares (prior correction: King and Zeng,
    *Logistic regression in rare events data*, 2001), because scikit-learn takes six times as long to bin weighted
    rows. `balanced` gives both classes the same total weight; calibration undoes the effect.

    Parameters
    ----------
    values
        Target of each row, NaN where unknown, shape (n,).
    boosted
        Whether the rows are for boosting.
    seed
        Base of the seed of the target.

    Examples
    --------
    >>> thinning = Thinning(negatives_per_positive=2.0, min_rows=0, max_rows=0, class_weight="none")
    >>> values = np.array([1.0, 0.0, 0.0, 0.0, 0.0, np.nan])
    >>> chosen = choose_rows(values, Target("x", "failure_within"), thinning, boosted=True, seed=0)
    >>> len(chosen.at), round(chosen.shift, 3)      # one positive, two negatives; log(2 / 4)
    (3, -0.693)
    """
    known = np.flatnonzero(~np.isnan(values))
    if target.is_number:
        return RowSelection(every_kth(known, thinning.max_rows) if thinning.max_rows else known, None)
    negative, positive = known[values[known] == 0], known[values[known] == 1]
    wanted = _wanted(len(negative), len(positive), thinning, in_time=target.kind == "failure_within")
    rng = np.random.default_rng(target.seed(seed))
    kept = [_drawn(rows, n, rng) for rows, n in zip((negative, positive), wanted, strict=True)]
    at = np.sort(np.concatenate(kept))
    is_negative = values[at] == 0
    if thinning.class_weight == "balanced":
        return RowSelection(at, np.where(is_negative, len(at) / max(2 * wanted[0], 1), len(at) / max(2 * wanted[1], 1)))
    shares = [n / max(len(rows), 1) for rows, n in zip((negative, positive), wanted, strict=True)]
    if shares[0] == shares[1] or not all(wanted):
        return RowSelection(at, None)
    if boosted:
        return RowSelection(at, None, float(np.log(shares[0] / shares[1])))
    weight = np.where(is_negative, 1 / shares[0], 1 / shares[1])
    return RowSelection(at, weight / weight.mean())


def _wanted(n_negative: int, n_positive: int, thinning: Thinning, *, in_time: bool) -> tuple[int, int]:
    """How many negatives and positives to keep."""
    if in_time and thinning.negatives_per_positive > 0:
        most = max(int(np.ceil(thinning.negatives_per_positive * n_positive)), thinning.min_rows - n_positive)
        n_negative = min(n_negative, most)
    limit = thinning.max_rows
    if not limit or n_negative + n_positive <= limit:
        return n_negative, n_positive
    rare, common = sorted((n_negative, n_positive))
    others = min(common / max(rare, 1), _OTHERS_PER_RARE)
    rare = min(rare, max(1, int(limit / (1 + others))))
    return (limit - rare, rare) if n_positive <= n_negative else (rare, limit - rare)


def _drawn(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return rows if n >= len(rows) else rng.choice(rows, n, replace=False)
