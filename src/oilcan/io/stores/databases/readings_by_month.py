"""Readings in PostgreSQL by calendar month of their time, so that old ones leave as whole tables.

Months are ranges of `bucket`, which is in the key of readings: what the key promises holds over all of them. Rows of no
month that is made (clocks that are years wrong, machines that count cycles) lie in the partition `readings_other`.
See docs/decisions/0290-readings-by-month.md.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.io.stores.databases.database import Transaction

OTHER: Final = "readings_other"
BEFORE: Final = "readings_before"       # all rows of a store that was made before there were months
_COLUMNS: Final = "seq, bucket, machine, time, layout, received_at, numbers"
_TABLE: Final = """
CREATE TABLE readings (seq BIGINT NOT NULL DEFAULT nextval('readings_numbers'), bucket BIGINT NOT NULL,
machine BIGINT NOT NULL, time BIGINT NOT NULL, layout BIGINT NOT NULL, received_at BIGINT NOT NULL,
numbers BYTEA NOT NULL) PARTITION BY RANGE (bucket)"""
_WHOLE: Final = """
WITH newest AS (SELECT machine, max(seq) AS seq, max(received_at) AS received_at, count(*) AS n FROM {part}
GROUP BY machine)
SELECT coalesce(sum(n), 0)::bigint, coalesce(max(seq), 0),
coalesce(bool_and(received_at < ? AND seq < (SELECT max(seq) FROM readings) AND {covered}), true) FROM newest"""


@dataclass(frozen=True)
class Part:
    """A partition: buckets low <= bucket < high."""

    name: str
    low: int
    high: int


def month_part(month: int, width: int) -> Part:
    """The partition of a month.

    Parameters
    ----------
    month
        Months since 1970.
    width
        Of a bucket, in microseconds.
    """
    name = "readings_" + str(np.datetime64(month, "M")).replace("-", "_")
    return Part(name, first_bucket(month, width), first_bucket(month + 1, width))


def month_of(instant: int) -> int:
    """Months since 1970 of an instant in microseconds.

    Examples
    --------
    >>> month_of(0), month_of(-1), month_of(31 * 86_400_000_000)
    (0, -1, 1)
    """
    return int(np.datetime64(instant, "us").astype("datetime64[M]").astype(np.int64))


def first_bucket(month: int, width: int) -> int:
    """The first bucket that begins in a month.

    Examples
    --------
    >>> first_bucket(0, 57_600_000_000), first_bucket(1, 57_600_000_000)
    (0, 47)
    """
    return -(-int(np.datetime64(month, "M").astype("datetime64[us]").astype(np.int64)) // width)


def width_of_months(tx: Transaction) -> int | None:
    """Width of a bucket in microseconds; 0 where machines count cycles, None as long as nobody knows."""
    found = tx.rows("SELECT value, (SELECT time FROM layouts LIMIT 1) FROM counters WHERE name = 'bucket_width'")
    if not found or found[0][1] is None:
        return None
    return int(found[0][0]) if found[0][1] == "instant" else 0


def parts(tx: Transaction) -> list[Part]:
    """All partitions but that of the others, oldest first."""
    return [Part(*row) for row in tx.rows("SELECT name, low, high FROM readings_months ORDER BY low")]


def partition(tx: Transaction, now: int) -> None:
    """Make the table of readings one of partitions. Rows that are there stay where they are, in a partition of theirs.

    Those after the present month (odd clocks) go into the partition of the others, so that later months can be made.
    """
    sequence = tx.rows("SELECT pg_get_serial_sequence('readings', 'seq')")[0][0]
    last = tx.rows(f"SELECT last_value, is_called FROM {sequence}")[0]  # noqa: S608 - the server's own words
    for statement in (
            f"ALTER TABLE readings RENAME TO {BEFORE}",
            f"ALTER TABLE {BEFORE} ALTER COLUMN seq DROP IDENTITY, DROP CONSTRAINT readings_pkey",
            f"ALTER INDEX readings_key RENAME TO {BEFORE}_key",
            "CREATE SEQUENCE readings_numbers",
            _TABLE,
            "CREATE UNIQUE INDEX readings_key ON readings (bucket, machine, time)",
            "CREATE INDEX readings_seq ON readings (seq)",
            "CREATE TABLE readings_months (name TEXT PRIMARY KEY, low BIGINT NOT NULL, high BIGINT NOT NULL)"):
        tx.run(statement)
    tx.rows("SELECT setval('readings_numbers', ?, ?)", last)
    newest, width = tx.rows(f"SELECT max(bucket) FROM {BEFORE}")[0][0], width_of_months(tx)  # noqa: S608
    if newest is None or not width:
        tx.run(f"ALTER TABLE {BEFORE} RENAME TO {OTHER}")
    else:
        tx.run(f"CREATE TABLE {OTHER} (LIKE readings INCLUDING DEFAULTS)")
        oldest = tx.rows(f"SELECT min(bucket) FROM {BEFORE}")[0][0]  # noqa: S608 - our own words
        end = first_bucket(month_of(min(newest * width, now)) + 1, width)
        _move(tx, BEFORE, OTHER, end, newest + 1)
        attach(tx, Part(BEFORE, min(oldest, end - 1), end))
    tx.run(f"ALTER TABLE readings ATTACH PARTITION {OTHER} DEFAULT")


def make(tx: Transaction, part: Part) -> None:
    """A new partition, with the rows that lay among the others."""
    tx.run(f"CREATE TABLE {part.name} (LIKE readings INCLUDING DEFAULTS)")
    tx.run(f"LOCK TABLE {OTHER} IN ACCESS EXCLUSIVE MODE")
    _move(tx, OTHER, part.name, part.low, part.high)
    attach(tx, part)


def attach(tx: Transaction, part: Part) -> None:
    """Let a table be a partition; the server checks its rows."""
    tx.run(f"ALTER TABLE readings ATTACH PARTITION {part.name} FOR VALUES FROM ({part.low}) TO ({part.high})")
    tx.run("INSERT INTO readings_months (name, low, high) VALUES (?, ?, ?)", (part.name, part.low, part.high))


def may_go(tx: Transaction, part: Part, old: int, covered: str) -> tuple[bool, int, int]:
    """Whether every row of a partition may be removed; how many rows it has, and its greatest `seq`.

    Parameters
    ----------
    old
        Rows received from then on stay; microseconds UTC.
    covered
        SQL that says whether every engine has the rows of a `{table}`.
    """
    tx.run("SET LOCAL statement_timeout = 0")           # it reads the whole partition, mostly once
    newest = f"SELECT received_at >= ? FROM {part.name} ORDER BY seq DESC LIMIT 1"  # noqa: S608 - our own words
    if tx.rows(newest, (old,)) == [(True,)]:
        return False, 0, 0
    whole, rows = _WHOLE.format(part=part.name, covered=covered.format(table="newest")), (old,)
    n, last, is_old = tx.rows(whole, rows)[0]
    return bool(is_old), int(n), int(last)


def drop(tx: Transaction, part: Part) -> None:
    """Remove a partition with its rows."""
    tx.run(f"DROP TABLE {part.name}")
    tx.run("DELETE FROM readings_months WHERE name = ?", (part.name,))


def is_as_seen(tx: Transaction, part: Part, newest: int) -> bool:
    """Whether a partition is still there, and nothing came into it after the row of this `seq`."""
    return part in parts(tx) and not tx.rows(f"SELECT 1 FROM {part.name} WHERE seq > ? LIMIT 1", (newest,))  # noqa: S608


def _move(tx: Transaction, source: str, target: str, low: int, high: int) -> None:
    tx.run(f"WITH moved AS (DELETE FROM {source} WHERE bucket >= ? AND bucket < ? RETURNING {_COLUMNS}) "  # noqa: S608
           f"INSERT INTO {target} ({_COLUMNS}) SELECT {_COLUMNS} FROM moved", (low, high))
