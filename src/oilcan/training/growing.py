"""Rows with outcomes -> trees: thinned, shared among bags, stopped early where asked."""

import numpy as np

from oilcan.core.model.trees import TreeModel
from oilcan.params.train import TrainParams
from oilcan.training.estimators import Rows, build, fit_trees
from oilcan.training.recipe import Recipe
from oilcan.training.targets import Chosen, Target, choose_rows
from oilcan.training.training_data import Stacked


def grow(target: Target, values: np.ndarray, machines: np.ndarray, matrix: np.ndarray | Stacked, params: TrainParams,
         recipe: Recipe, jobs: int) -> tuple[TreeModel, int]:
    """Trees of one target, and from how many rows they learnt.

    Parameters
    ----------
    values, machines
        Outcome (NaN where unknown) and machine of each row, shape (n,).
    matrix
        Shape (n, n_features).
    """
    if len(recipe.members) > 1:
        grown = [grow(target, values, machines, matrix, params, member, jobs) for member in recipe.members]
        return TreeModel.bag([trees for trees, _ in grown]), max(n for _, n in grown)
    chosen = choose_rows(values, target, params, boosted=recipe.boosted)
    return grow_chosen(target, chosen, values[chosen.at], machines[chosen.at], matrix[chosen.at], params, recipe, jobs)


def grow_chosen(target: Target, chosen: Chosen, values: np.ndarray, machines: np.ndarray, matrix: np.ndarray,
                params: TrainParams, recipe: Recipe, jobs: int) -> tuple[TreeModel, int]:
    """The same from rows that are chosen already, shape (m, ...); `chosen` says what each counts."""
    stop = _held_out(machines, values, target, params, recipe)
    learnt = np.flatnonzero(~stop)

    def rows_of(at: np.ndarray) -> Rows:
        return Rows(matrix[at], values[at], None if chosen.weight is None else chosen.weight[at])

    watched = rows_of(np.flatnonzero(stop)) if stop.any() else None
    bags = _bags(values[learnt], recipe)
    trees = TreeModel.bag([
        fit_trees(build(recipe, target.seed(params.seed) + bag, jobs=jobs, early_stopping=watched is not None),
                  rows_of(learnt[bag::bags]), watched, shift=chosen.shift, jobs=jobs)
        for bag in range(bags)
    ])  # fmt: skip
    return trees, len(learnt)


def _bags(values: np.ndarray, recipe: Recipe) -> int:
    """How many models share the rows: one where a share would hold a single class, or the model is a bag itself."""
    bags = recipe.boosting.bags if recipe.boosted else 1
    split = recipe.regression or all(np.ptp(values[bag::bags]) > 0 for bag in range(min(bags, len(values))))
    return bags if split and len(values) >= bags else 1


def _held_out(machines: np.ndarray, values: np.ndarray, target: Target, params: TrainParams, recipe: Recipe,
              ) -> np.ndarray:
    """Rows of the machines on which boosting watches when to stop, shape (m,), bool; none where it cannot."""
    present = np.unique(machines)
    n = int(np.ceil(params.early_stopping_share * len(present)))
    if not recipe.boosted or not 0 < n < len(present):
        return np.zeros(len(machines), dtype=bool)
    drawn = np.random.default_rng(target.seed(params.seed)).permutation(present)[:n]
    stop = np.isin(machines, drawn)
    both = recipe.regression or all(np.ptp(values[side]) > 0 for side in (stop, ~stop))
    return stop if both else np.zeros(len(machines), dtype=bool)
