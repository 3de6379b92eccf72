"""A repository for which it is time for a new model, and the lock file that `dvc repro` gives it."""

import fcntl
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
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
    """A stage has something to do, and the service has recorded two weeks of drift.

    The gate rejects the model of so small a fleet, whatever the policy: it costs more than the error-code rule.
    """
    repo.set_params(review={"bootstrap": 21})
    repo.commit("a change")
    record_windows(repo, {8: ["drift vibration_mm_s"], 1: ["drift vibration_mm_s"]})


def record_windows(repo: Repo, alerts: Mapping[int, list[str]]) -> None:
    """Write decisions into the store of the service: open alerts of a window, by how many days ago it was judged."""
    (repo.path / ".oilcan").mkdir(exist_ok=True)
    store, now = open_store(f"sqlite:///{repo.path / STORE}"), time.time_ns() // 1000
    for days, names in alerts.items():
        detail = {"window": f"{days} days ago", "age_days": 10.0, "loss_at_least_eur": None, "alerts": names}
        store.decisions.add(NewDecision("t", "collect", ("made for a test",), detail=detail), now - days * DAY)
    store.close()


@pytest.fixture
def due(_due_repo: Repo, tmp_path: Path) -> Repo:
    """A copy of the repository for which it is time."""
    return _due_repo.copy(tmp_path / "repo")


@pytest.fixture(scope="session")
def by_hand(_due_repo: Repo) -> dict[str, bytes]:
    """The lock files that `dvc repro` writes there."""
    return Repo(_due_repo.path.with_name("repro")).lock()
