"""Fixtures found by name: a real small repository with the whole pipeline run in it."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.nested_changes import change

ROOT = Path(__file__).parents[1]
_LEFT_OUT = pytest.StashKey[str]()
_NO_PARAMETERS = SimpleNamespace(params={})
PROGRAMS = {"postgres": ("initdb", "postgresql"), "browser": ("chromium", "chromium"),     # fixture: program, package
            "certificate": ("openssl", "openssl"), "systemd": ("systemd-analyze", "systemd"),
            "curl": ("curl", "curl"), "broker": ("mosquitto", "mosquitto"), "prometheus": ("promtool", "prometheus"),
            "alertmanager": ("amtool", "prometheus-alertmanager")}

SMALL = {
    "compute": {"jobs": 1},         # starting processes costs more than they save; all workers of pytest are busy
    "simulate": {"machines": 24, "days": 150},
    "ingest": {"machines_per_partition": 12},
    "train": {
        "hist_gradient_boosting": {"iterations": 25},
        "life_boosting": {"iterations": 25},
        "random_forest": {"trees": 20},
        "committee_forest": {"trees": 20},
    },
    "evaluate": {"bootstrap": 20},
}


def program(name: str) -> Path | None:
    """A program of the system; PostgreSQL's stand in a folder of their own on Debian."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    return Path(found) if found else max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), default=None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, and say so, what needs a program that is not here; in CI (OILCAN_TEST_EVERYTHING) it fails instead."""
    missing = {fixture for fixture, (name, _) in PROGRAMS.items() if program(name) is None}
    if not missing or "OILCAN_TEST_EVERYTHING" in os.environ:
        return
    out = [item for item in items if missing & _fixtures(item)]
    items[:] = [item for item in items if item not in out]
    config.hook.pytest_deselected(items=out)
    config.stash[_LEFT_OUT] = f"{len(out)} tests left out: apt-get install " + " ".join(
        sorted(PROGRAMS[fixture][1] for fixture in missing))


def _fixtures(item: pytest.Item) -> set[str]:
    of_parameters = {"postgres"} if "postgresql" in getattr(item, "callspec", _NO_PARAMETERS).params.values() else set()
    return of_parameters | set(getattr(item, "fixturenames", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out."""
    if _LEFT_OUT in terminalreporter.config.stash:
        terminalreporter.section(terminalreporter.config.stash[_LEFT_OUT])


@pytest.fixture(autouse=True)
def _current_folder() -> Iterator[None]:
    """A test begins and ends at the root: a fixture that outlives its test and stays elsewhere breaks the next one."""
    assert Path.cwd() == ROOT
    yield
    assert Path.cwd() == ROOT


Run = Callable[..., subprocess.CompletedProcess[str]]


class Repo:
    """A checkout in a folder of its own, driven by the commands a person would type."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str, check: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=self.path, env=self.environment(**extra), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} -> {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def environment(self, **extra: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "COV_"))}
        return clean | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.path.parent / "site-cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@localhost",
            "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@localhost",
        } | extra

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "--allow-empty", "-m", message)

    def set_params(self, **sections: dict) -> None:
        file = self.path / "params.yaml"
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        change(values, sections)
        file.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")

    def lock(self) -> dict[str, bytes]:
        return {name: (self.path / name).read_bytes() for name in ("dvc.lock", "data/dvc.lock")}

    def clone(self, path: Path) -> "Repo":
        """A fresh clone from git alone: no cache, no data, the shared remote configured."""
        self.run("git", "clone", "-q", str(self.path), str(path))
        return Repo(path)

    def copy(self, path: Path) -> "Repo":
        """The folder as it is, cache and all."""
        shutil.copytree(self.path, path, symlinks=True)
        return Repo(path)


def tracked_files() -> Sequence[str]:
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    return [name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def _fresh_checkout(path: Path) -> Repo:
    """What git holds of this checkout, uncommitted edits included, as a new repository."""
    for name in tracked_files():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    repo = Repo(path)
    repo.run("git", "init", "-q", "-b", "main")
    repo.set_params(**SMALL)
    repo.run("git", "add", "--all", "--force")      # the sample store is tracked, and ignored so that nothing joins it
    repo.commit("the code, with a small fleet")
    return repo


@pytest.fixture(scope="session")
def _small_repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Built once for all workers of pytest-xdist; never written to by tests."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    place = shared / "small" / "repo"
    shared.joinpath("small").mkdir(exist_ok=True)
    with shared.joinpath("small.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.joinpath("small.done").exists():
            shutil.rmtree(place, ignore_errors=True)
            repo = _fresh_checkout(place)
            repo.run("dvc", "repro")
            repo.commit("the pipeline's first run")
            shared.joinpath("small.done").touch()
    return Repo(place)


@pytest.fixture
def small_repo(_small_repo: Repo, tmp_path: Path) -> Repo:
    """A copy of a repository in which the whole pipeline has run on a small fleet, committed."""
    return _small_repo.copy(tmp_path / "repo")


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Repo:
    """A fresh checkout with small parameters in which nothing has run."""
    return _fresh_checkout(tmp_path / "checkout")
