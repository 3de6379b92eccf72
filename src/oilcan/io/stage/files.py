"""Atomic writing of JSON and text files: after a crash each one is whole or absent. Imports no pandas."""

import glob
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from oilcan.ground.errors import DataError
from oilcan.ground.writer import writer


def read_json(path: Path) -> Any:
    """A JSON file written by a stage; DataError if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise DataError(f"{path}: does not exist. Run `dvc repro`.") from err
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise DataError(f"{path}: not readable as JSON ({err}). Delete it and run `dvc repro`.") from err


def write_json(values: Any, path: Path) -> None:
    """Write JSON with sorted keys and no NaN, ending in a line feed."""
    write_text(json.dumps(values, indent=2, sort_keys=True, allow_nan=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write text as UTF-8 with line feeds."""
    with fresh_file(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """A temporary file that is renamed to `path` only when the block ends without error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}{writer.get()}.tmp")
    try:
        yield draft
        _sync(draft)
        draft.replace(path)
    except OSError as err:
        _name(err, path, draft)
        raise
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that is renamed to `path` only when the block ends without error.

    Its name is new each time: a worker of a cluster may still write into that of a run that was killed. A worker that
    was killed itself leaves its temporary file, which goes before the folder is renamed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    draft.mkdir()
    try:
        yield draft
        for file in [found for found in draft.rglob("*") if found.is_file()]:
            if fnmatch(file.name, ".*.tmp"):
                file.unlink(missing_ok=True)
            else:
                _sync(file)
        shutil.rmtree(path, ignore_errors=True)
        draft.replace(path)
    except OSError as err:
        _name(err, path, draft)
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _name(err: OSError, path: Path, draft: Path) -> None:
    """Make the error name the final path: pyarrow names no path, Python names the draft."""
    if err.filename is None or Path(err.filename).is_relative_to(draft):
        err.filename = str(path)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
