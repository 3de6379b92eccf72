"""A retraining by each scheduler, as it stands in the repository; what it leaves is the dvc.lock of a branch.

The gate rejects the model of so small a fleet, so each of them ends as a failure of its own kind.
"""

import http.server
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from tests.conftest import Repo
from tests.ops.environments import environment
from tests.ops.schedulers.airflow_home import DAG, STEPS, AirflowHome, free_port
from tests.ops.schedulers.conftest import record_windows
from tests.ops.schedulers.unit_files import unit_word
from tests.repo.closure import ROOT

KUBEFLOW = ROOT / "deploy/kubeflow"
RUN = """
import sys
from kfp import components, local
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
pipeline = components.load_component_from_file(sys.argv[2])
pipeline(repository=sys.argv[3], branch="kubeflow", commit=sys.argv[4], secrets=sys.argv[5])
"""
Locks = dict[str, bytes]


def locks_of(repo: Repo, branch: str) -> Locks:
    return {name: repo.run("git", "show", f"{branch}:{name}").stdout.encode() for name in ("dvc.lock", "data/dvc.lock")}


def retrain_branch(repo: Repo) -> str:
    (branch,) = repo.run("git", "for-each-ref", "--format=%(refname:short)", "refs/heads/retrain").stdout.split()
    return branch


def kubeflow_python(*words: object, repo: Repo | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Python with kfp, on the text of a program and its arguments."""
    variables = os.environ.copy() if repo is None else repo.environment()
    done = subprocess.run([environment("kubeflow") / "python", "-c", *map(str, words)], env=variables, check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done


@contextmanager
def alertmanager_api() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Takes what is posted to it, as Alertmanager does; its routes are tested in tests/ops/deploy."""
    posted: list[tuple[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", posted
        server.shutdown()


def systemd_timer(due: Repo, _folder: Path) -> Locks:
    """What the unit starts."""
    _, *words = shlex.split(unit_word("oilcan-retrain.service", "Service", "ExecStart"))
    done = due.run("oilcan", *words, check=False)
    assert done.returncode == 3, done.stdout + done.stderr          # the unit fails
    assert "reject: retrain/demo_fleet-" in done.stdout
    return locks_of(due, retrain_branch(due))


def github_schedule(due: Repo, folder: Path) -> Locks:
    """The steps of the workflow, which push what they made: branch, audit log and data."""
    origin = Repo(folder / "origin.git")
    due.run("git", "clone", "--quiet", "--bare", str(due.path), str(origin.path))
    due.run("git", "remote", "add", "origin", str(origin.path))
    due.run("dvc", "remote", "add", "--local", "--default", "store", str(folder / "store"))
    programs = due.path / ".venv"               # that of the tests, up to date for make
    programs.mkdir()
    (programs / "bin").symlink_to(Path(sys.executable).parent)
    for name in (".core", ".serve"):
        (programs / name).touch()
    workflow = yaml.safe_load((ROOT / ".github/workflows/retrain.yml").read_text(encoding="utf-8"))
    retrain, share = [step for step in workflow["jobs"]["retrain"]["steps"] if "run" in step]
    failed = due.run(*shlex.split(retrain["run"]), check=False)
    assert "retrain] Error 3" in failed.stderr  # what came out is pushed all the same
    assert share["if"] == "${{ !cancelled() }}"
    due.run(*shlex.split(share["run"]))
    assert origin.run("git", "rev-parse", "audit").stdout == due.run("git", "rev-parse", "audit").stdout
    assert list((folder / "store/files/md5").iterdir())
    return locks_of(origin, retrain_branch(origin))


def kubeflow(due: Repo, folder: Path) -> Locks:
    """The compiled pipeline by Kubeflow's local runner: each stage in a clone of its own, data by the DVC remote."""
    secrets = folder / "secrets"
    secrets.mkdir(parents=True)
    due.run("dvc", "remote", "add", "--local", "--default", "store", str(folder / "store"))
    (secrets / "dvc.config.local").write_bytes((due.path / ".dvc/config.local").read_bytes())
    due.run("dvc", "push", "--quiet", "--run-cache")
    origin = Repo(folder / "origin.git")
    due.run("git", "clone", "--quiet", "--bare", str(due.path), str(origin.path))
    commit = due.run("git", "rev-parse", "HEAD").stdout.strip()
    done = kubeflow_python(RUN, folder / "root", KUBEFLOW / "oilcan_retrain.yaml", origin.path, commit, secrets,
                           repo=due, check=False)
    assert "gate: reject: " in done.stdout + done.stderr, done.stdout[-5000:] + done.stderr[-5000:]
    assert done.returncode == 1
    return locks_of(origin, "kubeflow")


def airflow(due: Repo, folder: Path) -> Locks:
    """A real scheduler: this month's run finds nothing to do, then an announced drift makes it retrain."""
    for file in (due.path / ".oilcan").glob("service.db*"):
        file.unlink()
    record_windows(due, {9: []})
    with alertmanager_api() as (address, posted):
        home = AirflowHome(folder / "airflow", due, free_port(), OILCAN_ALERTMANAGER=address)
        with home.scheduler():
            assert home.wait_for_end("scheduled", seconds=300) == "success"
            assert home.states("scheduled") == dict.fromkeys(STEPS, "skipped")      # a calm week: not due
            assert _announce(due, home) == "not due\n"
            record_windows(due, {8: ["drift vibration_mm_s"], 1: ["drift vibration_mm_s"]})
            assert _announce(due, home).startswith("announced: demo_fleet-")
            assert _announce(due, home).startswith("announced before: demo_fleet-")
            assert home.wait_for_end("asset_triggered", seconds=500) == "failed"
    assert DAG in home.dags()
    assert home.states("asset_triggered") == dict.fromkeys(STEPS[:-1], "success") | {"gate": "failed"}
    assert [(path, alert["labels"]["alertname"], alert["labels"]["step"]) for path, (alert,) in posted] == \
        [("/api/v2/alerts", "OilcanRetrainingFailed", "gate")]
    branch = retrain_branch(due)
    assert branch.endswith("-drift")
    return locks_of(due, branch)


def _announce(repo: Repo, home: AirflowHome) -> str:
    return repo.run(sys.executable, str(ROOT / "deploy/airflow/announce.py"), "--airflow", home.url).stdout


SCHEDULERS: tuple[Callable[[Repo, Path], Locks], ...] = (airflow, kubeflow, systemd_timer, github_schedule)
