"""Files out of an archive that is not trusted: named members only, bounded, never outside the folder."""

import errno
import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from oilcan.ground.errors import DataError, IntegrityError, bullet_list
from oilcan.io.stage.files import fresh_file

MOST_BYTES: Final = 64 * 2**30
_CHUNK: Final = 1 << 20
# what the readers of zip (stored, deflate, bzip2, LZMA) and gzip raise at bytes that are not theirs
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError, OverflowError,
                  IndexError, MemoryError)
_NOT_THE_DISK: Final = (None, errno.EINVAL)     # what bzip2 and gzip say; a place before the beginning of the file


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
    with _damage_named(archive, "zip"), zipfile.ZipFile(archive) as opened:
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


def unpack_gzip(archive: Path, target: Path, most_bytes: int = MOST_BYTES) -> None:
    """Write what a gzip file holds to `target`; raises as `unpack_zip`."""
    with _damage_named(archive, "gzip"), gzip.open(archive) as stream:
        if not archive.stat().st_size:          # nothing is what gzip makes of no bytes at all
            raise EOFError("it is empty")
        _copy(stream, target, most_bytes, archive)


@contextmanager
def _damage_named(archive: Path, kind: str) -> Iterator[None]:
    """One message for whatever a reader of archives raises; errors of the disk pass."""
    try:
        yield
    except (RuntimeError, NotImplementedError) as err:      # encrypted, or an unknown compression
        raise DataError(f"{archive.name}: cannot be unpacked ({err}). Unpack it by hand and place the files.") from err
    except (*_DAMAGE, OSError) as err:
        if isinstance(err, OSError) and err.errno not in _NOT_THE_DISK:
            raise
        raise IntegrityError(f"{archive.name}: damaged {kind} file ({err or type(err).__name__}). Run again to fetch "
                             f"it anew.") from err


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
