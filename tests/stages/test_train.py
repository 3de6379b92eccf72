"""The stage train: a model, its description and its metrics; the same bytes every time."""

import json
from pathlib import Path

import pytest
import yaml
from tests.stages.running import run_stage
from tests.training_frames import INDEPENDENT, fleet, independent, write

from oilcan.ground.errors import DataError
from oilcan.io.bundle.model_folder import read_model

OUTPUTS = ("model", "description", "metrics")


def run(paths: dict[str, str]) -> None:
    inputs = ("contract", "prepared", "features")
    run_stage("train", *(paths[name] for name in (*inputs, *OUTPUTS)), params=paths["params"])


def content_of(path: Path) -> dict[str, bytes]:
    """Bytes of a file, or of every file of a folder, by path."""
    found = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in found if file.is_file()}


def test_it_leaves_model_description_and_metrics(tmp_path, capsys):
    paths = write(tmp_path, fleet())
    run(paths)
    description, metrics = (json.loads(Path(paths[name]).read_text()) for name in OUTPUTS[1:])
    assert [entry["name"] for entry in description["forecasts"]] == [
        "failure", "failure__bearing", "failure__seal", "rul"]
    assert description["thresholds"] == read_model(Path(paths["model"])).served.thresholds()
    assert description["trained_on"]["first"] == "2024-01-01T00:00:00+00:00"
    learned = description["learned_from"]
    assert list(learned) == ["failure", "failure__bearing", "failure__seal", "rul"]
    assert all(1 <= group["kept"] <= group["of"] for groups in learned.values() for group in groups.values())
    assert metrics["targets"]["rul"]["interval"]["coverage_90"] > 0.7
    assert capsys.readouterr().out.startswith("train: rows 1,152, features 6, forecasts 4")


@pytest.mark.parametrize("model", ["random_forest", "hist_gradient_boosting"])
def test_outputs_are_byte_identical_for_any_number_of_jobs_and_backend(tmp_path, model):
    held = []
    for jobs, backend in ((1, "threading"), (2, "loky")):
        paths = write(tmp_path / f"{jobs}", fleet(), model=model)
        values = yaml.safe_load(Path(paths["params"]).read_text())
        values["compute"] = {"jobs": jobs, "backend": backend}
        Path(paths["params"]).write_text(yaml.safe_dump(values))
        run(paths)
        held.append([content_of(Path(paths[name])) for name in OUTPUTS])
    assert held[0] == held[1]


def test_the_description_counts_the_rows_that_the_trees_learned_from(tmp_path):
    paths = write(tmp_path, fleet(), max_rows=200, negatives_per_positive=0.0, refit=False)
    run(paths)
    learned, metrics = (json.loads(Path(paths[name]).read_text()) for name in OUTPUTS[1:])
    of_failure, of_life = (learned["learned_from"][name] for name in ("failure", "rul"))
    reported = metrics["targets"]["failure"]["train"]
    assert of_failure["positives"]["of"] == reported["positives"]
    assert of_failure["positives"]["kept"] + of_failure["others"]["kept"] == reported["n_fitted"] == 200
    assert 100 < of_life["rows"]["kept"] <= 200 < of_life["rows"]["of"] == metrics["targets"]["rul"]["train"]["n"]


def test_independent_rows_have_no_training_interval(tmp_path):
    paths = write(tmp_path, independent(), INDEPENDENT)
    run(paths)
    assert set(json.loads(Path(paths["description"]).read_text())["trained_on"]) == {"rows", "machines"}


def test_one_class_is_refused_and_nothing_is_left(tmp_path):
    rows, matrix, failures = fleet()
    rows["target_failure"] = 0.0
    paths = write(tmp_path, (rows, matrix, failures))
    with pytest.raises(DataError, match=r"failure: all [\d,]+ train rows with a known outcome are 0"):
        run(paths)
    assert not any(Path(paths[name]).exists() for name in OUTPUTS)


def test_a_leak_is_reported(tmp_path, capsys):
    rows, matrix, failures = fleet()
    matrix[:, 5] = rows["target_failure"].fillna(0.0)
    paths = write(tmp_path, (rows, matrix, failures))
    run(paths)
    assert "train: warning: suspicious: feature 's5' alone separates 'failure'" in capsys.readouterr().out
    assert json.loads(Path(paths["metrics"]).read_text())["suspicious_features"][0]["feature"] == "s5"
