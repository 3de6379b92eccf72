"""`oilcan tune` on a real repository: killed, resumed, its trials visible as DVC experiments."""

import json
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.slow


def _experiments(repo) -> dict[str, dict]:
    shown = json.loads(repo.run("dvc", "exp", "show", "--json").stdout)
    return {exp["revs"][0]["name"]: exp["revs"][0]["data"] for line in shown for exp in line.get("experiments") or []}


def _kill_after_first_trial(repo) -> None:
    process = subprocess.Popen(("oilcan", "tune", "--trials", "3"), cwd=repo.path, env=repo.environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list((repo.path / ".git/refs/exps").rglob("tune-*")):
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_sweep_goes_on_and_its_trials_are_experiments(small_repo):
    _kill_after_first_trial(small_repo)
    begun = _experiments(small_repo)
    assert 1 <= len(begun) < 3
    said = small_repo.run("oilcan", "tune", "--trials", "3").stdout
    assert f"{len(begun)} of 3 trials done" in said
    found = _experiments(small_repo)
    assert sorted(name.rpartition("-")[2] for name in found) == ["000", "001", "002"]
    for data in found.values():
        assert 0 < data["metrics"]["metrics/tune.json"]["data"]["score"] < 1
        assert "data" not in data["metrics"]["metrics/evaluate.json"]
        assert "error" not in data["metrics"]["metrics/tune.json"]
    leaves = {data["params"]["params.yaml"]["data"]["train"]["hist_gradient_boosting"]["max_leaf_nodes"]
              for data in found.values()}
    assert len(leaves) > 1
    uncut = small_repo.run("git", "status", "--porcelain").stdout
    assert uncut == ""


def test_features_of_other_parameters_are_refused(small_repo):
    small_repo.set_params(featurize={"regimes": False})
    done = small_repo.run("oilcan", "tune", "--trials", "1", check=False)
    assert done.returncode == 1
    assert "Run `dvc repro featurize`" in done.stderr
