"""Is the file of a SQLite store sound, and how is a damaged one copied into a sound one?

What follows from readings and records (snapshots) is not copied: the service makes it again at its next start.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from oilcan.ground.errors import StoreError, StoreUnavailable
from oilcan.io.stores.databases.database import Transaction
from oilcan.io.stores.databases.migrations import fill_log
from oilcan.io.stores.databases.sqlite import SqliteDatabase

# parents before children; snapshots follow from the others, the new file has its own list of migrations, and duties
# say who serves at this moment
TABLES: Final = ("layouts", "machines", "texts", "readings", "records", "refused", "counters", "models", "bundles",
                 "forecasts", "alarms", "alarm_repeats", "comments", "deliveries", "notices", "policy_states",
                 "api_keys", "settings", "audit", "decisions", "log")
_PAGE: Final = 512              # rows read at a time
_FURTHEST: Final = 2**40        # rows that a gap may be long


@dataclass(frozen=True)
class Copied:
    """What became of a table: rows copied, and runs of row numbers that could not be read."""

    table: str
    rows: int
    unreadable: list[tuple[int, int]]


def faults_of(path: Path) -> list[str]:
    """What is wrong with a store's file, one line each; nothing if it is sound.

    Raises
    ------
    StoreUnavailable
        If it cannot be opened.
    """
    with _opened(path) as connection:
        try:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(50)")]
            faults = [] if found == ["ok"] else [f"file: {line}" for line in found]
            faults += [f"{row[0]}: row {row[1]} names a row of {row[2]} that is not there"
                       for row in connection.execute("PRAGMA foreign_key_check").fetchmany(50)]
            beyond, last = connection.execute(
                "SELECT (SELECT coalesce(max(seq), 0) FROM readings), (SELECT coalesce(max(readings), 0) FROM log)"
            ).fetchone()
            if beyond > last:
                faults.append(f"log: readings up to {beyond:,} are stored (found entries up to {last:,})")
        except sqlite3.DatabaseError as err:
            return [f"file: {err}"]
    return faults


def rebuild(path: Path, target: Path) -> list[Copied]:
    """Copy all that can be read of a store's file into a new one.

    Raises
    ------
    StoreError
        If the target exists.
    StoreUnavailable
        If the file cannot be opened.
    """
    if target.exists():
        raise StoreError(f"{target}: exists already. Name a file that does not exist.")
    database = SqliteDatabase(target)
    try:
        with _opened(path) as source:
            copied = [_copy(source, database, table) for table in TABLES]
        database.write(_complete_log)
    finally:
        database.close()
    return copied


def _copy(source: sqlite3.Connection, database: SqliteDatabase, table: str) -> Copied:
    columns = [row[1] for row in source.execute(f"PRAGMA table_info({table})")]
    gaps: list[tuple[int, int]] = []
    count = 0
    into = f"{table} ({', '.join(columns)})"
    for rows in _pages(source, table, gaps):
        with contextlib.suppress(sqlite3.IntegrityError):       # a child of a row that could not be read
            count += database.write(partial(_insert, into=into, rows=rows))
            continue
        for row in rows:
            with contextlib.suppress(sqlite3.IntegrityError):
                count += database.write(partial(_insert, into=into, rows=[row]))
    return Copied(table, count, gaps)


def _insert(tx: Transaction, into: str, rows: list[Sequence[Any]]) -> int:
    return tx.insert(into, rows, "ON CONFLICT DO NOTHING")


def _pages(source: sqlite3.Connection, table: str, gaps: list[tuple[int, int]]) -> Iterator[list[Sequence[Any]]]:
    """The rows of a table, some at a time; what cannot be read is skipped, in steps that grow, and noted in `gaps`."""
    sql = f"SELECT rowid, * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608 - our own words
    after, limit, step, lost_from = 0, _PAGE, 1, None
    while step < _FURTHEST:
        try:
            rows = source.execute(sql, (after, limit)).fetchall()
        except sqlite3.DatabaseError:
            if limit > 1:
                limit //= 8
                limit = max(1, limit)
                continue
            lost_from = after + 1 if lost_from is None else lost_from
            after, step = after + step, step * 2
            continue
        if lost_from is not None:
            gaps.append((lost_from, after))
            lost_from = None
        if not rows:
            return
        yield [row[1:] for row in rows]
        after, limit, step = rows[-1][0], min(_PAGE, limit * 8), 1
    gaps.append((lost_from or after, after))


def _complete_log(tx: Transaction) -> None:
    """Entries for readings and records that the log's readable part does not name."""
    last = tx.rows("SELECT coalesce(max(number), 0), coalesce(max(readings), 0), coalesce(max(records), 0) FROM log")[0]
    fill_log(tx, *last)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as err:
        raise StoreUnavailable(f"{path}: {err}. Check the path.") from err
    try:
        yield connection
    finally:
        connection.close()
