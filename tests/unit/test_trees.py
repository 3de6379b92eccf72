import copy
import pickle
from typing import Any

import numpy as np
import pytest
import treelite
from tests.training_frames import ensemble

from oilcan.core.model.trees import TreeModel, predict_together
from oilcan.ground.errors import IntegrityError
from oilcan.training.ensembles.boosting import Boosting
from oilcan.training.ensembles.ensemble import Learning, LearningRows
from oilcan.training.ensembles.known_ensembles import ENSEMBLES

MODELS = [*ENSEMBLES]
BOOSTING = "hist_gradient_boosting"
SEVEN = Learning(regression=False, seed=7)


def _estimator(model: str, learning: Learning) -> Any:
    kind = ensemble(model)
    return kind.estimator(learning, 5) if isinstance(kind, Boosting) else kind.estimator(learning)


def _rows(n: int = 400, missing: float = 0.1) -> LearningRows:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(n, 5)).astype(np.float32)
    target = (matrix[:, 0] + matrix[:, 1] ** 2 > 1).astype(float)
    matrix[rng.random(matrix.shape) < missing] = np.nan
    return LearningRows(matrix, target)


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("regression", [False, True])
def test_trees_say_what_scikit_learn_says(regression, model, missing):
    rows, unseen = _rows(missing=missing), _rows(900, missing=0.3).matrix
    estimator = _estimator(model, Learning(regression, seed=7)).fit(rows.matrix, rows.target)
    trees = ensemble(model).fit(rows, Learning(regression, seed=7))
    wanted = estimator.predict(unseen) if regression else estimator.predict_proba(unseen)[:, 1]
    exact = 0.0 if model == "random_forest" else 1e-12
    assert np.abs(trees.predict(unseen) - wanted).max() <= exact


@pytest.mark.parametrize("kind", ["default", "raw"])
@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("leaves", [1, 2, 7, 16, 17])
def test_small_trees_give_the_bits_of_treelite(leaves, dtype, regression, kind):
    rows, rng = _rows(), np.random.default_rng(1)
    boosting = ensemble(BOOSTING)
    params = boosting.params.model_copy(update={"max_leaf_nodes": max(leaves, 2), "min_samples_leaf": 1})
    trees = Boosting(params).fit(rows, Learning(regression, seed=7)) if leaves > 1 else _stumps(rows, regression)
    splits = np.concatenate([tree.get_field("threshold") for member in trees.members
                             for tree in map(member.get_tree_accessor, range(int(member.num_tree)))])
    many = rng.normal(size=(5000, 5)).astype(dtype)
    many[rng.random(many.shape) < 0.2] = np.nan
    many[:2000, rng.integers(5)] = rng.choice(splits, 2000)         # values on an edge, and beside it as float32
    many[2000:2010] = np.array([np.inf, -np.inf, 0.0, -0.0, np.finfo(np.float32).max])
    wanted = treelite.gtil.predict(trees.members[0], many.astype(np.float64), nthread=1, pred_margin=kind == "raw")
    assert (trees.masks[0] is None) == (leaves > 16)
    for begin, end in ((0, 5000), (0, 1), (1997, 2012), (1700, 2099)):      # tree by tree, and all trees at once
        part = many[begin:end]
        assert np.array_equal(trees.predict(part) if kind == "default" else trees.raw(part), wanted.ravel()[begin:end])


@pytest.mark.parametrize("n", [0, 1, 399, 400])
def test_models_say_the_same_together_as_alone(n):
    rows = _rows()
    models = [ensemble(model).fit(rows, Learning(regression, seed=7)) for model in MODELS
              for regression in (False, True)]
    models += [_stumps(rows, regression=True), TreeModel.bag(models[:2])]
    asked = _rows(400, missing=0.3).matrix[:n]
    together = predict_together(models, asked)
    assert all(np.array_equal(one, model.predict(asked)) for one, model in zip(together, models, strict=True))
    with pytest.raises(ValueError, match=r"wanted \(n, 5\)"):
        predict_together(models, np.zeros((1, 6), dtype=np.float32))


def _stumps(rows: LearningRows, regression: bool) -> TreeModel:
    """Trees of a single leaf: no split is worth it."""
    constant = LearningRows(np.zeros_like(rows.matrix), rows.target)
    return ensemble(BOOSTING).fit(constant, Learning(regression, seed=7))


@pytest.mark.parametrize("model", MODELS)
def test_bytes_do_not_depend_on_threads(model):
    built = [ensemble(model).fit(_rows(), Learning(regression=False, seed=7, jobs=jobs)) for jobs in (1, 2)]
    assert built[0] == built[1]
    assert pickle.dumps(built[0]) == pickle.dumps(built[1])


