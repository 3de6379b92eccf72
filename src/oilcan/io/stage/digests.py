"""Digests of files and folders in the form that dvc.lock records them."""

import hashlib
import json
from pathlib import Path
from typing import Final

from oilcan.ground.errors import DataError

IGNORED: Final = ("__pycache__", ".DS_Store")      # as .dvcignore has it


def dvc_md5(path: Path) -> str:
    """The md5 that DVC records: of the bytes of a file, or of the listing of a folder (ends in `.dir`).

    Raises
    ------
    DataError
        If the path does not exist.
    """
    if path.is_dir():
        entries = [
            {"md5": md5(file), "relpath": file.relative_to(path).as_posix()}
            for file in sorted(path.rglob("*"))
            if file.is_file() and not set(IGNORED) & set(file.parts) and file.suffix != ".tmp"
        ]
        entries.sort(key=lambda entry: entry["relpath"])
        listing = json.dumps(entries, sort_keys=True).encode()
        return hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"
    if not path.is_file():
        raise DataError(f"{path}: does not exist. Run the stage that makes it, or place the file there.")
    return md5(path)


def md5(path: Path) -> str:
    """MD5 of the bytes of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
