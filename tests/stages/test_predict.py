"""The stage predict: forecasts for validation and test rows, made once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.stages.running import run_stage
from tests.training_frames import INDEPENDENT, fleet, independent, write

from oilcan.ground.errors import IntegrityError


def run(paths: dict[str, str]) -> pd.DataFrame:
    run_stage("train", *(paths[name] for name in (
        "contract", "prepared", "features", "model", "description", "metrics")), params=paths["params"])
    return predict(paths)


def predict(paths: dict[str, str]) -> pd.DataFrame:
    run_stage("predict", *(paths[name] for name in ("contract", "prepared", "features", "model", "predictions")),
              params=paths["params"])
    return pd.read_parquet(Path(paths["predictions"]) / "predictions.parquet")


def test_every_validation_and_test_row_is_forecast_and_no_other(tmp_path):
    rows, matrix, failures = fleet()
    table = run(write(tmp_path, (rows, matrix, failures)))
    wanted = rows[rows["part"] != "train"].reset_index(drop=True)
    pd.testing.assert_frame_equal(table[["machine_id", "time", "part"]], wanted[["machine_id", "time", "part"]],
                                  check_dtype=False)
    assert np.array_equal(table["next_failure_failure"], wanted["next_failure_failure"])
    assert table[["p_failure", "p_failure__seal", "rul_rul", "rul_rul_low", "rul_rul_high"]].notna().all().all()


def test_independent_rows_have_no_time(tmp_path):
    table = run(write(tmp_path, independent(), INDEPENDENT))
    assert list(table) == ["machine_id", "part", "target_broken", "score_broken", "p_broken"]


def test_a_model_of_other_features_is_refused(tmp_path):
    paths = write(tmp_path, fleet())
    run(paths)
    rows, matrix, failures = fleet()
    write(tmp_path, (rows, matrix[:, :5], failures))
    with pytest.raises(IntegrityError, match=r"model wants 6 features .* table has 5"):
        predict(paths)
