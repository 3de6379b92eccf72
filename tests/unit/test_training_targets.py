import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training_frames import COMPUTE, contract, fleet, train_params, training_data

from oilcan.training.fit import train
from oilcan.training.targets import Target
from oilcan.training.thinning import RowSelection, Thinning, choose_rows

FAILURE = Target("failure", "failure_within")


def _values() -> np.ndarray:
    return np.concatenate([np.repeat([1.0, 0.0], [10, 90]), [np.nan]])


def _chosen(values: np.ndarray | None = None, target: Target = FAILURE, *, boosted: bool, **params: object
            ) -> RowSelection:
    thinning = Thinning.of(train_params(**params))
    return choose_rows(_values() if values is None else values, target, thinning, boosted=boosted, seed=1)


def test_unknown_outcomes_are_never_learnt_from():
    assert 100 not in _chosen(boosted=True).at


def test_thinning_keeps_every_positive_and_the_stated_negatives():
    chosen = _chosen(boosted=True, negatives_per_positive=3.0).at
    assert (_values()[chosen] == 1).sum() == 10
    assert (_values()[chosen] == 0).sum() == 30


def test_thinning_leaves_at_least_the_stated_rows():
    chosen = _chosen(boosted=True, negatives_per_positive=1.0, min_rows=70)
    assert (len(chosen.at), chosen.shift) == (70, pytest.approx(np.log(60 / 90)))


def test_a_forest_weighs_kept_negatives_for_those_left_out():
    chosen = _chosen(boosted=False, negatives_per_positive=3.0)
    assert chosen.weight is not None
    positive = _values()[chosen.at] == 1
    assert chosen.weight[~positive].sum() / chosen.weight[positive].sum() == pytest.approx(9.0)


def test_boosting_shifts_its_log_odds_instead():
    chosen = _chosen(boosted=True, negatives_per_positive=3.0)
    assert chosen.weight is None
    assert chosen.shift == pytest.approx(np.log(30 / 90))


@pytest.mark.parametrize("model", ["hist_gradient_boosting", "random_forest"])
def test_thinning_leaves_probabilities_right(model):
    data = training_data(fleet(machines=20))
    params = train_params(negatives_per_positive=1.0, calibration="none", model=model)
    forecast = train(contract(), data, params, COMPUTE).trained.judged.forecasts[0]
    values = data.validation.rows["target_failure"].to_numpy()
    known = ~np.isnan(values)
    p = forecast.trees.predict(data.validation.matrix)[known]
    assert p.mean() == pytest.approx(values[known].mean(), rel=0.25)


def test_balanced_classes_weigh_the_same():
    chosen = _chosen(boosted=True, class_weight="balanced")
    assert chosen.weight is not None
    positive = _values()[chosen.at] == 1
    assert chosen.weight[positive].sum() == pytest.approx(chosen.weight[~positive].sum())


@pytest.mark.parametrize(("negatives", "positives", "kept"), [
    (90, 5, (25, 5)),               # all of the rare class fit, with five others for each
    (5, 90, (5, 25)),
    (900, 100, (23, 7)),            # they do not: three others for each
    (60, 40, (18, 12)),             # nearly as many: both in their own shares
])
def test_above_the_limit_the_rare_class_is_kept_first(negatives, positives, kept):
    values = np.repeat([0.0, 1.0], [negatives, positives])
    for target in (FAILURE, Target("bad", "label")):
        chosen = _chosen(values, target, boosted=True, negatives_per_positive=0.0, max_rows=30)
        assert tuple(np.bincount(values[chosen.at].astype(int))) == kept
        assert chosen.shift == pytest.approx(np.log(kept[0] / negatives) - np.log(kept[1] / positives))


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([0.0, 1.0, 3.0, 20.0]), st.integers(0, 200),
       st.sampled_from(["failure_within", "label"]))
def test_the_correction_restores_the_share_of_positives(negatives, positives, per_positive, limit, kind):
    values = np.random.default_rng(0).permutation(np.repeat([0.0, 1.0], [negatives, positives]))
    target = Target("x", kind)
    forest, boosted = (_chosen(values, target, boosted=boosted, negatives_per_positive=per_positive, max_rows=limit)
                       for boosted in (False, True))
    np.testing.assert_array_equal(forest.at, boosted.at)
    assert len(np.unique(forest.at)) == len(forest.at) <= (limit or len(values))
    n_negative, n_positive = (int((values[forest.at] == each).sum()) for each in (0, 1))
    if not n_negative or not n_positive:
        return
    odds = positives / negatives
    weight = np.ones(len(forest.at)) if forest.weight is None else forest.weight
    is_positive = values[forest.at] == 1
    assert weight[is_positive].sum() / weight[~is_positive].sum() == pytest.approx(odds)
    assert np.log(n_positive / n_negative) + boosted.shift == pytest.approx(np.log(odds), abs=1e-9)


@pytest.mark.parametrize(("rows", "limit", "step"), [(100, 30, 4), (61, 60, 2), (60, 60, 1), (60, 0, 1), (1, 60, 1)])
def test_of_a_number_every_kth_row_is_kept(rows, limit, step):
    chosen = _chosen(np.arange(float(rows)), Target("rul", "rul"), boosted=True, max_rows=limit).at
    assert chosen.tolist() == list(range(0, rows, step))


def test_a_capped_target_is_capped():
    rows = fleet(machines=2)[0]
    assert np.nanmax(Target("rul", "rul", cap=100.0).values(rows)) == 100.0


def test_the_seed_of_a_target_does_not_depend_on_other_targets():
    assert FAILURE.seed(1) == Target("failure", "failure_within").seed(1)
    assert len({target.seed(1) for target in (FAILURE, Target("failure", "failure_within", "seal"))}) == 2


def test_a_life_that_outlasts_the_cap_is_known_to_and_a_shorter_one_is_not():
    rows = pd.DataFrame({"target_rul": [30.0, 900.0, np.nan, np.nan], "bound_rul": [30.0, 900.0, 720.0, 719.0]})
    np.testing.assert_array_equal(Target("rul", "rul", cap=720.0).values(rows), [30.0, 720.0, 720.0, np.nan])
    np.testing.assert_array_equal(Target("rul", "rul").values(rows), [30.0, 900.0, np.nan, np.nan])
