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
from oilcan.training.targets import Target
from oilcan.training.training_data import machine_codes

FAILURE = Target("failure", "failure_within")
BROKEN = Target("broken", "label")


def test_every_known_row_is_judged_once_by_trees_of_other_machines():
    data = training_data(fleet())
    values, machines = FAILURE.values(data.train.rows).copy(), machine_codes(data.train.rows)
    values[::7] = np.nan
    judged = []
    for learnt, out in fold_rows(FAILURE, values, machines, folds=4, seed=0):
        assert not set(machines[learnt]) & set(machines[out])
        judged.append(out)
    assert np.array_equal(np.sort(np.concatenate(judged)), np.flatnonzero(~np.isnan(values)))


@pytest.mark.parametrize("target", [FAILURE, Target("rul", "rul", cap=240.0)])
def test_what_is_said_out_of_fold_is_nan_only_where_the_outcome_is(target):
    data = training_data(fleet())
    values = target.values(data.train.rows)
    said = out_of_fold(target, values, machine_codes(data.train.rows), data.train.matrix, train_params(),
                       recipe(regression=target.kind == "rul"), folds=3)
    assert np.array_equal(np.isnan(said), np.isnan(values))


def test_the_deal_into_folds_follows_the_seed():
    rows, matrix, _ = independent()
    values, machines = BROKEN.values(rows), np.arange(len(rows))
    said = [out_of_fold(BROKEN, values, machines, matrix, train_params(), recipe(), seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(said[0], said[1])
    assert not np.array_equal(said[0], said[2])


def test_auto_takes_the_family_with_the_least_loss_and_says_what_it_compared():
    training = train(contract(INDEPENDENT), training_data(independent()), train_params(label_model="auto"), COMPUTE)
    report = training.as_json()["targets"]["broken"]["model"]
    losses = report["cross_validated_loss"]
    assert sorted(losses) == ["extra_trees", "hist_gradient_boosting", "random_forest"]
    assert report["family"] == min(losses, key=losses.__getitem__) == training.recipes["broken"].family


def test_a_family_that_was_named_is_not_compared():
    choice = choose_family("extra_trees", BROKEN, np.zeros(0), np.zeros(0), np.zeros((0, 1)), train_params(), ("a",))
    assert choice.as_json() == {"family": "extra_trees"}
