"""Laws of the contributions of features: they add up, and are Shapley values of the path-dependent game."""

import warnings

import numpy as np
import pytest
import threadpoolctl
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)

from oilcan.core.model.trees import TreeModel
from oilcan.core.reasons.contributions import Contributions

WIDTH = 12
KINDS = {
    "forest": lambda size, seed: RandomForestClassifier(4, max_leaf_nodes=size, max_features=0.5, random_state=seed),
    "extra": lambda size, seed: ExtraTreesRegressor(4, max_leaf_nodes=size, bootstrap=True, random_state=seed),
    "boosting": lambda size, seed: HistGradientBoostingClassifier(
        max_iter=5, max_leaf_nodes=size, min_samples_leaf=2, max_features=0.5, random_state=seed),
    "life": lambda size, seed: HistGradientBoostingRegressor(
        max_iter=5, max_leaf_nodes=size, min_samples_leaf=2, random_state=seed),
}
ensembles = st.tuples(st.sampled_from(sorted(KINDS)), st.integers(2, 40), st.integers(0, 999), st.floats(0.0, 0.5))


def _drawn(kind: str, size: int, seed: int, missing: float):
    """A fitted ensemble, its trees, and rows it has not seen; its last two columns are noughts."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(120, WIDTH)).astype(np.float32)
    target = matrix[:, 0] * matrix[:, 1] + matrix[:, 2] + matrix[:, 3:-2].sum(axis=1) / 3
    matrix[:, -2:] = 0.0
    matrix[rng.random(matrix.shape) < missing] = np.nan
    classes = kind in {"forest", "boosting"}
    with threadpoolctl.threadpool_limits(limits=1, user_api="openmp"):
        estimator = KINDS[kind](size, seed).fit(matrix[:90], target[:90] > 0 if classes else target[:90])
    return estimator, TreeModel.from_sklearn(estimator, matrix), matrix[80:]


def _asked(trees: TreeModel, rows: np.ndarray) -> tuple[float, np.ndarray]:
    asked = Contributions(trees)
    return asked.base, asked(rows)


@settings(max_examples=40, deadline=None)
@given(ensembles)
def test_contributions_add_up_to_what_the_trees_say(drawn):
    _, trees, rows = _drawn(*drawn)
    base, values = _asked(trees, rows)
    assert np.abs(base + values.sum(axis=1) - trees.raw(rows)).max() <= 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 40), st.integers(0, 999))
def test_contributions_to_a_committee_are_those_to_its_members_on_one_scale(size, seed):
    (_, boosting, rows), (_, forest, _) = (_drawn(kind, size, seed, 0.1) for kind in ("boosting", "forest"))
    both = TreeModel.bag([boosting, forest])
    base, values = _asked(both, rows)
    assert np.abs(base + values.sum(axis=1) - both.raw(rows)).max() <= 1e-9
    assert np.abs(values - (Contributions(boosting)(rows) + 4 * Contributions(forest)(rows)) / 2).max() <= 1e-9
    assert np.array_equal(both.predict(rows), (boosting.predict(rows) + forest.predict(rows)) / 2)


@settings(max_examples=25, deadline=None)
@given(ensembles)
def test_contributions_are_the_shapley_values_of_another_implementation(drawn):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        estimator, trees, rows = _drawn(*drawn)
        explainer = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
        wanted = np.asarray(explainer.shap_values(rows, check_additivity=False))
    base, values = _asked(trees, rows)
    assert np.abs(values - (wanted[..., 1] if wanted.ndim == 3 else wanted)).max() <= 1e-9
    assert abs(base - np.ravel(explainer.expected_value)[-1]) <= 1e-9


@settings(max_examples=10, deadline=None)
@given(ensembles)
def test_a_feature_no_tree_asks_contributes_nothing(drawn):
    _, trees, rows = _drawn(drawn[0], drawn[1], drawn[2], 0.0)
    assert np.all(Contributions(trees)(rows)[:, -2:] == 0.0)


@settings(max_examples=10, deadline=None)
@given(ensembles)
def test_a_row_gets_the_same_bits_alone_and_in_a_batch(drawn):
    _, trees, rows = _drawn(*drawn)
    ready = Contributions(trees)
    alone = np.concatenate([ready(rows[at : at + 1]) for at in range(len(rows))])
    assert np.array_equal(ready(rows), alone)
    assert np.array_equal(Contributions(trees)(rows), alone)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999))
def test_a_bag_contributes_the_mean_of_its_members(seed):
    members = [_drawn("boosting", 15, seed, 0.1)[1], _drawn("boosting", 6, seed + 1, 0.1)[1]]
    rows = _drawn("life", 3, seed, 0.3)[2]
    base, values = _asked(TreeModel.bag(members), rows)
    apart = [_asked(member, rows) for member in members]
    assert base == pytest.approx((apart[0][0] + apart[1][0]) / 2, abs=1e-12)
    assert np.abs(values - (apart[0][1] + apart[1][1]) / 2).max() <= 1e-12


def test_answers_by_table_and_by_formula_are_the_same(monkeypatch):
    _, trees, rows = _drawn("boosting", 40, 3, 0.1)
    by_table = Contributions(trees)(rows)
    monkeypatch.setattr("oilcan.core.reasons.contributions._TABLE_NUMBERS", 0)
    assert np.abs(Contributions(trees)(rows) - by_table).max() <= 1e-12


def test_an_ensemble_without_a_split_says_its_base():
    rows = np.zeros((30, 3), dtype=np.float32)
    trees = TreeModel.from_sklearn(HistGradientBoostingRegressor(max_iter=2).fit(rows, np.arange(30.0)), rows)
    base, values = _asked(trees, rows)
    assert base == pytest.approx(14.5)
    assert not values.any()


def test_rows_of_another_width_are_refused():
    trees = _drawn("life", 3, 0, 0.0)[1]
    with pytest.raises(ValueError, match=r"shape is \(2, 4\), wanted \(n, 12\)"):
        Contributions(trees)(np.zeros((2, 4), dtype=np.float32))
