"""PostgreSQL: for several replicas of the service on one store, each reading what the others wrote.

Everything stands in a schema of its own, `oilcan`. A commit is durable when it returns, even where the server's
default is otherwise.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import psycopg
from psycopg.conninfo import conninfo_to_dict

from oilcan.ground.errors import StoreError, StoreUnavailable
from oilcan.io.stores.databases import array_codec
from oilcan.io.stores.databases.array_codec import bigints, byteas
from oilcan.io.stores.databases.database import Pool, Row, T, Transaction, marks
from oilcan.io.stores.databases.migrations import migrate

_CONNECTIONS: Final = 8
_TRIES: Final = 5                       # of a transaction that collides with another
_LOCK: Final = int.from_bytes(b"oilcan")                        # of the schema's steps
_ON_CONNECT: Final = """
SELECT set_config('search_path', 'oilcan', false), set_config('statement_timeout', '60s', false),
       set_config('idle_in_transaction_session_timeout', '60s', false),
       set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                                        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
_FOLLOWED: Final = ("readings", "records")
_BEFORE: Final = "(SELECT value FROM counters WHERE name = 'transactions_before')"      # see `_settle`
_INSERT: Final = ("INSERT INTO readings (bucket, machine, time, layout, received_at, numbers) SELECT b, m, t, ?, ?, n "
                  "FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bytea[]) AS new (b, m, t, n) "
                  "ON CONFLICT DO NOTHING")
_MINE: Final = ("SELECT bucket, machine, time FROM readings JOIN unnest(?::bigint[], ?::bigint[], ?::bigint[]) AS "  # noqa: S608
                "sent (b, m, t) ON (bucket, machine, time) = (b, m, t) "
                "WHERE transaction_id = pg_current_xact_id()::text::bigint + " + _BEFORE)


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

    after = "(transaction_id, seq) > (?, ?)"
    final = f"transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint + {_BEFORE}"
    order = "transaction_id, seq"
    position = "transaction_id, seq"

    def __init__(self, url: str) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError as err:     # its text may hold the password
            raise StoreError("store: the address is none that PostgreSQL knows (wanted postgresql://user@host/name)."
                             ) from err
        self.name = f"postgresql://{parts.get('host', '')}/{parts.get('dbname', '')}"
        self._url = url
        self._pool: Pool[psycopg.Connection[Row]] = Pool(self._connect, psycopg.Connection.close, _CONNECTIONS)
        self.write(self._begin)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some reading of one consistent state."""
        return self._repeated("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", work)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do some writing; durable when this returns. Run again if it collides with another transaction."""
        return self._repeated("BEGIN", work)

    def insert_readings(self, tx: Transaction, keys: np.ndarray, values: np.ndarray, layout: int,
                        received_at: int) -> np.ndarray:
        """Insert rows whose key is not there yet; bool, shape (n,): was it inserted?"""
        columns = [bigints(column) for column in keys.T]
        if tx.run(_INSERT, (layout, received_at, *columns, byteas(values))) == len(keys):
            return np.ones(len(keys), dtype=bool)
        mine = set(tx.rows(_MINE, columns))
        return np.fromiter((tuple(key) in mine for key in keys.tolist()), dtype=bool, count=len(keys))

    def reclaim(self) -> None:
        """The server's own autovacuum does it."""

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()

    def _connect(self) -> psycopg.Connection[Row]:
        connection = psycopg.connect(self._url, autocommit=True, application_name="oilcan", connect_timeout=10)
        array_codec.register(connection)
        connection.execute(_ON_CONNECT)
        return connection

    def _begin(self, tx: Transaction) -> None:
        tx.run("SET LOCAL statement_timeout = 0")       # a step may rewrite a large table
        tx.rows("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
        if not tx.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'oilcan'"):
            tx.run("CREATE SCHEMA oilcan")
        migrate(tx, "postgresql", self.name, time.time_ns() // 1000)
        _settle(tx)

    def _repeated(self, begin: str, work: Callable[[Transaction], T]) -> T:
        for _ in range(_TRIES):
            try:
                with self._told(), self._pool.take() as connection:
                    return _once(connection, begin, work)
            except _AgainError as err:
                again = err
                if again.lost:
                    self._pool.clear()      # the others were lost with it
        raise StoreUnavailable(f"{self.name}: {again.__cause__}. Tried {_TRIES} times; try again.") from again

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in our words what the server cannot do."""
        try:
            yield
        except psycopg.OperationalError as err:
            raise StoreUnavailable(f"{self.name}: {str(err).strip()}. Check that the server runs and lets us in, then "
                                   f"try again.") from err


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
    except psycopg.OperationalError as err:
        if connection.broken:
            raise _AgainError(lost=True) from err
        raise
    connection.execute("COMMIT")        # if this fails nobody knows what became of it: not done again
    return result


def _settle(tx: Transaction) -> None:
    """Go on counting transactions where a server that was restored from left off.

    A server with a shorter life would give numbers that lie before those of rows and cursors that are there.
    """
    tx.run("INSERT INTO counters (name, value) VALUES ('transactions_before', 0) ON CONFLICT DO NOTHING")
    newest = max(tx.rows(f"SELECT coalesce(max(transaction_id), 0) FROM {table}")[0][0] for table in _FOLLOWED)  # noqa: S608
    if tx.rows(f"SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint + {_BEFORE}")[0][0] <= newest:
        tx.run("UPDATE counters SET value = ? WHERE name = 'transactions_before'", (newest,))
        for table in _FOLLOWED:
            tx.run(f"ALTER TABLE {table} ALTER COLUMN transaction_id SET DEFAULT (pg_current_xact_id()::text::bigint "
                   f"+ {int(newest)})")


def _marked(sql: str) -> str:
    return sql.replace("?", "%s")
