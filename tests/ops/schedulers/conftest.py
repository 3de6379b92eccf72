"""A repository for which it is time for a new model, and the lock file that `dvc repro` gives it."""

import fcntl
import os
import shutil
import time
from pathlib import Path

import pytest
import yaml
from tests.conftest import Repo

from oilcan.io.stores import open_store
from oilcan.io.stores.tables.decision_table import NewDecision

DAY = 86_400_000_000
STORE = ".oilcan/service.db"


@pytest.fixture(scope="session")
def _due_repo(_small_repo: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Made once for all workers; beside it, in `repro`, is a copy in which `dvc repro` has run."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    repo = Repo(shared / "due" / "repo")
    with shared.joinpath("due.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.joinpath("due.done").exists():
            shutil.rmtree(repo.path.parent, ignore_errors=True)
            repo.path.parent.mkdir()
            _small_repo.copy(repo.path)
            _make_due(repo)
            repo.copy(repo.path.with_name("repro")).run("dvc", "repro")
            shared.joinpath("due.done").touch()
    return repo


def _make_due(repo: Repo) -> None:
    """Two stages have something to do, the gate is easy to pass, and the service has recorded two weeks of drift."""
    repo.set_params(evaluate={"bootstrap": 21})
    set_gate(repo, failures=1)
    repo.commit("a change, and an easy gate")
    (repo.path / ".oilcan").mkdir(exist_ok=True)
    store, now = open_store(f"sqlite:///{repo.path / STORE}"), time.time_ns() // 1000
    for days in (8, 1):
        detail = {"window": f"week {days}", "age_days": 20.0, "loss_eur": None, "alerts": ["drift vibration_mm_s"]}
        store.decisions.add(NewDecision("t", "retrain", ("drift",), detail=detail), now - days * DAY)
    store.close()


def set_gate(repo: Repo, *, failures: int) -> None:
    """How many failures the gate wants to see; of all else it asks nothing."""
    file = repo.path / "gate.yaml"
    gate = yaml.safe_load(file.read_text(encoding="utf-8"))
    gate["evidence"] |= {"failures": failures, "machines": 1}
    for line in gate["metrics"]:
        line["floor"] = None
    file.write_text(yaml.safe_dump(gate), encoding="utf-8")


@pytest.fixture
def due(_due_repo: Repo, tmp_path: Path) -> Repo:
    """A copy of the repository for which it is time."""
    return _due_repo.copy(tmp_path / "repo")


@pytest.fixture(scope="session")
def by_hand(_due_repo: Repo) -> dict[str, bytes]:
    """The lock files that `dvc repro` writes there."""
    return Repo(_due_repo.path.with_name("repro")).lock()
