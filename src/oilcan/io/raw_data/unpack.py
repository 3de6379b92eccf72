"""Files out of an archive that is not trusted: named members only, bounded, never outside the folder."""

import gzip
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from oilcan.ground.errors import DataError, IntegrityError, bullet_list
from oilcan.io.stage.files import fresh_file

MOST_BYTES: Final = 64 * 2**30
_CHUNK: Final = 1 << 20


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def unpack_zip(archive: Path, members: Mapping[str, str], folder: Path, most_bytes: int = MOST_BYTES) -> None:
    """Write the named members of a zip file below `folder`.

    Parameters
    ----------
    archive
        The zip file.
    members
        Name in the archive -> path below `folder`.
    folder
        Where the files go; each appears whole or not at all.
    most_bytes
        Largest size of all of them together, unpacked.

    Raises
    ------
    DataError
        If a member is missing or encrypted, a path leads outside, or it all is too large.
    IntegrityError
        If the archive is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            names = set(opened.namelist())
            missing = [f"{name}: not in the archive" for name in members if name not in names]
            if missing:
                raise DataError(bullet_list(
                    f"{archive.name} does not hold what the contract names (it holds {sorted(names)[:20]}). Fix "
                    f"`members` in the contract", missing))
            left = most_bytes
            for name, path in members.items():
                target = inside(folder, path)
                with opened.open(name) as stream:
                    left -= _copy(stream, target, left, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError) as err:
        raise IntegrityError(f"{archive.name}: damaged zip file ({err}). Run again to fetch it anew.") from err
    except (RuntimeError, NotImplementedError) as err:      # encrypted, or an unknown compression
        raise DataError(f"{archive.name}: cannot be unpacked ({err}). Unpack it by hand and place the files.") from err


def unpack_gzip(archive: Path, target: Path, most_bytes: int = MOST_BYTES) -> None:
    """Write what a gzip file holds to `target`; raises as `unpack_zip`."""
    try:
        with gzip.open(archive) as stream:
            _copy(stream, target, most_bytes, archive)
    except (gzip.BadGzipFile, zlib.error, EOFError) as err:
        raise IntegrityError(f"{archive.name}: damaged gzip file ({err}). Run again to fetch it anew.") from err


def inside(folder: Path, path: str) -> Path:
    """`folder / path`, if that lies inside the folder.

    Examples
    --------
    >>> inside(Path("raw"), "../evil")
    Traceback (most recent call last):
    oilcan.ground.errors.DataError: ../evil: leads out of raw. Fix the path in the contract.
    """
    target = folder / path
    if not target.resolve().is_relative_to(folder.resolve()) or target.resolve() == folder.resolve():
        raise DataError(f"{path}: leads out of {folder}. Fix the path in the contract.")
    return target


def _copy(source: _Readable, target: Path, most_bytes: int, archive: Path) -> int:
    written = 0
    with fresh_file(target) as draft, draft.open("wb") as stream:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > most_bytes:
                raise DataError(f"{archive.name}: unpacks to more than {most_bytes:,} bytes. Unpack it by hand if "
                                f"that is right, and place the files.")
            stream.write(chunk)
    return written