@pytest.mark.parametrize("model", MODELS)
def test_a_row_gets_the_same_bits_alone_and_in_a_batch(model):
    rows = _rows()
    trees = ensemble(model).fit(rows, SEVEN)
    together = trees.predict(rows.matrix, jobs=2)
    alone = np.concatenate([trees.predict(rows.matrix[at : at + 1]) for at in range(len(rows))])
    assert np.array_equal(together, alone)


def test_rows_of_another_width_are_refused():
    trees = ensemble(BOOSTING).fit(_rows(), SEVEN)
    with pytest.raises(ValueError, match=r"shape is \(3, 4\), wanted \(n, 5\)"):
        trees.predict(np.zeros((3, 4), dtype=np.float32))


def test_no_rows_give_no_numbers():
    trees = ensemble(BOOSTING).fit(_rows(), SEVEN)
    assert trees.predict(np.zeros((0, 5), dtype=np.float32)).shape == (0,)


def test_bytes_that_are_no_model_are_refused():
    with pytest.raises(IntegrityError, match="not a treelite model"):
        TreeModel(b"abc")


def test_an_estimator_that_treelite_misreads_is_refused():

    estimator = _estimator(BOOSTING, Learning(regression=True, seed=7))
    rows = _rows()
    estimator.fit(rows.matrix, rows.target)
    lying = type("HistGradientBoostingRegressor", (type(estimator),), {
        "__module__": type(estimator).__module__, "predict": lambda _self, matrix: np.full(len(matrix), 5.0)})
    estimator.__class__ = lying
    with pytest.raises(IntegrityError, match="predictions differ from scikit-learn"):
        TreeModel.from_sklearn(estimator, rows.matrix)


@pytest.mark.parametrize("model", MODELS)
def test_a_column_without_a_value_is_no_obstacle(model):
    rows = _rows()
    rows.matrix[:, 3] = np.nan
    trees = ensemble(model).fit(rows, SEVEN)
    moved = rows.matrix.copy()
    moved[:, 3] = 1.0
    assert np.array_equal(trees.predict(rows.matrix), trees.predict(moved))


def test_a_bag_says_the_mean_of_its_members():
    rows = _rows()
    members = [ensemble(BOOSTING).fit(rows, Learning(regression=False, seed=seed)) for seed in (7, 8)]
    bag = TreeModel.bag(members)
    mean = (members[0].predict(rows.matrix) + members[1].predict(rows.matrix)) / 2
    assert np.array_equal(bag.predict(rows.matrix), mean)
    assert bag.checkpoints == tuple(member.checkpoints[0] for member in members)
    assert copy.deepcopy(bag) == bag


def test_members_of_another_width_are_refused():
    narrow = LearningRows(_rows().matrix[:, :4], _rows().target)
    members = [ensemble(BOOSTING).fit(rows, SEVEN) for rows in (_rows(), narrow)]
    with pytest.raises(IntegrityError, match=r"members read \[4, 5\] features"):
        TreeModel.bag(members)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("regression", [False, True])
def test_trees_say_what_treelite_says_to_the_bit(regression, model):
    rows = _rows()
    trees = ensemble(model).fit(rows, Learning(regression, seed=7))
    for said, margin in ((trees.predict(rows.matrix), False), (trees.raw(rows.matrix), True)):
        wanted = treelite.gtil.predict(trees.members[0], rows.matrix, nthread=1, pred_margin=margin)
        assert np.array_equal(said, wanted[:, 0, -1])


def test_raw_of_a_boosted_classifier_is_its_log_odds():
    rows = _rows()
    trees = ensemble(BOOSTING).fit(rows, SEVEN)
    assert trees.predict(rows.matrix) == pytest.approx(1 / (1 + np.exp(-trees.raw(rows.matrix))), abs=1e-12)


def test_trees_of_other_numbers_are_refused():
    builder = treelite.model_builder
    narrow = builder.ModelBuilder(
        threshold_type="float32", leaf_output_type="float32",
        metadata=builder.Metadata(num_feature=1, task_type="kRegressor", average_tree_output=False, num_target=1,
                                  num_class=[1], leaf_vector_shape=(1, 1)),
        tree_annotation=builder.TreeAnnotation(num_tree=1, target_id=[0], class_id=[0]),
        postprocessor=builder.PostProcessorFunc("identity"), base_scores=[0.0])
    narrow.start_tree()
    narrow.start_node(0)
    narrow.leaf(1.0)
    narrow.end_node()
    narrow.end_tree()
    with pytest.raises(IntegrityError, match="not of float64 numbers"):
        TreeModel(narrow.commit().serialize_bytes())
