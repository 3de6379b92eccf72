"""Files that a killed `dvc` leaves truncated: its note of locks (`rwlock`) and dvc.lock, which it writes in place.

A truncated note stops every later command ("JSON structure is corrupted"), a truncated dvc.lock every later run.
A running `dvc` holds kernel locks while it writes them, and these locks end with the process. So a truncated file
without a lock is a leftover.
"""

import fcntl
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from oilcan.io.stage.dvc_files import PIPELINES, load_yaml

_TMP: Final = Path(".dvc/tmp")


def fix(root: Path) -> list[str]:
    """Clear away what a killed run left truncated; returns a line for each repair.

    The note of locks is deleted; DVC starts a new one. A truncated dvc.lock is moved to .dvc/tmp and replaced by the
    committed one; stages that finished since then come back from the run cache.
    """
    done = fix_note(root)
    for lock in (Path(file).with_suffix(".lock") for file in PIPELINES):
        if _is_cut_lock(root / lock):
            with _held(root / _TMP / "lock") as mine:
                if mine and _is_cut_lock(root / lock):
                    done.append(_restore(root, lock))
    return done


def fix_note(root: Path) -> list[str]:
    """Delete a truncated note of locks, without which DVC starts a new one; nothing of the user's is in it."""
    note = root / _TMP / "rwlock"
    if _is_cut_note(note):
        with _held(root / _TMP / "rwlock.lock") as mine:
            if mine and _is_cut_note(note):
                note.unlink()
                return [f"{_TMP}/rwlock: truncated by a killed run, removed"]
    return []


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


def _is_cut_lock(path: Path) -> bool:
    try:
        content: Any = load_yaml(path)
        return "schema" not in content or not all("cmd" in stage for stage in (content.get("stages") or {}).values())
    except FileNotFoundError:
        return False
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, AttributeError):
        return True


def _restore(root: Path, lock: Path) -> str:
    aside = _TMP / f"{lock.as_posix().replace('/', '-')}.cut"
    (root / lock).replace(root / aside)
    shown = subprocess.run(["git", "show", f"HEAD:./{lock.as_posix()}"], cwd=root, capture_output=True, check=False)
    if shown.returncode == 0:
        (root / lock).write_bytes(shown.stdout)
    restored = "replaced by the committed one" if shown.returncode == 0 else "git has none, so DVC starts a new one"
    return f"{lock}: truncated by a killed run, moved to {aside}; {restored}"
