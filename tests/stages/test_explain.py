"""The stage explain: what the forecast rests on, measured on held-out rows."""

import json
from pathlib import Path

import pytest
from tests.stages.running import run_stage
from tests.training_frames import INDEPENDENT, fleet, independent, write

from oilcan.ground.errors import IntegrityError


def run(paths: dict[str, str]) -> dict:
    run_stage("train", *(paths[name] for name in (
        "contract", "prepared", "features", "model", "description", "metrics")), params=paths["params"])
    return explain(paths)


def explain(paths: dict[str, str]) -> dict:
    run_stage("explain", *(paths[name] for name in ("contract", "prepared", "features", "model", "explained")),
              params=paths["params"])
    return json.loads(Path(paths["explained"]).read_text())


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    paths = write(tmp_path_factory.mktemp("explain"), fleet())
    return paths, run(paths)


@pytest.mark.parametrize(("task", "metric", "wear"), [("failure", "pr_auc", ["s0", "s1"]), ("rul", "rmse", ["s1"])])
def test_the_sensors_that_show_wear_matter_and_noise_does_not(explained, task, metric, wear):
    found = explained[1][task]
    assert found["metric"] == metric
    losses = {name: entry["loss"] for name, entry in found["sensors"].items()}
    assert min(losses[name] for name in wear) > 3 * max(abs(losses[name]) for name in ("s2", "s3", "s4", "s5"))


def test_modes_have_no_entry_and_every_number_has_its_spread(explained):
    _, found = explained
    assert sorted(found) == ["failure", "rul"]
    for entry in (*found["rul"]["sensors"].values(), *found["rul"]["features"].values()):
        assert entry["spread"] >= 0
        assert entry["words"]


def test_two_runs_and_any_number_of_jobs_write_the_same_bytes(explained):
    paths, _ = explained
    before = Path(paths["explained"]).read_bytes()
    params = Path(paths["params"])
    params.write_text(params.read_text().replace("jobs: 1", "jobs: 2"))
    explain(paths)
    assert Path(paths["explained"]).read_bytes() == before


def test_independent_rows_are_explained_too(tmp_path):
    found = run(write(tmp_path, independent(), INDEPENDENT))["broken"]["sensors"]
    assert max(found, key=lambda name: found[name]["loss"]) == "s0"


def test_a_model_of_other_features_is_refused(explained, tmp_path):
    paths, _ = explained
    rows, matrix, failures = fleet()
    others = write(tmp_path, (rows, matrix[:, :5], failures))
    with pytest.raises(IntegrityError, match=r"model wants 6 features .* table has 5"):
        explain(others | {"model": paths["model"]})
