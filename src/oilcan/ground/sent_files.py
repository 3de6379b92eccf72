"""Files of pieces of work by way of an object store, where workers share no folder with the host of `dvc repro`.

A piece of work names each file that it reads or writes by an argument. What is there when the piece is sent goes into
the store, named by its digest, so that no content is sent twice. A worker brings it into a folder of its own, works
there, and puts what it wrote into the store; the host brings that home.
"""

import atexit
import functools
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oilcan.ground.errors import OilcanError
from oilcan.ground.hashing import sha256

_MOST_BYTES: Final = 4 * 2**30          # of files that a worker keeps for its next pieces


@dataclass(frozen=True)
class SentPath:
    """A path of the host, and what was there when a piece of work was sent.

    Attributes
    ----------
    path
        Absolute.
    is_folder
        Whether a folder was there.
    files
        Name below the path (empty for the path itself) and SHA-256 of each file.
    """

    path: str
    is_folder: bool
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Written:
    """What a piece of work wrote at a path of the host: names and digests as in `SentPath`."""

    path: str
    is_folder: bool
    files: tuple[tuple[str, str], ...]


class Storage:
    """A folder of an object store, or of a disk that all hosts see, whose files are named by their SHA-256.

    Parameters
    ----------
    url
        As fsspec reads it: `s3://bucket/prefix`, `abfs://...`, `gs://...`, `file:///shared/folder`.

    Raises
    ------
    OilcanError
        If nothing here can read such a URL.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs
        from fsspec.implementations.local import LocalFileSystem

        self.url = url
        try:
            self._files, self._root = url_to_fs(url)
        except (ImportError, ValueError) as err:
            raise OilcanError(f"compute.storage: {url} cannot be used here ({err}). Run `make install-remotes` on "
                              "every host for s3://, abfs:// and gs://, or name a folder as file:///...") from err
        self._is_there: set[str] = set()
        if isinstance(self._files, LocalFileSystem):        # an object store has no folders
            with self._told("made"):
                self._files.makedirs(self._root, exist_ok=True)

    def send(self, path: Path) -> SentPath:
        """Put what is at a path into the store; nothing may be there yet."""
        path = path.absolute()
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file())
            return SentPath(str(path), True, tuple((each.relative_to(path).as_posix(), self.put(each))
                                                   for each in inside))
        return SentPath(str(path), False, (("", self.put(path)),) if path.exists() else ())

    def put(self, file: Path) -> str:
        """Its digest; the content is sent unless the store has it."""
        digest, size = sha256(file), file.stat().st_size
        if digest not in self._is_there:
            with self._told("written"):
                if not self._has(digest, size):
                    self._files.put_file(str(file), self._key(digest))
            self._is_there.add(digest)
        return digest

    def get(self, digest: str, target: Path) -> None:
        """Replace a file by the content of this digest, all at once.

        Raises
        ------
        OilcanError
            If the store cannot be read, or holds another content under that name.
        """
        draft = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}")
        try:
            with self._told("read"):
                self._files.get_file(self._key(digest), str(draft))
            if sha256(draft) != digest:
                raise OilcanError(f"compute.storage: {self.url}/{digest} is not what was written there (another "
                                  "SHA-256). Delete it and run `dvc repro` again; find out who else writes there.")
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def bring_home(self, written: Written) -> None:
        """Put files where they belong on this host; a new folder all at once."""
        path = Path(written.path)
        is_new = written.is_folder and not path.exists()
        place = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}") if is_new else path
        for name, digest in written.files:
            file = place / name if name else place
            file.parent.mkdir(parents=True, exist_ok=True)
            self.get(digest, file)
        if is_new:
            place.mkdir(exist_ok=True)
            place.rename(path)

    def _key(self, digest: str) -> str:
        return f"{self._root}/{digest}"

    def _has(self, digest: str, size: int) -> bool:
        """Whether the store has all of a content: a write to a disk may have been cut."""
        try:
            return bool(self._files.info(self._key(digest), refresh=True)["size"] == size)
        except FileNotFoundError:
            return False

    @contextmanager
    def _told(self, done: str) -> Iterator[None]:
        """Every store has errors of its own; each becomes one message."""
        try:
            yield
        except Exception as err:
            reason = " ".join(str(err).split()) or "no reason given"
            raise OilcanError(f"compute.storage: {self.url} cannot be {done} ({type(err).__name__}: {reason}). Look at "
                              "its address and at the credentials in the environment of this process.") from err


@functools.cache
def storage(url: str) -> Storage:
    """One for a process, which remembers what the store has."""
    return Storage(url)


class Desk:
    """A worker's own copies of the files of its pieces of work; the latest stay for the next piece.

    Parameters
    ----------
    folder
        Its own; nobody else writes there.
    most
        Bytes that are kept between pieces.
    """

    def __init__(self, folder: Path, most: int = _MOST_BYTES) -> None:
        self._folder, self._most = folder, most
        self._kept: dict[Path, tuple[str, Any]] = {}        # the latest last: digest, and how the file looked then

    def bring(self, store: Storage, sent: SentPath) -> Path:
        """The copy of a path, as it was when the piece was sent."""
        copy = self._place(sent)
        wanted = {copy / name if name else copy: digest for name, digest in sent.files}
        for other in [each for each in self._kept if each.is_relative_to(copy) and each not in wanted]:
            self._forget(other)
        if sent.is_folder:
            copy.mkdir(parents=True, exist_ok=True)
        elif copy.is_dir():
            shutil.rmtree(copy)             # of a piece that wrote a folder there
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not wanted:
                copy.unlink(missing_ok=True)
        for file, digest in wanted.items():
            if self._kept.get(file) != (digest, _look(file)):
                file.parent.mkdir(parents=True, exist_ok=True)
                store.get(digest, file)
            self._keep(file, digest)
        return copy

    def written(self, store: Storage, sent: SentPath) -> Written | None:
        """Put what a piece has written at a path into the store; None if it wrote nothing there."""
        copy, files = self._place(sent), []
        for file in sorted(copy.rglob("*")) if copy.is_dir() else [copy]:
            look = _look(file)
            if look is not None and file.is_file() and self._kept.get(file, ("", None))[1] != look:
                digest = store.put(file)
                self._keep(file, digest)
                files.append(("" if file == copy else file.relative_to(copy).as_posix(), digest))
        return Written(sent.path, copy.is_dir(), tuple(files)) if files else None

    def tidy_up(self) -> None:
        """Forget the files used longest ago, until the rest is small enough."""
        sizes = {file: look[2] for file, (_, look) in self._kept.items()}
        total = sum(sizes.values())
        for file, size in sizes.items():
            if total <= self._most:
                break
            self._forget(file)
            total -= size

    def _place(self, sent: SentPath) -> Path:
        return self._folder / Path(sent.path).relative_to(Path(sent.path).anchor)

    def _keep(self, file: Path, digest: str) -> None:
        """As the file used last."""
        self._kept.pop(file, None)
        self._kept[file] = digest, _look(file)

    def _forget(self, file: Path) -> None:
        self._kept.pop(file)
        file.unlink(missing_ok=True)


@functools.cache
def desk() -> Desk:
    """One for a process; its folder goes with it."""
    folder = tempfile.mkdtemp(prefix="oilcan-desk-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Desk(Path(folder))


def _look(file: Path) -> tuple[int, int, int] | None:
    """Changes whenever the file is written; None where there is none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
