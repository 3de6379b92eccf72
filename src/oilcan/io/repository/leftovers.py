"""What a killed `dvc` leaves half-written: the two files that it writes in place, its note of locks and dvc.lock.

A cut note stops every later command ("JSON structure is corrupted"), a cut dvc.lock every later run. Both can be
told from files that a living `dvc` is writing, for it writes them under kernel locks that end with it.
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
    """Clear away what a killed run left; one line for each thing done, none where all is whole.

    The note of locks is removed: DVC begins a new one. A cut dvc.lock is put aside in .dvc/tmp and the committed one
    takes its place; stages finished since then come back from the run cache.
    """
    done = []
    if _is_cut_note(root / _TMP / "rwlock"):
        with _held(root / _TMP / "rwlock.lock") as mine:
            if mine and _is_cut_note(root / _TMP / "rwlock"):
                (root / _TMP / "rwlock").unlink()
                done.append(f"{_TMP}/rwlock: cut off by a killed run, removed")
    for lock in (Path(file).with_suffix(".lock") for file in PIPELINES):
        if _is_cut_lock(root / lock):
            with _held(root / _TMP / "lock") as mine:
                if mine and _is_cut_lock(root / lock):
                    done.append(_restore(root, lock))
    return done


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """DVC's own lock on this file; False where a living process has it."""
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
        held: Any = load_yaml(path)
        return "schema" not in held or not all("cmd" in stage for stage in (held.get("stages") or {}).values())
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
    return (f"{lock}: cut off by a killed run, put aside as {aside}; "
            f"{'the committed one took its place' if shown.returncode == 0 else 'no committed one, so begun anew'}")
