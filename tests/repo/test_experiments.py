"""Experiments and history as the README shows them, on a real clone."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_an_experiment_changes_the_metrics_and_is_listed(small_repo):
    small_repo.run("dvc", "exp", "run", "-n", "shallow", "-S", "train.hist_gradient_boosting.max_leaf_nodes=4")
    shown = small_repo.run("dvc", "exp", "show", "--json").stdout
    assert "shallow" in shown
    changed = json.loads(small_repo.run("dvc", "metrics", "diff", "--json").stdout)
    assert changed["metrics/evaluate.json"]["test.pr_auc"]["diff"] != 0
    assert sum(map(len, changed.values())) <= 20
    table = small_repo.run("dvc", "exp", "show", "--only-changed", "--no-pager", COLUMNS="160").stdout
    assert max(map(len, table.splitlines())) <= 160
    assert "test.pr_auc" in table               # of what changed; on this fleet no alarm does, so no cost
    table = small_repo.run("make", "--silent", "experiments").stdout
    assert max(map(len, table.splitlines())) <= 160
    assert all(word in table for word in ("shallow", "costs.saving", "events.detected_share", "test.brier", "decision"))
    params = json.loads(small_repo.run("dvc", "params", "diff", "--json").stdout)
    assert params["params.yaml"]["train.hist_gradient_boosting.max_leaf_nodes"]["new"] == 4
    plots = json.loads(small_repo.run("dvc", "plots", "diff", "--json").stdout)
    assert plots


def test_a_queued_experiment_runs_and_is_listed(small_repo):
    small_repo.run("dvc", "exp", "run", "--queue", "-n", "queued", "-S", "evaluate.bootstrap=21")
    small_repo.run("dvc", "queue", "start", "-j", "1")
    small_repo.run("dvc", "queue", "logs", "-f", "queued", check=False)
    status = small_repo.run("dvc", "queue", "status").stdout
    assert "Success" in status, status + small_repo.run("dvc", "queue", "logs", "queued", check=False).stdout
    assert "queued" in small_repo.run("dvc", "exp", "list").stdout
    small_repo.run("dvc", "queue", "stop", "--kill", check=False)


def test_a_misspelt_parameter_is_refused_and_nothing_is_lost(small_repo):
    before = small_repo.lock()
    params = small_repo.path / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("calibration:", "calibratoin:"), encoding="utf-8")
    done = small_repo.run("dvc", "repro", check=False)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "train.calibratoin" in said or "calibratoin" in said
    assert "calibration: Field required" in said
    assert small_repo.lock() == before


def test_an_unknown_data_set_is_refused(small_repo):
    done = small_repo.run("dvc", "exp", "run", "-S", "dataset=no_such_fleet", check=False)
    assert done.returncode != 0
    assert "no_such_fleet" in done.stdout + done.stderr
