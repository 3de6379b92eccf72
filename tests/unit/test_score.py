import numpy as np
import pandas as pd
import pytest
from tests.training_frames import COMPUTE, contract, fleet, train_params, training_data

from oilcan.core.model.fitted import Fitted
from oilcan.ground.errors import IntegrityError
from oilcan.scoring.scorer import beside_rows, score
from oilcan.training.fit import train


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return train(contract(), training_data(fleet()), train_params(), COMPUTE).trained.judged


@pytest.mark.parametrize("rows_per_batch", [1, 7, 10_000])
@pytest.mark.parametrize("jobs", [1, 2])
def test_batches_of_any_size_give_the_same_numbers(fitted, rows_per_batch, jobs):
    matrix = training_data(fleet()).validation.matrix[:60]
    pd.testing.assert_frame_equal(
        score(fitted, matrix, rows_per_batch=rows_per_batch, jobs=jobs), score(fitted, matrix), check_exact=True)


def test_columns_are_those_of_the_tasks(fitted):
    table = score(fitted, np.zeros((0, 6), dtype=np.float32))
    assert list(table) == ["score_failure", "p_failure", "p_failure__bearing", "p_failure__seal", "rul_rul",
                           "rul_rul_low", "rul_rul_high"]
    assert len(table) == 0


def test_forecasts_stay_in_their_bounds(fitted):
    rng = np.random.default_rng(0)
    table = score(fitted, (rng.normal(size=(500, 6)) * 50).astype(np.float32))
    p = table[["p_failure", "p_failure__bearing", "p_failure__seal"]]
    assert p.min().min() >= 0
    assert p.max().max() <= 1
    assert (table["rul_rul_low"] <= table["rul_rul"]).all()
    assert (table["rul_rul"] <= table["rul_rul_high"]).all()
    assert table["rul_rul_high"].max() <= 240.0


def test_outcomes_stand_beside_forecasts(fitted):
    data = training_data(fleet())
    table = beside_rows(contract(), data.validation.rows, score(fitted, data.validation.matrix))
    assert "partition" not in table
    assert list(table)[:3] == ["machine_id", "time", "part"]
    assert {"target_failure", "target_failure__seal", "next_failure_failure", "target_rul", "bound_rul"} <= set(table)


def test_features_of_another_plan_are_refused(fitted):
    with pytest.raises(IntegrityError, match=r"here: model wants 6 features .* table has 5 .*missing \['s5'\]"):
        fitted.check_features(fitted.features[:5], fitted.plan_hash, "here")
    with pytest.raises(IntegrityError, match="of plan 0000"):
        fitted.check_features(fitted.features, "0000", "here")
