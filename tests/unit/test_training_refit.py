"""Events are learnt once more from both parts; what was chosen on the validation part stays as it was chosen."""

import numpy as np
import pytest
from tests.training_frames import COMPUTE, OUTLOOK, contract, fleet, train_params, training_data

from oilcan.core.model.fitted import EventForecast, LifeForecast, OutlookForecast, Trained
from oilcan.training.fit import train
from oilcan.training.sample import Stacked


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(contract(), training_data(fleet()), train_params(outlook=OUTLOOK), COMPUTE).trained


def test_only_trees_of_events_are_others(trained):
    assert {LifeForecast, EventForecast, OutlookForecast} == set(map(type, trained.served.forecasts))
    for judged, served in zip(trained.judged.forecasts, trained.served.forecasts, strict=True):
        assert (judged.trees == served.trees) == isinstance(judged, LifeForecast)
    assert trained.judged.with_trees({each.name: each.trees for each in trained.served.forecasts}) == trained.served


def test_without_refit_the_judged_model_is_served():
    trained = train(contract(), training_data(fleet()), train_params(refit=False), COMPUTE).trained
    assert trained.served == trained.judged


def test_failures_of_the_validation_part_are_learnt():
    """Rows whose features tell nothing in training, but a failure in validation, are told apart by one model only."""
    rows, matrix, failures = fleet()
    matrix[:, 5] = np.where(rows["part"] == "validation", rows["target_failure"].fillna(0.0) * 9, 0.0)
    told = train(contract(), training_data((rows, matrix, failures)), train_params(calibration="none"), COMPUTE).trained
    asked = matrix[(rows["part"] == "test").to_numpy()].copy()
    marked = asked.copy()
    marked[:, 5] = 9.0
    moves = [np.abs(each.forecasts[0].trees.predict(marked) - each.forecasts[0].trees.predict(asked)).max()
             for each in (told.judged, told.served)]
    assert moves[0] == 0.0 < moves[1]


def test_stacked_matrices_read_as_one():
    dice = np.random.default_rng(0)
    parts = tuple(dice.normal(size=(n, 3)).astype(np.float32) for n in (4, 0, 7))
    at = dice.integers(0, 11, 30)
    np.testing.assert_array_equal(Stacked(parts)[at], np.concatenate(parts)[at])
