"""How good is a model on machines it has not seen? Cross-validation on training rows, without stages.

Whoever compares models before the validation part is touched asks here: `train.model: auto`, `oilcan tune` and the
benchmarks. Rows of one machine are all learnt from, or all judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

from oilcan.params.train import Family, ModelChoice, TrainParams
from oilcan.training.growing import grow
from oilcan.training.recipe import FAMILIES, Recipe, recipe_of
from oilcan.training.targets import Target, choose_rows

FOLDS: Final = 5
_MOST_ROWS: Final = 20_000      # on which families are compared


def out_of_fold(target: Target, values: np.ndarray, machines: np.ndarray, matrix: np.ndarray, params: TrainParams,
                recipe: Recipe, *, folds: int = FOLDS, seed: int = 0, jobs: int = 1) -> np.ndarray:
    """What trees say about each row that learnt from the other folds' machines only.

    Parameters
    ----------
    values, machines
        Outcome (NaN where unknown) and machine of each row, shape (n,).
    matrix
        Shape (n, n_features).
    seed
        Of the deal into folds; `params.seed` is that of the trees.

    Returns
    -------
    Uncalibrated, shape (n,); NaN where the outcome is unknown.
    """
    said = np.full(len(values), np.nan)
    for learnt, judged in fold_rows(target, values, machines, folds=folds, seed=seed):
        trees, _ = grow(target, values[learnt], machines[learnt], matrix[learnt], params, recipe, jobs)
        said[judged] = trees.predict(matrix[judged], jobs)
    return said


def fold_rows(target: Target, values: np.ndarray, machines: np.ndarray, *, folds: int, seed: int,
              ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions to learn from and to judge, of rows with a known outcome; classes in like shares where there are any.

    Parameters
    ----------
    values, machines
        As in `out_of_fold`.
    """
    known = np.flatnonzero(~np.isnan(values))
    group, of_class = machines[known], values[known]
    alone = len(np.unique(group)) == len(known)         # every row its own machine: no group to hold together
    n = min(folds, len(np.unique(group)))
    splitter = (GroupKFold(n, shuffle=True, random_state=seed) if target.kind == "rul" else
                StratifiedKFold(n, shuffle=True, random_state=seed) if alone else
                StratifiedGroupKFold(n, shuffle=True, random_state=seed))
    for learnt, judged in splitter.split(known, of_class, None if alone and target.kind != "rul" else group):
        yield known[learnt], known[judged]


def loss(values: np.ndarray, said: np.ndarray) -> float:
    """Mean squared error of the rows with a known outcome: the Brier score for classes."""
    known = ~np.isnan(values)
    return float(np.mean((said[known] - values[known]) ** 2))


@dataclass(frozen=True)
class Choice:
    """The family taken, and the cross-validated loss of each that was compared; empty where it was told."""

    family: Family
    losses: dict[Family, float]

    def as_json(self) -> dict[str, Any]:
        """For metrics/detail/train.json."""
        compared = {name: round(value, 6) for name, value in self.losses.items()}
        return {"family": self.family} | ({"cross_validated_loss": compared} if compared else {})


def choose_family(choice: ModelChoice, target: Target, values: np.ndarray, machines: np.ndarray, matrix: np.ndarray,
                  params: TrainParams, features: Sequence[str], jobs: int = 1) -> Choice:
    """The family asked for, or, for `auto`, the one with the least cross-validated loss.

    At most 20,000 rows are looked at, thinned as training thins them. Ties go to the first of `FAMILIES`.
    """
    if choice != "auto":
        return Choice(choice, {})
    few = params.model_copy(update={"max_rows": min(params.max_rows or _MOST_ROWS, _MOST_ROWS)})
    at = choose_rows(values, target, few, boosted=True).at
    as_is = params.model_copy(update={"negatives_per_positive": 0.0})
    losses: dict[Family, float] = {}
    deal = target.seed(params.seed) % 2**32
    for family in FAMILIES:
        recipe = recipe_of(target, params, family, features)
        said = out_of_fold(target, values[at], machines[at], matrix[at], as_is, recipe, seed=deal, jobs=jobs)
        losses[family] = loss(values[at], said)
    return Choice(min(losses, key=lambda family: losses[family]), losses)
