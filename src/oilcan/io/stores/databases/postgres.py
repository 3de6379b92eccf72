"""PostgreSQL: for several replicas of the service on one store, each reading what the others wrote.

Everything stands in a schema of its own, `oilcan`. A commit is durable when it returns, even where the server's
default is otherwise.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import numpy as np
import psycopg
from psycopg.conninfo import conninfo_to_dict

from oilcan.ground.errors import StoreDamaged, StoreError, StoreUnavailable
from oilcan.io.stores.databases import array_codec
from oilcan.io.stores.databases.array_codec import bigints, byteas
from oilcan.io.stores.databases.database import Health, Pool, Row, T, Transaction, marks
from oilcan.io.stores.databases.deadlines import Deadlines
from oilcan.io.stores.databases.migrations import migrate
from oilcan.io.stores.databases.months import Months, drop_as_seen
from oilcan.io.stores.databases.readings_by_month import OTHER, Part, may_go

_CONNECTIONS: Final = 8
_LIMIT_S: Final = 20.0                  # of a transaction; then its connection is cut
_STEPS_S: Final = 3_600.0                # a step of the tables may rewrite a large one
_TRIES: Final = 5                       # of a transaction that collides with another
_LOCK: Final = int.from_bytes(b"oilcan")                        # of the tables' steps
_LOG_LOCK: Final = _LOCK + 1
_ON_CONNECT: Final = """
SELECT set_config('search_path', 'oilcan', false), set_config('statement_timeout', '15s', false),
       set_config('idle_in_transaction_session_timeout', '60s', false),
       set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                                        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_INSERT: Final = ("INSERT INTO readings (bucket, machine, time, layout, received_at, numbers) SELECT b, m, t, ?, ?, n "
                  "FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bytea[]) AS new (b, m, t, n) "
                  "ON CONFLICT DO NOTHING")
_MINE: Final = ("SELECT bucket, machine, time FROM readings JOIN unnest(?::bigint[], ?::bigint[], ?::bigint[]) AS "
                "sent (b, m, t) ON (bucket, machine, time) = (b, m, t) "
                "WHERE bucket BETWEEN ? AND ? AND seq > ?")     # without bounds every month is looked into


