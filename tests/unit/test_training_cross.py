import numpy as np
import pytest
from tests.training_frames import (
    COMPUTE,
    INDEPENDENT,
    contract,
    fleet,
    independent,
    recipe,
    train_params,
    training_data,
)

from oilcan.training.cross import choose_family, fold_rows, out_of_fold
from oilcan.training.fit import train
from oilcan.training.recipe import candidates
from oilcan.training.sample import Sample
from oilcan.training.targets import Target

FAILURE = Target("failure", "failure_within")
BROKEN = Target("broken", "label")


def test_every_known_row_is_judged_once_by_trees_of_other_machines():
    data = training_data(fleet())
    rows = data.train.rows.copy()
    rows.loc[::7, "target_failure"] = np.nan
    sample = Sample.of(FAILURE, rows, data.train.matrix)
    judged = []
    for learned, out in fold_rows(sample, folds=4, seed=0):
        assert not set(sample.machines[learned]) & set(sample.machines[out])
        judged.append(out)
    assert np.array_equal(np.sort(np.concatenate(judged)), np.flatnonzero(~np.isnan(sample.values)))


@pytest.mark.parametrize("target", [FAILURE, Target("rul", "rul", cap=240.0)])
def test_what_is_said_out_of_fold_is_nan_only_where_the_outcome_is(target):
    data = training_data(fleet())
    sample = Sample.of(target, data.train.rows, data.train.matrix)
    forecasts = out_of_fold(sample, recipe(regression=target.kind == "rul"), folds=3)
    assert np.array_equal(np.isnan(forecasts), np.isnan(sample.values))


def test_the_deal_into_folds_follows_the_seed():
    rows, matrix, _ = independent()
    sample = Sample.of(BROKEN, rows, matrix)
    forecasts = [out_of_fold(sample, recipe(), seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(forecasts[0], forecasts[1])
    assert not np.array_equal(forecasts[0], forecasts[2])


def test_auto_takes_the_family_with_the_least_loss_and_says_what_it_compared():
    training = train(contract(INDEPENDENT), training_data(independent()), train_params(label_model="auto"), COMPUTE)
    report = training.as_json()["targets"]["broken"]["model"]
    losses = report["cross_validated_loss"]
    assert sorted(losses) == ["extra_trees", "hist_gradient_boosting", "random_forest"]
    assert report["family"] == min(losses, key=losses.__getitem__) == training.recipes["broken"].family


def test_a_family_that_was_named_is_not_compared():
    rows, matrix, _ = independent()
    choice = choose_family(Sample.of(BROKEN, rows[:0], matrix[:0]),
                           candidates(BROKEN, train_params(label_model="extra_trees"), ("a",)))
    assert choice.as_json() == {"family": "extra_trees"}
