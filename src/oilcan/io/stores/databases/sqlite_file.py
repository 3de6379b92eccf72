"""The file of a SQLite database: who serves from it, and whether it is still where it was."""

import fcntl
import os
import sqlite3
from pathlib import Path

from oilcan.ground.errors import StoreDamaged, StoreError

RESCUED = ".rescued"            # ending of the copy that is made when the file is gone


class ServiceLock:
    """A lock on a file beside the database; the system lets it go when the process ends, however it ends."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path.with_name(f"{path.name}.lock"), name
        self._handle: int | None = None

    def take(self) -> None:
        """Take it.

        Raises
        ------
        StoreError
            If another process has it.
        """
        if self._handle is not None:
            return
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            owner = os.read(handle, 20).decode(errors="replace").strip()
            os.close(handle)
            raise StoreError(f"{self._name}: another service uses it (process {owner or 'unknown'}). Stop that one, "
                             f"give this one another store (OILCAN_STORE), or share a PostgreSQL store.") from err
        os.truncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._handle = handle

    def let_go(self) -> None:
        """Let it go, if this process has it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class FileIdentity:
    """The identity of the file that was opened: a file that is deleted or replaced later is noticed."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._opened = self._present()
        self._message: str | None = None

    def check(self, connection: sqlite3.Connection) -> None:
        """Refuse to go on if the file is not the one that was opened; what is known is written beside it once.

        Raises
        ------
        StoreDamaged
            If it was deleted or replaced.
        """
        if self._message is None and self._present() == self._opened:
            return
        if self._message is None:
            self._message = (f"{self._name}: the file was deleted or replaced while the service runs. Nothing is "
                             f"stored any more; {self._rescue(connection)} Stop the service, put the copy in place, "
                             f"and start it again.")
        raise StoreDamaged(self._message)

    def _present(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _rescue(self, connection: sqlite3.Connection) -> str:
        """Copy what the open connection still reads."""
        target = self._path.with_name(self._path.name + RESCUED)
        try:
            target.unlink(missing_ok=True)
            target.touch(mode=0o600)
            copy = sqlite3.connect(target)
            try:
                connection.backup(copy)
            finally:
                copy.close()
        except (OSError, sqlite3.Error) as err:
            return (f"a copy could not be written to {target} ({err}). Everything acknowledged is in the open files of "
                    f"process {os.getpid()} (/proc/{os.getpid()}/fd) until it ends.")
        return f"everything that was acknowledged is in {target}."
