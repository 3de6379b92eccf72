"""What a killed `dvc` leaves half-written is fixed; what a living one is writing is left alone."""

import fcntl
import subprocess
from pathlib import Path

import pytest

from oilcan.io.repository import leftovers

LOCK = "schema: '2.0'\nstages:\n  train:\n    cmd: python train.py\n    deps:\n    - path: a\n      md5: b\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / "dvc.lock").write_text(LOCK, encoding="utf-8")
    (tmp_path / ".dvc/tmp/rwlock").write_text("{}", encoding="utf-8")
    return tmp_path


def test_whole_files_are_left_alone(root):
    assert leftovers.fix(root) == []
    assert (root / "dvc.lock").read_text(encoding="utf-8") == LOCK
    assert (root / ".dvc/tmp/rwlock").exists()


def test_a_folder_without_dvc_has_no_leftovers(tmp_path):
    assert leftovers.fix(tmp_path) == []


@pytest.mark.parametrize("cut", ["", '{"write": {"data/ca'])
def test_a_cut_note_of_locks_is_removed(root, cut):
    (root / ".dvc/tmp/rwlock").write_text(cut, encoding="utf-8")
    assert leftovers.fix(root) == [".dvc/tmp/rwlock: truncated by a killed run, removed"]
    assert not (root / ".dvc/tmp/rwlock").exists()


def test_a_note_that_a_living_process_is_writing_is_left_alone(root):
    (root / ".dvc/tmp/rwlock").write_text("", encoding="utf-8")
    with (root / ".dvc/tmp/rwlock.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert leftovers.fix(root) == []
    assert (root / ".dvc/tmp/rwlock").exists()


@pytest.mark.parametrize("length", [0, 5, 12, 30, 36])
def test_a_cut_lock_file_gives_way_to_the_committed_one(root, length):
    for command in (["init", "-q"], ["add", "dvc.lock"],
                    ["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "whole"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    (root / "dvc.lock").write_text(LOCK[:length], encoding="utf-8")
    assert [line.partition(":")[0] for line in leftovers.fix(root)] == ["dvc.lock"]
    assert (root / "dvc.lock").read_text(encoding="utf-8") == LOCK
    assert (root / ".dvc/tmp/dvc.lock.cut").read_text(encoding="utf-8") == LOCK[:length]


def test_a_cut_lock_file_without_a_committed_one_is_begun_anew(root):
    (root / "dvc.lock").write_text("schema: '2.0'\nstages:\n  tra", encoding="utf-8")
    assert leftovers.fix(root)[0].endswith("git has none, so DVC starts a new one")
    assert not (root / "dvc.lock").exists()
