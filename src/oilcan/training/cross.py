"""How good is a model on machines it has not seen? Cross-validation on training rows, without stages.

`train.model: auto`, `oilcan tune` and the benchmarks compare models here, before the validation part is used. All rows
of a machine are in the same fold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

from oilcan.params.stages.train import ModelFamily
from oilcan.training.growing import grow
from oilcan.training.recipe import Recipe
from oilcan.training.sample import Sample
from oilcan.training.thinning import choose_rows

FOLDS: Final = 5
_MOST_ROWS: Final = 20_000      # on which families are compared


def out_of_fold(sample: Sample, recipe: Recipe, *, folds: int = FOLDS, seed: int = 0, jobs: int = 1) -> np.ndarray:
    """Forecast of each row by trees that learned from the machines of the other folds only.

    Parameters
    ----------
    seed
        Of the deal into folds; `recipe.seed` is that of the trees.

    Returns
    -------
    Uncalibrated, shape (n,); NaN where the outcome is unknown.
    """
    forecasts = np.full(len(sample.values), np.nan)
    for learned, judged in fold_rows(sample, folds=folds, seed=seed):
        trees, _ = grow(sample.take(learned), recipe, jobs=jobs)
        forecasts[judged] = trees.predict(sample.take(judged).features(), jobs)
    return forecasts


def fold_rows(sample: Sample, *, folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions to learn from and to judge, of rows with a known outcome; every fold has the same share of each class.

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.training.targets import Target
    >>> rows = pd.DataFrame({"machine_id": list("aabb"), "target_x": [1.0, 0.0, 1.0, 0.0]})
    >>> sample = Sample.of(Target("x", "failure_within"), rows, np.zeros((4, 1)))
    >>> [learned.tolist() for learned, _ in fold_rows(sample, folds=2, seed=0)]
    [[0, 1], [2, 3]]
    """
    known = np.flatnonzero(~np.isnan(sample.values))
    group, of_class = sample.machines[known], sample.values[known]
    alone = len(np.unique(group)) == len(known)         # each row is its own machine: there are no groups
    n = min(folds, len(np.unique(group)))
    splitter = (GroupKFold(n, shuffle=True, random_state=seed) if sample.target.is_number else
                StratifiedKFold(n, shuffle=True, random_state=seed) if alone else
                StratifiedGroupKFold(n, shuffle=True, random_state=seed))
    for learned, judged in splitter.split(known, of_class, None if alone and not sample.target.is_number else group):
        yield known[learned], known[judged]


def loss(values: np.ndarray, forecasts: np.ndarray) -> float:
    """Mean squared error of the rows with a known outcome: the Brier score for classes.

    Examples
    --------
    >>> loss(np.array([1.0, 0.0, np.nan]), np.array([0.5, 0.5, 0.9]))
    0.25
    """
    known = ~np.isnan(values)
    return float(np.mean((forecasts[known] - values[known]) ** 2))


@dataclass(frozen=True)
class FamilyChoice:
    """The family taken, and the cross-validated loss of each that was compared; empty if params named one."""

    family: ModelFamily
    losses: dict[ModelFamily, float]

    def as_json(self) -> dict[str, Any]:
        """For metrics/detail/train.json."""
        compared = {name: round(value, 6) for name, value in self.losses.items()}
        return {"family": self.family} | ({"cross_validated_loss": compared} if compared else {})


def choose_family(sample: Sample, candidates: Mapping[ModelFamily, Recipe], jobs: int = 1) -> FamilyChoice:
    """The family with the least cross-validated loss; of equals the first, and a single one without a look.

    At most 20,000 rows are used, thinned as training thins them.

    Parameters
    ----------
    sample
        Training rows.
    candidates
        From `recipe.candidates`.
    """
    if len(candidates) == 1:
        return FamilyChoice(next(iter(candidates)), {})
    losses: dict[ModelFamily, float] = {}
    for family, recipe in candidates.items():
        few = replace(recipe.thinning, max_rows=min(recipe.thinning.max_rows or _MOST_ROWS, _MOST_ROWS))
        chosen = choose_rows(sample.values, sample.target, few, boosted=True, seed=recipe.seed)
        compared = sample.take(chosen.at)
        as_is = replace(recipe, thinning=replace(recipe.thinning, negatives_per_positive=0.0))
        deal = sample.target.seed(recipe.seed) % 2**32
        losses[family] = loss(compared.values, out_of_fold(compared, as_is, seed=deal, jobs=jobs))
    return FamilyChoice(min(losses, key=lambda family: losses[family]), losses)
