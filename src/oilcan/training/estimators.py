"""Which estimator do the parameters ask for? One interface over three kinds of tree ensemble."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import threadpoolctl
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from oilcan.core.model.trees import TreeModel
from oilcan.training.recipe import Recipe

_PATIENCE: Final = 15           # iterations without gain on held-out machines after which boosting stops
_FEWEST_PER_SPLIT: Final = 10   # features tried at a split of boosting: a share of few features would leave one
_SAMPLE: Final = 200            # training rows on which the trees are proven equal to the estimator
_WORTH_THREADS: Final = 50_000  # rows below which threads of boosting wait for each other longer than they work
_KINDS: Final = {               # classifier, regressor
    "random_forest": (RandomForestClassifier, RandomForestRegressor),
    "extra_trees": (ExtraTreesClassifier, ExtraTreesRegressor),
    "hist_gradient_boosting": (HistGradientBoostingClassifier, HistGradientBoostingRegressor),
}


@dataclass(frozen=True)
class Rows:
    """Rows to learn from: features, target, and what each row counts."""

    matrix: np.ndarray                  # (n, n_features) float32
    target: np.ndarray                  # (n,)
    weight: np.ndarray | None = None    # (n,); None counts all the same

    def __len__(self) -> int:
        return len(self.target)


def build(recipe: Recipe, seed: int, *, jobs: int, early_stopping: bool = False) -> Any:
    """An unfitted estimator: of two classes, or of a number on squared error.

    Examples
    --------
    >>> from oilcan.params.train import ForestParams, BoostingParams
    >>> forest = ForestParams(trees=5, max_depth=3, min_samples_leaf=1, max_features=0.5, max_samples=1.0)
    >>> boosting = BoostingParams(
    ...     iterations=5, learning_rate=0.1, max_leaf_nodes=4, min_samples_leaf=1, l2=0.0, max_features=1.0,
    ...     bags=1)
    >>> build(Recipe("extra_trees", forest, boosting, regression=False), 0, jobs=1).n_estimators
    5
    """
    kind = _KINDS[recipe.family][recipe.regression]
    values = _boosting(recipe, seed, early_stopping=early_stopping) if recipe.boosted else _forest(recipe, seed, jobs)
    return kind(**values | {"monotonic_cst": list(recipe.monotone) or None})


def _forest(recipe: Recipe, seed: int, jobs: int) -> dict[str, Any]:
    values = recipe.forest.model_dump()
    values["n_estimators"] = values.pop("trees")
    values["max_depth"] = values["max_depth"] or None
    share = values.pop("max_samples")
    sampling = {"bootstrap": True, "max_samples": share} if share < 1 or recipe.family == "random_forest" else {}
    return values | sampling | {"random_state": seed, "n_jobs": jobs}


def _boosting(recipe: Recipe, seed: int, *, early_stopping: bool) -> dict[str, Any]:
    values = recipe.boosting.model_dump(exclude={"bags"})
    values["max_iter"] = values.pop("iterations")
    values["l2_regularization"] = values.pop("l2")
    return values | {"early_stopping": early_stopping, "n_iter_no_change": _PATIENCE, "random_state": seed,
                     "categorical_features": None}


def _without_empty(matrix: np.ndarray) -> np.ndarray:
    """Columns without a single value as zeros: boosting cannot bin nothing, and no tree splits on a constant."""
    empty = np.isnan(matrix).all(axis=0)
    return np.where(empty, np.float32(0.0), matrix) if empty.any() else matrix


def fit_trees(estimator: Any, rows: Rows, stopping: Rows | None = None, *, shift: float = 0.0,
              jobs: int = 1) -> TreeModel:
    """Fit and keep the trees alone, so that no thread count is kept with them.

    Parameters
    ----------
    stopping
        Rows of machines held out, on which boosting watches when to stop; forests do without.
    shift
        Added to the log-odds of a boosted classifier.
    jobs
        OpenMP threads of boosting on many rows; the trees do not depend on it.
    """
    threads = jobs if len(rows) >= _WORTH_THREADS else 1
    rows = replace(rows, matrix=_without_empty(rows.matrix))
    if isinstance(estimator, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        fewest = min(1.0, _FEWEST_PER_SPLIT / rows.matrix.shape[1])
        estimator.set_params(max_features=max(estimator.max_features, fewest))
    held_out: dict[str, Any] = {}
    if stopping is not None:
        held_out = {"X_val": stopping.matrix, "y_val": stopping.target, "sample_weight_val": stopping.weight}
    with threadpoolctl.threadpool_limits(limits=threads, user_api="openmp"):
        estimator.fit(rows.matrix, rows.target, sample_weight=rows.weight, **held_out)
        if "n_jobs" in estimator.get_params():
            estimator.set_params(n_jobs=None)       # threads would add the trees in random order
        if shift:
            estimator._baseline_prediction = estimator._baseline_prediction + shift     # no public way to set it
        return TreeModel.from_sklearn(estimator, rows.matrix[:_SAMPLE])
