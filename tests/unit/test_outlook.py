import dataclasses

import numpy as np
import pandas as pd
import pytest
from tests.training_frames import (
    COMPUTE,
    INDEPENDENT,
    OUTLOOK,
    contract,
    fleet,
    independent,
    train_params,
    training_data,
)

from oilcan.core.model import hazards
from oilcan.core.model.fitted import OutlookForecast
from oilcan.io.bundle.forecast_files import read_forecasts, write_forecasts
from oilcan.scoring.scorer import score
from oilcan.training.fit import Training, train

COLUMNS = ["by_failure_16h", "by_failure_48h", "by_failure_96h"]


@pytest.fixture(scope="module")
def training() -> Training:
    return train(contract(), training_data(fleet()), train_params(outlook=OUTLOOK), COMPUTE)


@pytest.fixture(scope="module")
def table(training) -> pd.DataFrame:
    return score(training.trained.judged, training_data(fleet()).validation.matrix)


def test_a_task_gets_one_column_per_horizon(training, table):
    assert [column for column in table if column.startswith("by_")] == COLUMNS
    assert training.trained.judged.forecasts[-1].suffixes == ("16h", "48h", "96h")


def test_the_probability_never_falls_with_the_horizon(table):
    said = table[COLUMNS].to_numpy()
    assert (np.diff(said, axis=1) >= 0).all()
    assert said.min() >= 0
    assert said.max() <= 1


def test_at_the_tasks_own_horizon_the_crew_sees_one_number(table):
    assert np.array_equal(table["by_failure_48h"], table["p_failure"])


def test_the_hazards_know_when_and_are_judged_at_every_horizon(training):
    report = training.as_json()["targets"]["by_failure"]
    assert report["validation"]["roc_auc"] > 0.8
    assert {suffix: numbers["roc_auc"] > 0.8 for suffix, numbers in report["horizons"].items()} == dict.fromkeys(
        ("16h", "48h", "96h"), True)


def test_the_outlook_changes_no_other_forecast(training):
    without = train(contract(), training_data(fleet()), train_params(), COMPUTE).trained.judged.forecasts
    assert training.trained.judged.forecasts[:-1] == without


def test_independent_rows_have_no_outlook():
    alone = train(contract(INDEPENDENT), training_data(independent()), train_params(outlook=OUTLOOK), COMPUTE)
    assert not any(isinstance(forecast, OutlookForecast) for forecast in alone.trained.judged.forecasts)


def test_horizons_that_nobody_was_watched_for_are_left_out():
    long = OUTLOOK.model_copy(update={"horizons": [0.5, 1.0, 200.0]})
    fitted = train(contract(), training_data(fleet()), train_params(outlook=long), COMPUTE).trained.judged
    assert fitted.forecasts[-1].horizons == (24.0, 48.0)


def test_an_interval_without_failures_is_merged_with_the_next():
    rows, matrix, failures = fleet()
    none = rows["wait_failure"].between(16.0, 48.0)
    rows.loc[none, "wait_failure"] = np.nan
    fine = OUTLOOK.model_copy(update={"horizons": [0.333, 0.667, 1.0, 2.0]})
    fine_training = train(contract(), training_data((rows, matrix, failures)), train_params(outlook=fine), COMPUTE)
    assert fine_training.trained.judged.forecasts[-1].horizons == (48.0, 96.0)


def test_a_life_that_was_cut_off_counts_for_the_intervals_it_survived():
    row, interval, fails = hazards.at_risk(np.array([np.nan]), np.array([25.0]), (10.0, 20.0, 40.0))
    assert (row.tolist(), interval.tolist(), fails.tolist()) == ([0, 0], [0, 1], [False, False])


def test_the_files_of_a_model_give_the_same_outlook_back(training, tmp_path):
    forecast = training.trained.judged.forecasts[-1]
    write_forecasts(training.trained.judged, tmp_path)
    content = {file.relative_to(tmp_path).as_posix(): file.read_bytes()
               for file in tmp_path.rglob("*") if file.is_file()}
    again = read_forecasts(content, tmp_path, "").forecasts[-1]
    assert dataclasses.replace(again, trees=forecast.trees) == forecast
    assert again.trees.checkpoints == forecast.trees.checkpoints
