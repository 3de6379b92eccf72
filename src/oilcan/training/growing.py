"""A sample -> trees: rows thinned, shared among bags, some machines held out where boosting stops early."""

import numpy as np

from oilcan.core.model.trees import TreeModel
from oilcan.training.ensembles.ensemble import Learning, LearningRows
from oilcan.training.recipe import Recipe
from oilcan.training.sample import Sample
from oilcan.training.thinning import RowSelection, choose_rows


def grow(sample: Sample, recipe: Recipe, *, jobs: int) -> tuple[TreeModel, int]:
    """Trees of one target, and from how many rows they learned; rows with an unknown outcome are left out."""
    if len(recipe.members) > 1:
        grown = [grow(sample, member, jobs=jobs) for member in recipe.members]
        return TreeModel.bag([trees for trees, _ in grown]), max(n for _, n in grown)
    chosen = choose_rows(sample.values, sample.target, recipe.thinning, boosted=recipe.first.boosted, seed=recipe.seed)
    return grow_chosen(sample.take(chosen.at), chosen, recipe, jobs=jobs)


def grow_chosen(sample: Sample, chosen: RowSelection, recipe: Recipe, *, jobs: int) -> tuple[TreeModel, int]:
    """Trees of the recipe's first ensemble, from rows that are chosen already.

    Parameters
    ----------
    sample
        The chosen rows, shape (m, ...).
    chosen
        The weight of each of them, and the shift.
    """
    is_held_out = _held_out(sample, recipe)
    learned = np.flatnonzero(~is_held_out)
    rows = LearningRows(sample.features(), sample.values, chosen.weight)
    held_out = rows.take(np.flatnonzero(is_held_out)) if is_held_out.any() else None
    bags, seed = _bags(sample.values[learned], recipe), sample.target.seed(recipe.seed)
    trees = TreeModel.bag([
        recipe.first.fit(rows.take(learned[bag::bags]),
                         Learning(recipe.regression, recipe.monotone, seed + bag, chosen.shift, jobs), held_out)
        for bag in range(bags)
    ])  # fmt: skip
    return trees, len(learned)


def _bags(values: np.ndarray, recipe: Recipe) -> int:
    """How many ensembles share the rows; one if a share would hold a single class."""
    bags = recipe.first.bags
    split = recipe.regression or all(np.ptp(values[bag::bags]) > 0 for bag in range(min(bags, len(values))))
    return bags if split and len(values) >= bags else 1


def _held_out(sample: Sample, recipe: Recipe) -> np.ndarray:
    """Rows of the machines on which boosting watches when to stop, shape (m,), bool; no row if it cannot."""
    present = np.unique(sample.machines)
    n = int(np.ceil(recipe.early_stopping_share * len(present)))
    if not recipe.first.boosted or not 0 < n < len(present):
        return np.zeros(len(sample.machines), dtype=bool)
    drawn = np.random.default_rng(sample.target.seed(recipe.seed)).permutation(present)[:n]
    stop = np.isin(sample.machines, drawn)
    both = recipe.regression or all(np.ptp(sample.values[side]) > 0 for side in (stop, ~stop))
    return stop if both else np.zeros(len(sample.machines), dtype=bool)
