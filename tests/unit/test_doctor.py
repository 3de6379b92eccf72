"""`oilcan doctor`: one command over start, files, lock and remotes; outputs in conflict; objects pushed by mistake."""

import shutil
import socket
from pathlib import Path

import pytest
import yaml
from tests.conftest import Repo

from oilcan import cli
from oilcan.ground.errors import OilcanError
from oilcan.io.repository import merging, remotes
from oilcan.operations import doctor

PIPELINE = """
stages:
  train:
    cmd: echo {0} > model.txt && echo {0} > metrics/m.json
    outs:
    - model.txt
    metrics:
    - metrics/m.json:
        cache: false
"""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    made = Repo(tmp_path / "repo")
    (made.path / "metrics").mkdir(parents=True)
    (made.path / "params.yaml").write_text("a: 1\n")
    (made.path / "dvc.yaml").write_text(PIPELINE.format("one"))
    (made.path / ".gitattributes").write_text("dvc.lock -merge\nmetrics/** -merge\n")
    made.run("git", "init", "-q", "-b", "main")
    made.run("dvc", "init", "-q")
    made.run("dvc", "repro", "-q")
    made.commit("one")
    monkeypatch.chdir(made.path)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site-cache"))
    return made


def test_a_remote_that_does_not_answer_is_one_line_with_what_to_do(repo, tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")
    repo.run("dvc", "remote", "add", "-q", "team", str(tmp_path / "file/store"))
    repo.run("dvc", "remote", "add", "-q", "cloud", "s3://plant/oilcan")
    with socket.socket() as listener:                # a port that nobody listens to afterwards
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    repo.run("dvc", "remote", "add", "-q", "web", f"http://127.0.0.1:{port}/store")
    repo.run("dvc", "remote", "add", "-q", "-d", "good", str(tmp_path / "not-made-yet"))
    assert cli.main(["doctor", "remotes"]) == 1
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line.split(":")[0] for line in lines[1:]] == ["remote cloud", "remote team", "remote web"]
    assert "dvc-s3" in lines[1]                     # the package that is missing here
    assert lines[2].endswith("is not a folder. Correct it with `dvc remote modify`.")
    assert "remote web: no access (ClientConnectorError" in lines[3]
    assert remotes.remote_names(repo.path)[0] == "good"


def test_objects_pushed_into_the_sample_store_are_found_and_removed(repo):
    store = repo.path / "data/samples/files/md5/aa"
    store.mkdir(parents=True)
    (store / "tracked").write_text("a sample")
    repo.commit("a store")
    (store / "stranger").write_text("pushed")
    assert doctor.files(repo.path).faults == [
        f"{store / 'stranger'}: not of the sample store; it was pushed there by mistake"]
    assert not doctor.files(repo.path, repair=True).faults
    assert [path.name for path in store.iterdir()] == ["tracked"]


def test_two_branches_that_changed_the_same_outputs(repo, capsys):
    for name, word in (("mine", "two"), ("yours", "three")):
        repo.run("git", "switch", "-q", "-c", name, "main")
        (repo.path / "dvc.yaml").write_text(PIPELINE.format(word))
        repo.run("dvc", "repro", "-q")
        repo.commit(word)
    assert repo.run("git", "merge", "mine", check=False).returncode != 0
    with pytest.raises(OilcanError, match=r"Resolve them, `git add` them(.|\n)*dvc.yaml"):
        merging.take_our_outputs(repo.path)
    (repo.path / "dvc.yaml").write_text(PIPELINE.format("four"))
    repo.run("git", "add", "dvc.yaml")
    assert cli.main(["doctor", "--merge"]) == 0
    assert "ours for now: dvc.lock\n  ours for now: metrics/m.json" in capsys.readouterr().out
    assert yaml.safe_load((repo.path / "dvc.lock").read_text())
    repo.run("dvc", "repro", "-q")
    repo.commit("both")
    assert (repo.path / "metrics/m.json").read_text() == "four\n"
    assert cli.main(["doctor", "lock"]) == 0


def test_all_checks_run_although_one_refuses(repo, capsys):
    shutil.rmtree(repo.path / ".dvc/cache/files")
    assert cli.main(["doctor"]) == 1
    printed = capsys.readouterr()
    assert [line.split(":")[0] for line in printed.out.splitlines() if not line.startswith(" ")] == [
        "start", "files", "lock", "remotes"]
    assert printed.err.startswith("error: params.yaml is not valid")


def test_an_unknown_check_lists_those_there_are(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["doctor", "everything"])
    assert "wanted one of start, files, lock, remotes" in capsys.readouterr().err
