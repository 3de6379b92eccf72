"""Files that a killed `dvc` leaves truncated: its notes of locks (`rwlock`), dvc.lock and `*.dvc`, written in place.

A truncated note stops every later command ("JSON structure is corrupted"), the other two every later run.
A running `dvc` holds kernel locks while it writes them, and these locks end with the process. So a truncated file
without a lock is a leftover.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from oilcan.io.repository.git_plumbing import file_at, git
from oilcan.io.stage.dvc_files import PIPELINES, load_yaml

_TMP: Final = Path(".dvc/tmp")
_NOTES: Final = (_TMP / "rwlock", _TMP / "exps/rwlock")
_TRACKED: Final = ("data/raw/*.dvc", "data/live/*/*.dvc")


def fix(root: Path) -> list[str]:
    """Clear away what a killed run left truncated; returns a line for each repair.

    Notes of locks are deleted; DVC starts new ones. A truncated dvc.lock or `*.dvc` is moved to .dvc/tmp and
    replaced by the committed one; stages that finished since then come back from the run cache.
    """
    done = fix_note(root)
    files = [Path(file).with_suffix(".lock") for file in PIPELINES]
    files += sorted(file.relative_to(root) for pattern in _TRACKED for file in root.glob(pattern))
    for file in files:
        if _is_cut(root / file):
            with _held(root / _TMP / "lock") as mine:
                if mine and _is_cut(root / file):
                    done.append(_restore(root, file))
    return done


def fix_worktree(tree: Path) -> list[str]:
    """The same in a worktree of Oilcan's own, with the locks of git's index and HEAD that a killed `dvc` left.

    Call it only where no other process works in the worktree: git's locks are plain files, so one that is in use looks
    like a leftover.
    """
    own = Path(git(tree, "rev-parse", "--absolute-git-dir"))
    locks = sorted(own.glob("*.lock")) if own.parent.name == "worktrees" else []       # never those of the checkout
    for lock in locks:
        lock.unlink()
    return [*fix(tree), *(f"git's {lock.name}: left by a killed run, removed" for lock in locks)]


def fix_note(root: Path) -> list[str]:
    """Delete truncated notes of locks, without which DVC starts new ones; nothing of the user's is in them."""
    done = []
    for name in _NOTES:
        note = root / name
        if _is_cut_note(note):
            with _held(note.with_suffix(".lock")) as mine:
                if mine and _is_cut_note(note):
                    note.unlink()
                    done.append(f"{name}: truncated by a killed run, removed")
    return done


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Take DVC's own lock on this file; False where a running process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _is_cut_note(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return False


def _is_cut(path: Path) -> bool:
    try:
        content: Any = load_yaml(path)
        if path.suffix == ".dvc":
            return bool(content["outs"][0]["path"] != path.stem)
        return "schema" not in content or not all("cmd" in stage for stage in (content.get("stages") or {}).values())
    except FileNotFoundError:
        return False
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, AttributeError, LookupError):
        return True


def _restore(root: Path, file: Path) -> str:
    aside = _TMP / f"{file.as_posix().replace('/', '-')}.cut"
    (root / file).replace(root / aside)
    committed = file_at(root, "HEAD", f"./{file.as_posix()}")
    if committed is not None:
        (root / file).write_bytes(committed)
    restored = "git has none, so DVC starts a new one" if committed is None else "replaced by the committed one"
    return f"{file}: truncated by a killed run, moved to {aside}; {restored}"
