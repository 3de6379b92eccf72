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
from oilcan.io.bundle.verdict_file import load_reviewed, path_of, write_verdict
from oilcan.scoring.scorer import score


def run(paths: dict[str, str]) -> Path:
    run_stage("train", *(paths[name] for name in (
        "contract", "prepared", "features", "model", "description", "metrics")), params=paths["params"])
    return package(paths)


def package(paths: dict[str, str]) -> Path:
    run_stage("package", *(paths[name] for name in (
        "contract", "prepared", "features", "model", "description", "reference", "bundle")),
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
    assert set(manifest["lineage"]["inputs_md5"]) == {"prepared", "features", "model", "description", "reference"}
    assert "review" not in manifest                 # the verdict lies beside it: a new one makes no new bundle
    assert set(manifest["libraries"]) == {"numpy", "pandas", "scikit-learn", "treelite"}
    assert list(manifest["thresholds"]) == ["failure"]


def test_a_withheld_failure_mode_is_not_served(tmp_path):
    paths = write(tmp_path, fleet())
    folder = run(paths)
    served = bundle_folder.load_bundle(folder)
    mode = next(forecast.name for forecast in served.fitted.forecasts if getattr(forecast, "mode", None))
    write_verdict(path_of(folder), "promote", [], [mode], bundle=served.digest, champion=None)
    bundle, verdict = load_reviewed(folder)
    assert [each.name for each in bundle.fitted.forecasts] == [
        each.name for each in served.fitted.forecasts if each.name != mode]
    assert (bundle.digest, verdict.withheld) == (served.digest, [mode])


def test_a_verdict_on_another_bundle_is_refused(tmp_path):
    folder = run(write(tmp_path, fleet()))
    write_verdict(path_of(folder), "promote", [], [], bundle="0" * 64, champion=None)
    with pytest.raises(IntegrityError, match=r"bundle.verdict.json: is about another bundle \(found 000000000000"):
        load_reviewed(folder)


@pytest.mark.parametrize("text", ["", "{", "null", '{"bundle": 1}', '{"bundle": "x", "decision": "promoted"}'])
def test_a_verdict_that_is_not_one_is_refused(tmp_path, text):
    folder = run(write(tmp_path, fleet()))
    path_of(folder).write_text(text)
    with pytest.raises(IntegrityError, match=r"bundle.verdict.json.*(not valid|not readable).*dvc repro review"):
        load_reviewed(folder)


def test_a_bundle_without_a_verdict_says_so(tmp_path):
    assert load_reviewed(run(write(tmp_path, fleet())))[1].decision == "not reviewed"


def test_it_knows_the_rows_that_it_has_learned_from(tmp_path):
    rows, _, _ = frames = fleet()
    learned = bundle_folder.load_bundle(run(write(tmp_path, frames))).learned
    assert learned.cover(rows).tolist() == (rows["part"] != "test").tolist()
    other = rows.assign(machine_id="another " + rows["machine_id"].astype(str))
    assert not learned.cover(other).any()


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
