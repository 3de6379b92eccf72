"""The stage package: a bundle that was proven before it took its name."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.stages.running import run_stage
from tests.training_frames import INDEPENDENT, fleet, independent, write

from oilcan.ground.errors import IntegrityError
from oilcan.io.batches import feature_rows
from oilcan.io.bundle import bundle_folder
from oilcan.io.bundle.model_folder import read_model
from oilcan.io.stage import files
from oilcan.scoring.scorer import score


def run(paths: dict[str, str]) -> Path:
    run_stage("train", *(paths[name] for name in (
        "contract", "prepared", "features", "model", "description", "metrics")), params=paths["params"])
    return package(paths)


def package(paths: dict[str, str]) -> Path:
    run_stage("package", *(paths[name] for name in (
        "contract", "prepared", "features", "model", "description", "review", "reference", "bundle")),
        params=paths["params"])
    return Path(paths["bundle"])


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_bundle_forecasts_what_the_model_forecasts(tmp_path):
    paths = write(tmp_path, fleet())
    loaded = bundle_folder.load_bundle(run(paths))
    plan = feature_rows.read_plan(Path(paths["features"]))
    _, features = feature_rows.read_rows(Path(paths["prepared"]), Path(paths["features"]), plan, "test")
    assert score(loaded.fitted, features).equals(score(read_model(Path(paths["model"])).served, features))


def test_its_lineage_names_every_input(tmp_path):
    manifest = bundle_folder.load_bundle(run(write(tmp_path, fleet()))).manifest
    assert set(manifest["lineage"]["inputs_md5"]) == {"prepared", "features", "model", "description", "review",
                                                         "reference"}
    assert manifest["review"]["decision"] == "promote"
    assert set(manifest["libraries"]) == {"numpy", "pandas", "scikit-learn", "treelite"}
    assert list(manifest["thresholds"]) == ["failure"]


def test_a_withheld_failure_mode_is_not_in_the_bundle(tmp_path):
    paths = write(tmp_path, fleet())
    served = bundle_folder.load_bundle(run(paths)).fitted
    mode = next(forecast.name for forecast in served.forecasts if getattr(forecast, "mode", None))
    review = files.read_json(Path(paths["review"]))
    files.write_json(review | {"withheld": [mode]}, Path(paths["review"]))
    bundle = bundle_folder.load_bundle(package(paths))
    assert [each.name for each in bundle.fitted.forecasts] == [
        each.name for each in served.forecasts if each.name != mode]
    assert mode not in bundle.manifest["forecasts"]
    assert bundle.manifest["review"]["withheld"] == [mode]
    assert f"p_{mode}" not in bundle.drift_reference.forecasts


def test_two_runs_give_the_same_bytes(tmp_path):
    paths = write(tmp_path, fleet())
    first = _content(run(paths))
    shutil.rmtree(paths["bundle"])
    assert _content(package(paths)) == first


def test_check_rows_are_validation_rows(tmp_path):
    rows, values, failures = fleet()
    kept = pd.DataFrame(np.load(run(write(tmp_path, (rows, values, failures))) / "check_rows.npy"))
    kept["time"] = kept["time"].dt.tz_localize("UTC")
    validation = rows[rows["part"] == "validation"]
    assert len(kept) == 20
    assert len(kept.merge(validation, on=["machine_id", "time"])) == 20


def test_the_reference_for_drift_covers_features_and_forecasts(tmp_path):
    reference = bundle_folder.load_bundle(run(write(tmp_path, fleet()))).drift_reference
    assert sorted(reference.features) == [f"s{at}" for at in range(6)]
    assert "p_failure" in reference.forecasts
    assert np.diff(reference.features["s0"].quantiles).min() >= 0
    assert 0 < reference.features["s0"].missing_share < 0.1


def test_independent_rows_can_be_packaged(tmp_path):
    assert bundle_folder.load_bundle(run(write(tmp_path, independent(), INDEPENDENT))).contract.name == "independent"


def test_features_of_another_plan_are_refused_and_the_old_bundle_stays(tmp_path):
    paths = write(tmp_path, fleet())
    before = _content(run(paths))
    rows, values, failures = fleet()
    write(tmp_path, (rows, values[:, :5], failures))
    with pytest.raises(IntegrityError, match="model wants 6 features"):
        package(paths)
    assert _content(Path(paths["bundle"])) == before
