"""`oilcan doctor files`, `lock` and the recording of raw data, on real DVC repositories."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from oilcan import cli
from oilcan.ground.errors import OilcanError
from oilcan.io.repository import dvc_command, integrity
from oilcan.io.stage.digests import md5

PIPELINE = """
stages:
  ingest:
    cmd: mkdir -p data/canonical && cp data/raw/${dataset}/x.csv data/canonical/a.csv && echo b > data/canonical/b.csv
    deps:
    - data/raw/${dataset}
    params:
    - ingest
    outs:
    - data/canonical
  train:
    cmd: cat data/canonical/*.csv > model.txt && wc -c < model.txt > metrics.json
    deps:
    - data/canonical
    outs:
    - model.txt
    - metrics.json:
        cache: false
"""
RAW = """
vars:
- fetched.yaml
stages:
  simulate:
    wdir: ..
    cmd: mkdir -p data/raw/demo && seq 100 > data/raw/demo/x.csv
    params:
    - simulate
    outs:
    - data/raw/demo
  fetch:
    foreach: ${fetched}
    do:
      wdir: ..
      cmd: test -s data/raw/${item}/x.csv
      deps:
      - datasets/${item}.yaml
      outs:
      - data/raw/${item}:
          persist: true
"""


def run(root: Path, *command: str) -> str:
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root.parent / "site"),
                                "GIT_CONFIG_GLOBAL": os.devnull, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                                "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@h", "GIT_COMMITTER_NAME": "t",
                                "GIT_COMMITTER_EMAIL": "t@h"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("verify") / "repo"
    (root / "data").mkdir(parents=True)
    (root / "datasets").mkdir()
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "data/dvc.yaml").write_text(RAW)
    (root / "data/fetched.yaml").write_text("fetched: []\n")
    (root / "params.yaml").write_text("dataset: demo\ningest:\n  a: 1\nsimulate:\n  seed: 1\n")
    run(root, "git", "init", "-q", "-b", "main")
    run(root, "dvc", "init", "-q")
    run(root, "dvc", "config", "core.autostage", "true")
    run(root, "dvc", "repro")
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-q", "-m", "all")
    return root


@pytest.fixture
def repo(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    root = tmp_path / "repo"
    shutil.copytree(template, root, symlinks=True)
    monkeypatch.chdir(root)
    return root


def stored(root: Path, file: str) -> Path:
    digest = md5(root / file)
    return root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]


def spoil(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    path.chmod(0o444)


def kinds(root: Path) -> list[tuple[str, str]]:
    return [(finding.kind, finding.path.relative_to(root).as_posix()) for finding in integrity.check(root).findings]


@pytest.mark.usefixtures("repo")
def test_a_sound_repository_has_nothing_wrong(capsys):
    assert cli.main(["doctor", "files"]) == 0
    assert "5 objects of the cache, 4 outputs in place: nothing wrong" in capsys.readouterr().out


def test_a_corrupt_object_is_found_with_its_copy_and_restored(repo):
    corrupt = stored(repo, "data/canonical/b.csv")
    spoil(corrupt)
    shutil.rmtree(repo / "data/canonical")
    run(repo, "dvc", "checkout")            # DVC hands the corrupt bytes out and is content
    assert kinds(repo) == [("corrupt", corrupt.relative_to(repo).as_posix()), ("copy", "data/canonical/b.csv")]
    assert cli.main(["doctor", "files"]) == 1
    assert cli.main(["doctor", "files", "--repair"]) == 0
    assert not corrupt.exists()
    run(repo, "dvc", "repro")
    assert cli.main(["doctor", "files"]) == 0
    assert (repo / "data/canonical/b.csv").read_text() == "b\n"


def test_a_truncated_object_is_found(repo):
    path = stored(repo, "model.txt")
    path.chmod(0o644)
    path.write_bytes(b"")
    assert kinds(repo) == [("corrupt", path.relative_to(repo).as_posix())]


def test_a_corrupt_listing_of_a_folder_is_found_and_restored(repo):
    listing = next(repo.glob(".dvc/cache/files/md5/??/*.dir"))
    spoil(listing)
    assert ("corrupt", listing.relative_to(repo).as_posix()) in kinds(repo)
    assert cli.main(["doctor", "files", "--repair"]) == 0
    run(repo, "dvc", "repro")
    assert cli.main(["doctor", "files"]) == 0


def test_an_object_is_restored_from_a_remote(repo, tmp_path):
    run(repo, "dvc", "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    run(repo, "dvc", "push")
    spoil(stored(repo, "model.txt"))
    (repo / "model.txt").unlink()
    run(repo, "dvc", "checkout")
    assert cli.main(["doctor", "files", "--repair"]) == 0
    run(repo, "dvc", "pull")
    assert cli.main(["doctor", "files"]) == 0
    assert (repo / "model.txt").exists()


def test_a_leftover_of_a_killed_command_is_found_and_removed(repo):
    leftover = repo / ".dvc/cache/files/md5/00/.abc.tmp"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half")
    assert kinds(repo) == [("leftover", ".dvc/cache/files/md5/00/.abc.tmp")]
    assert cli.main(["doctor", "files", "--repair"]) == 0
    assert not leftover.exists()


def test_an_edited_output_is_set_aside_and_restored(repo, capsys):
    (repo / "model.txt").write_text("edited by hand")
    assert kinds(repo) == [("differs", "model.txt")]
    assert cli.main(["doctor", "files", "--repair"]) == 0
    assert "set aside in .dvc/tmp/set-aside/model.txt" in capsys.readouterr().out
    assert (repo / ".dvc/tmp/set-aside/model.txt").read_text() == "edited by hand"
    run(repo, "dvc", "repro")
    assert cli.main(["doctor", "files"]) == 0


@pytest.mark.parametrize("level", [(), ("--local",), ("--global",)], ids=str)
def test_the_cache_may_lie_elsewhere(repo, tmp_path, monkeypatch, level):
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "global"))
    run(repo, "dvc", "cache", "dir", *level, str(tmp_path / "shared"))
    assert integrity.cache_folder(repo) == tmp_path / "shared"


# fresh


@pytest.mark.usefixtures("repo")
def test_fresh_passes_when_nothing_is_stale(capsys):
    assert cli.main(["doctor", "lock"]) == 0
    assert "nothing to run" in capsys.readouterr().out


def test_fresh_names_the_stale_stages_their_reasons_and_what_follows(repo):
    values = yaml.safe_load((repo / "params.yaml").read_text())
    (repo / "params.yaml").write_text(yaml.safe_dump(values | {"ingest": {"a": 2}}))
    assert dvc_command.stale_stages(repo) == [
        dvc_command.Stale("ingest", ("params.yaml: ingest.a is 2, was 1",)),
        dvc_command.Stale("train", ("follows from ingest",)),
    ]
    assert cli.main(["doctor", "lock"]) == 1


def test_fresh_works_without_data(repo, capsys):
    for path in ("data/raw/demo", "data/canonical", ".dvc/cache"):
        shutil.rmtree(repo / path)
    (repo / "model.txt").unlink()
    assert cli.main(["doctor", "lock"]) == 0
    (repo / "params.yaml").write_text((repo / "params.yaml").read_text().replace("seed: 1", "seed: 2"))
    assert cli.main(["doctor", "lock"]) == 1
    said = capsys.readouterr().out
    assert "data/dvc.yaml:simulate\n      params.yaml: simulate.seed is 2, was 1" in said
    assert "train\n      follows from ingest" in said


def test_fresh_passes_on_what_dvc_cannot_read(repo):
    (repo / "dvc.yaml").write_text("stages: {a: {cmd: }}")
    with pytest.raises(OilcanError, match=r"(?s)DVC cannot list what would run.*dvc\.yaml"):
        dvc_command.stale_stages(repo)


# recording of raw data


def place(repo: Path, name: str) -> None:
    (repo / f"datasets/{name}.yaml").write_text("a contract")
    (repo / f"data/raw/{name}").mkdir()
    (repo / f"data/raw/{name}/x.csv").write_text("1\n2\n")


def test_recorded_raw_data_travel_into_experiments(repo):
    place(repo, "press")
    run(repo, "git", "add", "datasets")
    dvc_command.record_raw(repo, "press")
    assert yaml.safe_load((repo / "data/fetched.yaml").read_text()) == {"fetched": ["press"]}
    run(repo, "dvc", "exp", "run", "--temp", "-S", "dataset=press", "-n", "elsewhere")
    run(repo, "dvc", "exp", "apply", "elsewhere")
    assert (repo / "data/canonical/a.csv").read_text() == "1\n2\n"
    assert (repo / "data/raw/press/x.csv").exists()
    assert integrity.check(repo).findings == []


def test_files_not_recorded_survive_an_experiment_in_the_workspace(repo):
    place(repo, "press")
    run(repo, "dvc", "exp", "run", "-S", "dataset=press")
    assert (repo / "data/raw/press/x.csv").exists()


def test_recording_raw_data_leaves_git_clean_of_them(repo):
    place(repo, "press")
    dvc_command.record_raw(repo, "press")
    run(repo, "git", "add", "-A")
    assert "x.csv" not in run(repo, "git", "diff", "--cached", "--name-only")


def test_a_failing_check_of_raw_data_is_passed_on(repo):
    (repo / "datasets/press.yaml").write_text("a contract")
    with pytest.raises(OilcanError, match="stage fetch@press failed"):
        dvc_command.record_raw(repo, "press")
