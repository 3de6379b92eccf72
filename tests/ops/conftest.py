"""A repository with three models in its history: real git, real DVC, real bundles of a small fleet."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from tests.conftest import ROOT, Repo
from tests.service.api.conftest import repackaged
from tests.stages.running import run_stage
from tests.training_frames import fleet, write

from oilcan.io.bundle.verdict_file import path_of, write_verdict
from oilcan.operations.governing.candidate import candidate_at, publish

MODELS = ("first", "second", "third")
collect_ignore = ["mlflow_session.py"]      # runs in the environment of MLflow, so doctest here cannot import it


def bundle_of(folder: Path) -> str:
    """Digest of the bundle in a folder."""
    return (folder / "manifest.sha256").read_text(encoding="utf-8").split()[0]


def make(repo: Repo, source: Path, *, decision: str = "promote", champion: str | None = None) -> str:
    """Run the one stage of the repository on another bundle, write its verdict, and commit both; the commit."""
    shutil.rmtree(repo.path / "made", ignore_errors=True)
    # new times: with old ones, and the inode of a file that went, DVC takes it for a file whose digest it knows
    shutil.copytree(source, repo.path / "made", copy_function=shutil.copy)
    repo.run("dvc", "repro", "-q")
    write_verdict(path_of(repo.path / "models/bundle"), decision, ["made up for a test"], [],
                  bundle=bundle_of(source), champion=champion)
    repo.commit(f"model {source.name}")
    return repo.run("git", "rev-parse", "HEAD").stdout.strip()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three bundles of one data set."""
    folder = tmp_path_factory.mktemp("models")
    paths = write(folder / "made", fleet())
    for stage, names in (("train", ("contract", "prepared", "features", "model", "description", "metrics")),
                         ("package", ("contract", "prepared", "features", "model", "description", "reference",
                                      "bundle"))):
        run_stage(stage, *(Path(paths[name]) for name in names), params=Path(paths["params"]))
    for name in MODELS:
        repackaged(Path(paths["bundle"]), folder / name)
    shutil.copy(paths["contract"], folder / "fleet.yaml")
    return folder


@pytest.fixture(scope="session")
def _registry_repo(models, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    path = tmp_path_factory.mktemp("registry") / "repo"
    (path / "datasets").mkdir(parents=True)
    (path / "models").mkdir()
    shutil.copy(models / "fleet.yaml", path / "datasets/fleet.yaml")
    shutil.copy(ROOT / "gate.yaml", path / "gate.yaml")
    (path / "params.yaml").write_text("dataset: fleet\n")
    (path / "services.yaml").write_text("services: []\n")
    (path / "models/champion.json").write_text('{"bundle": null}\n')
    (path / ".gitignore").write_text("/.oilcan/\n/made/\n")
    (path / "dvc.yaml").write_text(yaml.safe_dump({
        "stages": {"package": {"cmd": "rm -rf models/bundle && cp -r made models/bundle", "deps": ["made"],
                               "outs": ["models/bundle"]}},
        "artifacts": {"fleet": {"path": "models/bundle", "type": "model"}}}))
    repo = Repo(path)
    repo.run("git", "init", "-q", "-b", "main")
    for name, value in (("user.name", "Eve"), ("user.email", "eve@localhost")):
        repo.run("git", "config", name, value)
    repo.run("dvc", "init", "-q")
    repo.run("dvc", "remote", "add", "-q", "--default", "store", str(path.parent / "remote"))
    for name in MODELS[:2]:
        make(repo, models / name)
        publish(path, candidate_at(path, "HEAD"))
    return repo


@pytest.fixture
def registry(_registry_repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A copy of it, in which two models were made and none is in service."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "DVC_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site-cache"))
    return _registry_repo.copy(tmp_path / "repo")
