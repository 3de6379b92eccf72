"""The compiled pipeline is that of dvc.yaml, and Kubeflow's local runner gives the lock file of `dvc repro` with it."""

import os
import subprocess

import pytest
from tests.conftest import Repo
from tests.ops.environments import environment
from tests.repo.closure import ROOT

from oilcan.io.stage.dvc_files import stage_names

FOLDER = ROOT / "deploy/kubeflow"
AGAIN = """
import runpy, sys
from kfp import compiler
build = runpy.run_path(sys.argv[1])
compiler.Compiler().compile(build["pipeline"], sys.argv[2])
print(*build["stages"]())
"""
RUN = """
import sys
from kfp import components, local
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
pipeline = components.load_component_from_file(sys.argv[2])
pipeline(repository=sys.argv[3], branch="kubeflow", commit=sys.argv[4], secrets=sys.argv[5])
"""


def _python(*words: object, repo: Repo | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    variables = os.environ.copy() if repo is None else repo.environment()
    done = subprocess.run([environment("kubeflow") / "python", "-c", *map(str, words)], env=variables, check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done


@pytest.mark.slow
def test_the_committed_pipeline_is_that_of_dvc_yaml(tmp_path):
    stages = _python(AGAIN, FOLDER / "build.py", tmp_path / "again.yaml").stdout.split()
    committed = (FOLDER / "oilcan_retrain.yaml").read_text(encoding="utf-8")
    assert (tmp_path / "again.yaml").read_text(encoding="utf-8") == committed, "run `make schedules`"
    assert set(stages) == set(stage_names(ROOT)) - {"data/dvc.yaml:fetch"}      # which other data sets have


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_local_runner_gives_the_lock_file_of_dvc_repro(due, by_hand, tmp_path):
    here = tmp_path / "kubeflow"
    secrets = here / "secrets"
    secrets.mkdir(parents=True)
    due.run("dvc", "remote", "add", "--local", "--default", "store", str(here / "store"))
    (secrets / "dvc.config.local").write_bytes((due.path / ".dvc/config.local").read_bytes())
    due.run("dvc", "push", "--quiet", "--run-cache")
    due.run("git", "clone", "--quiet", "--bare", str(due.path), str(here / "origin.git"))
    commit = due.run("git", "rev-parse", "HEAD").stdout.strip()
    done = _python(RUN, here / "root", FOLDER / "oilcan_retrain.yaml", here / "origin.git", commit, secrets, repo=due,
                   check=False)
    assert "gate: reject: " in done.stdout + done.stderr, done.stdout[-5000:] + done.stderr[-5000:]
    assert done.returncode == 1
    for name, lock in by_hand.items():
        assert Repo(here / "origin.git").run("git", "show", f"kubeflow:{name}").stdout.encode() == lock
