"""SQLite in one file: the default, for one machine and one service.

Write-ahead log with a sync of the disk at every commit: what was acknowledged survives a power cut. One connection
writes, behind a lock; readers have connections of their own and never wait for it.
"""

import contextlib
import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from oilcan.ground.errors import StoreDamaged, StoreError, StoreUnavailable
from oilcan.io.stores.databases.database import Health, Pool, Row, T, Transaction, marks
from oilcan.io.stores.databases.migrations import migrate
from oilcan.io.stores.databases.sqlite_file import FileIdentity, ServiceLock

_READERS: Final = 8
_MARK: Final = int.from_bytes(b"oilc")             # SQLite's "application id"
_WAIT_S: Final = 10.0                   # for another process that writes
_ON_CONNECT: Final = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 4000",         # pages: what several commits touch is written to the file once
    "PRAGMA cache_size = -32768",               # KiB
    "PRAGMA journal_size_limit = 67108864",     # a log that once grew large is cut at the next checkpoint
    "PRAGMA query_only = ON",
    "PRAGMA temp_store = MEMORY",
)
_TOGETHER: Final = 100                  # rows of one statement: less work than one by one, and fewer waits for threads
_COLUMNS: Final = "readings (bucket, machine, time, layout, received_at, numbers)"


class SqliteTransaction:
    """Statements on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and fetch what it returns."""
        return self._connection.execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it changed."""
        return self._connection.execute(sql, parameters).rowcount

    def insert(self, into: str, rows: Iterable[Sequence[Any]], conflict: str = "") -> int:
        """Insert rows, some with each statement; the number of rows inserted or changed."""
        one, rest, changed = marks(into), iter(rows), 0
        while page := list(itertools.islice(rest, _TOGETHER)):
            sql = f"INSERT INTO {into} VALUES {', '.join([one] * len(page))} {conflict}"  # noqa: S608 - our own words
            changed += self.run(sql, list(itertools.chain.from_iterable(page)))
        return changed


class SqliteDatabase:
    """A database in a file; see `database.Database`.

    Raises
    ------
    StoreError
        If the file cannot be opened, is not a store, or was written by a newer Oilcan.
    """

    is_shared = False
    last_seq = "SELECT coalesce(max(seq), 0) FROM readings"

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:///{path}"
        self._path, self.health = path, Health()
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._readers: Pool[sqlite3.Connection] = Pool(self._connect, sqlite3.Connection.close, _READERS)
        self._lock = ServiceLock(path, self.name)
        try:
            with self._translated():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)      # it holds hashes of keys; the log beside it gets the same rights
                self._identity = FileIdentity(path, self.name)
            self.write(self._begin)
        except StoreDamaged as err:         # at the start it is rather the wrong file than a broken one
            self._close_writer()
            raise StoreError(f"{str(err).split(' Run `oilcan')[0]} Choose another file, or run `oilcan doctor --store "
                             f"{self.name}` if it is a store.") from err
        except BaseException:
            self._close_writer()
            raise

    def read(self, work: Callable[[SqliteTransaction], T]) -> T:
        """Do some reading of one consistent state."""
        with self._translated(), self._readers.take() as connection:
            connection.execute("BEGIN")
            try:
                return work(SqliteTransaction(connection))
            finally:
                connection.execute("ROLLBACK")

    def write(self, work: Callable[[SqliteTransaction], T]) -> T:
        """Do some writing; on the disk when this returns."""
        with self._translated(), self._writing:
            try:
                return self._write(work)
            except (sqlite3.OperationalError, sqlite3.DatabaseError):
                self._close_writer()        # whatever state it is in: the next write begins with a new one
                raise

    def _write(self, work: Callable[[SqliteTransaction], T]) -> T:
        if self._writer is None:
            self._writer = self._connect_writer()
        writer = self._writer
        self._identity.check(writer)
        writer.execute("BEGIN IMMEDIATE")
        try:
            result = work(SqliteTransaction(writer))
            writer.execute("COMMIT")
        finally:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
        self._identity.check(writer)        # deleted meanwhile: what was just written must not be acknowledged
        self.health.wrote()
        return result

    def claim(self) -> None:
        """Lock a file beside the database; the lock ends with the process."""
        self._lock.take()

    def lock_log(self, tx: Transaction) -> None:
        """Nothing to do: a transaction that writes has the lock of the whole file."""

    def insert_readings(self, tx: Transaction, keys: np.ndarray, values: np.ndarray, layout: int,
                        received_at: int) -> np.ndarray:
        """Insert rows whose key is not there yet; bool, shape (n,): was it inserted?"""
        newest = tx.rows(self.last_seq)[0][0]
        columns = *keys.T.tolist(), itertools.repeat(layout), itertools.repeat(received_at), _packed(values)
        # two of the columns have no end
        inserted = tx.insert(_COLUMNS, zip(*columns, strict=False), "ON CONFLICT DO NOTHING")
        if inserted == len(keys):
            return np.ones(len(keys), dtype=bool)
        find = "SELECT seq FROM readings WHERE bucket = ? AND machine = ? AND time = ?"
        seqs = [tx.rows(find, key)[0][0] for key in keys.tolist()]
        return np.asarray(seqs, dtype=np.int64) > newest

    def drop_readings(self, old: int, covered: str) -> tuple[int, list[str]]:  # noqa: ARG002 - as in `Database`
        """Nothing to do: readings are one table."""
        return 0, ["readings"]

    def reclaim(self) -> None:
        """Give free pages at the end of the file back, a few at a time so that writers wait briefly."""
        with self._translated(), self._writing:
            if self._writer is not None:
                self._writer.execute("PRAGMA incremental_vacuum(2000)").fetchall()

    def close(self) -> None:
        """Close every connection; the log is written into the file."""
        self._readers.clear()
        with self._writing:
            self._close_writer()
        self._lock.let_go()

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(sqlite3.Error):
                writer.close()

    def _connect(self) -> sqlite3.Connection:
        # never made anew: a file that is gone must be noticed
        connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=rw", timeout=_WAIT_S, isolation_level=None,
                                     check_same_thread=False, uri=True)
        for pragma in _ON_CONNECT:
            connection.execute(pragma)
        return connection

    def _connect_writer(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.execute("PRAGMA query_only = OFF")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")      # takes effect in an empty file only
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        return connection

    def _begin(self, tx: SqliteTransaction) -> None:
        """Refuse the file of another program, then bring ours up to date."""
        if tx.rows("SELECT 1 FROM sqlite_master LIMIT 1") and tx.rows("PRAGMA application_id") != [(_MARK,)]:
            raise StoreError(f"{self.name}: is the database of another program. Choose another file.")
        tx.run(f"PRAGMA application_id = {_MARK}")
        migrate(tx, "sqlite", self.name, time.time_ns() // 1000)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of SQLite and of the disk as errors of the store."""
        try:
            yield
        except StoreUnavailable as err:
            self.health.failed(err)
            raise
        except (sqlite3.OperationalError, OSError) as err:
            raise self.health.failed(StoreUnavailable(
                f"{self.name}: {err}. Check the disk and who else uses the file, then try again.")) from err
        except sqlite3.DatabaseError as err:
            if isinstance(err, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.DataError):
                raise                   # a mistake of ours, not of the file
            raise self.health.failed(StoreDamaged(
                f"{self.name}: {err}. Run `oilcan doctor --store {self.name}`, which checks it and rebuilds it "
                f"from the readings.")) from err


def _packed(values: np.ndarray) -> list[bytes]:
    """The bytes of each row."""
    if not values.shape[1]:
        return [b""] * len(values)
    packed: list[bytes] = values.view(f"V{values.itemsize * values.shape[1]}").ravel().tolist()
    return packed