class PostgresTransaction:
    """Statements on one connection."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._cursor = connection.cursor(binary=True)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and fetch what it returns."""
        return self._cursor.execute(_marked(sql), parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it changed."""
        return self._cursor.execute(_marked(sql), parameters).rowcount

    def insert(self, into: str, rows: Iterable[Sequence[Any]], conflict: str = "") -> int:
        """Insert rows, one after the other without waiting for an answer; the number inserted or changed."""
        sql = f"INSERT INTO {into} VALUES {marks(into)} {conflict}"  # noqa: S608 - our own words
        self._cursor.executemany(_marked(sql), rows)
        return self._cursor.rowcount


class PostgresDatabase:
    """A database of a server; see `database.Database`.

    Raises
    ------
    StoreError
        If a newer Oilcan wrote it.
    StoreUnavailable
        If the server cannot be reached, or does not let us in.
    """

    is_shared = True
    last_seq = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM readings_numbers"     # looks into no month

    def __init__(self, url: str) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError as err:     # its text may hold the password
            raise StoreError("store: the address is not one of PostgreSQL (wanted postgresql://user@host/name)."
                             ) from err
        self.name = f"postgresql://{parts.get('host', '')}/{parts.get('dbname', '')}"
        self._url, self._deadlines, self.health = url, Deadlines(), Health()
        self._pool: Pool[psycopg.Connection[Row]] = Pool(self._connect, psycopg.Connection.close, _CONNECTIONS)
        self._months = Months()
        self._repeated("BEGIN", self._begin, _STEPS_S)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some reading of one consistent state."""
        return self._repeated(_READ, work)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do some writing; durable when this returns. Run again if it collides with another transaction."""
        result = self._repeated("BEGIN", work)
        self.health.wrote()
        return result

    def claim(self) -> None:
        """Nothing to do: several processes may serve from one server."""

    def lock_log(self, tx: Transaction) -> None:
        """Wait for the lock; it ends with the transaction, or with the connection."""
        tx.rows("SELECT pg_advisory_xact_lock(?)", (_LOG_LOCK,))

    def insert_readings(self, tx: Transaction, keys: np.ndarray, values: np.ndarray, layout: int,
                        received_at: int) -> np.ndarray:
        """Insert rows whose key is not there yet; bool, shape (n,): was it inserted?"""
        self._months.see_to(tx, keys[:, 0], received_at)
        columns = [bigints(column) for column in keys.T]
        newest = tx.rows(self.last_seq)[0][0]     # nobody else adds any: `lock_log`
        if tx.run(_INSERT, (layout, received_at, *columns, byteas(values))) == len(keys):
            return np.ones(len(keys), dtype=bool)
        mine = set(tx.rows(_MINE, (*columns, *map(int, keys[[0, -1], 0]), newest)))
        return np.fromiter((tuple(key) in mine for key in keys.tolist()), dtype=bool, count=len(keys))

    def drop_readings(self, old: int, covered: str) -> tuple[int, list[str]]:
        """Drop months that may go as a whole; one that a late row keeps is trimmed row by row a month later."""
        removed, rest = 0, [OTHER]
        for part in self.read(lambda tx: self._months.ended(tx, old)):
            is_old, n, newest = self._repeated(_READ, partial(may_go, part=part, old=old, covered=covered), _STEPS_S)
            if is_old and self.write(partial(self._drop, part=part, newest=newest)):
                removed += n
            elif self._months.is_long_over(part, old):
                rest.append(part.name)
        return removed, rest

    def _drop(self, tx: Transaction, part: Part, newest: int) -> bool:
        self.lock_log(tx)
        return drop_as_seen(tx, part, newest)

    def reclaim(self) -> None:
        """The server's own autovacuum does it."""

    def close(self) -> None:
        """Close every connection, those in use too."""
        self._deadlines.cut_all()
        self._pool.clear()

    def _connect(self) -> psycopg.Connection[Row]:
        connection = psycopg.connect(self._url, autocommit=True, application_name="oilcan", connect_timeout=5)
        array_codec.register(connection)
        connection.execute(_ON_CONNECT)
        return connection

    def _begin(self, tx: Transaction) -> None:
        tx.run("SET LOCAL statement_timeout = 0")       # a step may rewrite a large table
        tx.rows("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
        if not tx.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'oilcan'"):
            tx.run("CREATE SCHEMA oilcan")
        migrate(tx, "postgresql", self.name, time.time_ns() // 1000)

    def _repeated(self, begin: str, work: Callable[[Transaction], T], limit_s: float = _LIMIT_S) -> T:
        until = time.monotonic() + limit_s
        for _ in range(_TRIES):
            try:
                with self._translated(), self._pool.take() as connection, self._deadlines.watch(connection, until):
                    return _once(connection, begin, work)
            except _AgainError as err:
                again = err
                if again.lost:
                    self._pool.clear()      # the others were lost with it
        raise self.health.failed(StoreUnavailable(
            f"{self.name}: {again.__cause__}. Tried {_TRIES} times; try again.")) from again

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the server and of the connection as errors of the store."""
        try:
            yield
        except (psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted) as err:
            raise self.health.failed(StoreDamaged(
                f"{self.name}: {str(err).strip()}. Restore the server from a backup.")) from err
        except (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError) as err:
            raise self.health.failed(StoreUnavailable(f"{self.name}: {str(err).strip()}. Check that the server runs "
                                                      f"and lets us in, then try again.")) from err


class _AgainError(Exception):
    """A transaction of which nothing was committed, because of another one or because the connection was lost."""

    def __init__(self, *, lost: bool) -> None:
        super().__init__()
        self.lost = lost


def _once(connection: psycopg.Connection[Row], begin: str, work: Callable[[Transaction], T]) -> T:
    """One attempt; after any error the pool closes the connection, which undoes what was done."""
    try:
        connection.execute(begin)
        result = work(PostgresTransaction(connection))
    except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as err:
        raise _AgainError(lost=False) from err
    except psycopg.errors.ReadOnlySqlTransaction as err:        # a standby now: another server of the address may write
        raise _AgainError(lost=True) from err
    except (psycopg.OperationalError, psycopg.InterfaceError) as err:
        if connection.broken or connection.closed:
            raise _AgainError(lost=True) from err
        raise
    connection.execute("COMMIT")        # if this fails nobody knows what became of it: not done again
    return result


def _marked(sql: str) -> str:
    return sql.replace("?", "%s")
