"""What a killed `dvc` leaves half-written is fixed; what a living one is writing is left alone."""

import fcntl
import subprocess
from pathlib import Path

import pytest

from oilcan.io.repository import leftovers

LOCK = "schema: '2.0'\nstages:\n  train:\n    cmd: python train.py\n    deps:\n    - path: a\n      md5: b\n"


TRACKED = "outs:\n- md5: 412bc6635eccdb02308ba602749018f7.dir\n  size: 22\n  nfiles: 1\n  hash: md5\n  path: {}\n"
PARTS = ("data/raw/pumps", "data/live/pumps/2024-01.to-2024-01-05-2")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / "dvc.lock").write_text(LOCK, encoding="utf-8")
    (tmp_path / ".dvc/tmp/rwlock").write_text("{}", encoding="utf-8")
    return tmp_path


def tracked(root, part):
    file = root / f"{part}.dvc"
    file.parent.mkdir(parents=True)
    file.write_text(TRACKED.format(file.stem), encoding="utf-8")
    return file


def test_whole_files_are_left_alone(root):
    for part in PARTS:
        tracked(root, part)
    assert leftovers.fix(root) == []
    assert all((root / f"{part}.dvc").exists() for part in PARTS)
    assert (root / "dvc.lock").read_text(encoding="utf-8") == LOCK
    assert (root / ".dvc/tmp/rwlock").exists()


def test_a_folder_without_dvc_has_no_leftovers(tmp_path):
    assert leftovers.fix(tmp_path) == []


@pytest.mark.parametrize("note", [".dvc/tmp/rwlock", ".dvc/tmp/exps/rwlock"])
@pytest.mark.parametrize("cut", ["", '{"write": {"data/ca'])
def test_a_cut_note_of_locks_is_removed(root, note, cut):
    (root / note).parent.mkdir(exist_ok=True)
    (root / note).write_text(cut, encoding="utf-8")
    assert leftovers.fix(root) == [f"{note}: truncated by a killed run, removed"]
    assert not (root / note).exists()


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


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("length", [0, 4, 40, 80, 95])
def test_a_cut_file_of_tracked_data_goes_away(root, part, length):
    file = tracked(root, part)
    file.write_text(file.read_text(encoding="utf-8")[:length], encoding="utf-8")
    assert [line.partition(":")[0] for line in leftovers.fix(root)] == [f"{part}.dvc"]
    assert not file.exists()


def test_locks_of_git_go_away_in_a_worktree_and_stay_in_the_checkout(root):
    for command in (["init", "-q"], ["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "empty",
                                     "--allow-empty"], ["worktree", "add", "-q", "--detach", "tree"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    locks = [root / ".git/worktrees/tree/index.lock", root / ".git/index.lock"]
    for lock in locks:
        lock.touch()
    assert leftovers.fix_worktree(root) == []
    assert leftovers.fix_worktree(root / "tree") == ["git's index.lock: left by a killed run, removed"]
    assert [lock.exists() for lock in locks] == [False, True]
