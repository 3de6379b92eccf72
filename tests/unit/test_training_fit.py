import numpy as np
import pytest
from tests.training_frames import (
    BOOSTING,
    COMPUTE,
    INDEPENDENT,
    contract,
    fleet,
    independent,
    train_params,
    training_data,
)

from oilcan.core.model.fitted import EventForecast, LifeForecast
from oilcan.ground.errors import DataError
from oilcan.training.fit import train


def test_a_fleet_gets_one_forecast_per_task_and_mode():
    training = train(contract(), training_data(fleet()), train_params(), COMPUTE)
    assert [forecast.name for forecast in training.trained.judged.forecasts] == [
        "failure", "failure__bearing", "failure__seal", "rul"]
    assert isinstance(training.trained.judged.forecasts[-1], LifeForecast)


def test_only_a_task_as_a_whole_has_a_threshold():
    training = train(contract(), training_data(fleet()), train_params(), COMPUTE)
    assert list(training.trained.judged.thresholds()) == ["failure"]
    assert 0 < training.trained.judged.thresholds()["failure"] <= 1


def test_a_signal_is_learnt():
    report = train(contract(), training_data(fleet()), train_params(), COMPUTE).as_json()["targets"]
    assert report["failure"]["validation"]["roc_auc"] > 0.85
    assert report["rul"]["validation"]["rmse"] < 90
    assert report["failure"]["calibration"]["brier_after"] <= report["failure"]["calibration"]["brier_before"]


def test_a_mode_with_too_few_failures_is_left_out_and_named():
    training = train(contract(), training_data(fleet()), train_params(min_mode_failures=15), COMPUTE)
    assert training.rare_modes == {"failure__seal": training.rare_modes["failure__seal"]}
    assert "failure__seal: no forecast of its own" in training.warnings()[0]
    assert [forecast.name for forecast in training.trained.judged.forecasts] == ["failure", "failure__bearing", "rul"]


@pytest.mark.parametrize("model", ["random_forest", "extra_trees", "hist_gradient_boosting"])
def test_independent_rows_are_learnt_by_every_model(model):
    training = train(contract(INDEPENDENT), training_data(independent()), train_params(label_model=model), COMPUTE)
    (forecast,) = training.trained.judged.forecasts
    assert isinstance(forecast, EventForecast)
    assert training.as_json()["targets"]["broken"]["validation"]["roc_auc"] > 0.85


@pytest.mark.parametrize("part", ["train", "validation"])
def test_one_class_in_a_part_is_refused(part):
    rows, matrix, failures = fleet()
    rows.loc[rows["part"] == part, "target_failure"] = 0.0
    with pytest.raises(DataError, match=rf"failure: all [\d,]+ {part} rows with a known outcome are 0 \(wanted both"):
        train(contract(), training_data((rows, matrix, failures)), train_params(), COMPUTE)


def test_a_part_without_known_outcomes_is_refused():
    rows, matrix, failures = fleet()
    rows["target_rul"], rows["bound_rul"] = np.nan, 0.0
    with pytest.raises(DataError, match=r"rul: none of .* train rows has a known outcome"):
        train(contract(), training_data((rows, matrix, failures)), train_params(), COMPUTE)


def test_early_stopping_on_held_out_machines_grows_fewer_trees():
    data = training_data(fleet())
    boosting = train_params().hist_gradient_boosting.model_copy(update={"iterations": 150})
    full = train(contract(), data, train_params(hist_gradient_boosting=boosting), COMPUTE)
    early = train(contract(), data, train_params(hist_gradient_boosting=boosting, early_stopping_share=0.2), COMPUTE)
    sizes = [len(training.trained.judged.forecasts[0].trees.checkpoints[0]) for training in (early, full)]
    assert sizes[0] < 0.8 * sizes[1]


def test_rows_of_the_test_part_never_enter():
    rows, matrix, failures = fleet()
    spoilt = matrix.copy()
    spoilt[(rows["part"] == "test").to_numpy()] = 1e6
    rows_spoilt = rows.assign(target_failure=rows["target_failure"].where(rows["part"] != "test", 1.0))
    first = train(contract(), training_data((rows, matrix, failures)), train_params(), COMPUTE)
    second = train(contract(), training_data((rows_spoilt, spoilt, failures)), train_params(), COMPUTE)
    assert first.trained.judged == second.trained.judged


def bagged(bags: int) -> dict[str, object]:
    boosting = BOOSTING.model_copy(update={"bags": bags})
    return {"hist_gradient_boosting": boosting, "life_boosting": boosting}


def test_a_bag_shares_the_rows_among_boosted_models_and_not_among_forests():
    data = training_data(fleet())
    trained = {model: train(contract(), data, train_params(model=model, life_model=model, **bagged(2)), COMPUTE).trained
               for model in ("hist_gradient_boosting", "random_forest")}
    members = {model: [len(forecast.trees.checkpoints) for forecast in both.judged.forecasts]
               for model, both in trained.items()}
    assert members == {"hist_gradient_boosting": [2, 2, 2, 2], "random_forest": [1, 1, 1, 1]}


def test_rows_that_cannot_be_shared_between_classes_make_one_model():
    rows, matrix, failures = independent()
    only = np.flatnonzero(rows["part"] == "train")[:2]
    rows["target_broken"] = rows["target_broken"].where(rows["part"] != "train", 0.0)
    rows.loc[only[0], "target_broken"] = 1.0
    training = train(contract(INDEPENDENT), training_data((rows, matrix, failures)), train_params(**bagged(3)), COMPUTE)
    assert len(training.trained.judged.forecasts[0].trees.checkpoints) == 1


def test_the_interval_is_drawn_on_training_machines_too_where_few_machines_of_their_own_validate():
    rows, matrix, failures = fleet()
    machine = rows["machine_id"].str[1:].astype(int)
    parted = rows.assign(part=np.select([machine < 7, machine < 10], ["train", "validation"], "test"))
    for frame, machines in ((rows, 12), (parted, 10)):
        report = train(contract(), training_data((frame, matrix, failures)), train_params(), COMPUTE).as_json()
        assert report["targets"]["rul"]["interval"]["machines"] == machines


def test_remaining_life_is_judged_by_failures_that_were_seen_as_evaluate_does():
    data = training_data(fleet())
    training = train(contract(), data, train_params(), COMPUTE)
    rows, truth = data.validation.rows, data.validation.rows["target_rul"].to_numpy()
    seen = ~np.isnan(truth)
    life = training.trained.judged.forecasts[-1]
    said = life.columns(life.trees.predict(data.validation.matrix))
    wanted = np.sqrt(np.mean((np.minimum(truth, 240.0) - said["rul_rul"])[seen] ** 2))
    report = training.as_json()["targets"]["rul"]["validation"]
    assert report["rmse"] == pytest.approx(wanted, abs=1e-6)
    assert (report["n"], report["outlasting"]) == (seen.sum(), (~seen & (rows["bound_rul"] >= 240.0)).sum())
