"""Rows of a machine, found through buckets of time.

An index by machine and time would put each of the two thousand rows of an hour on a page of its own, and every commit
would write all those pages (measured: a sixth of the speed). So indexes begin with a bucket, which is some steps of
time long: the rows of an hour lie side by side, and a machine's history is in a few places instead of one.
"""

from collections.abc import Iterator
from typing import Any, Final

from oilcan.ground.time_units import MICROSECONDS_PER_HOUR, UNITS_PER_TICK
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.databases.database import Row, Transaction

FORECASTS_WIDTH: Final = 6 * MICROSECONDS_PER_HOUR      # microseconds of `made_at`
_STEPS: Final = 16                      # usual steps between readings in a bucket
_PAGE: Final = 64                       # buckets looked into by one statement
LEAST: Final = -(2**63)
GREATEST: Final = 2**63 - 1
_PRESENT: Final = """
WITH RECURSIVE present (bucket, place) AS (
SELECT max(bucket), 1 FROM {table} WHERE bucket <= ? UNION ALL
SELECT (SELECT max(older.bucket) FROM {table} AS older WHERE older.bucket < present.bucket), place + 1
FROM present WHERE present.bucket IS NOT NULL AND place < ?)
SELECT bucket FROM present WHERE bucket >= ? ORDER BY bucket DESC"""


def readings_width(tx: Transaction, layout: Layout) -> int:
    """Length of a bucket of readings in units of time; chosen when the first layout is used; it never changes."""
    step = layout.period or UNITS_PER_TICK[layout.time]
    tx.run("INSERT INTO counters (name, value) VALUES ('bucket_width', ?) ON CONFLICT DO NOTHING", (_STEPS * step,))
    return int(tx.rows("SELECT value FROM counters WHERE name = 'bucket_width'")[0][0])


def pages(tx: Transaction, table: str, low: int = LEAST, high: int = GREATEST) -> Iterator[list[int]]:
    """The buckets from low to high that hold rows, newest first, some at a time."""
    while True:
        page = [row[0] for row in tx.rows(_PRESENT.format(table=table), (high, _PAGE, low))]
        if page:
            yield page
        if len(page) < _PAGE or page[-1] == LEAST:
            return
        high = page[-1] - 1


def newest_rows(tx: Transaction, table: str, columns: str, machine: int, *, conditions: dict[str, Any], order: str,
                limit: int, low: int = LEAST, high: int = GREATEST, join: str = "") -> list[Row]:
    """The newest rows of a machine in some buckets, newest first.

    Parameters
    ----------
    conditions
        SQL with one `?` each -> its value; those with None are left out.
    order
        Columns that say what is newer.
    """
    given = {sql: value for sql, value in conditions.items() if value is not None}
    where = " AND ".join(["machine = ?", *given])
    found: list[Row] = []
    for page in pages(tx, table, low, high):
        marks = ", ".join("?" * len(page))
        found += tx.rows(f"SELECT {columns} FROM {table} {join} WHERE bucket IN ({marks}) AND {where} "  # noqa: S608
                         f"ORDER BY {order} LIMIT ?", (*page, machine, *given.values(), limit - len(found)))
        if len(found) >= limit:
            break
    return found


def newest_of_each(tx: Transaction, table: str, column: str, which: str, *values: Any) -> dict[int, tuple[int, int]]:
    """Number of a machine -> the bucket of its newest rows and the greatest value of a column there.

    Looks into older buckets until every machine of the store was met.
    """
    wanted = tx.rows("SELECT count(*) FROM machines")[0][0]
    sql = f"SELECT machine, max({column}) FROM {table} WHERE bucket = ? AND {which} GROUP BY machine"  # noqa: S608
    found: dict[int, tuple[int, int]] = {}
    for page in pages(tx, table):
        for bucket in page:
            rows = tx.rows(sql, (bucket, *values))
            found = {machine: (bucket, newest) for machine, newest in rows if machine is not None} | found
            if len(found) == wanted:
                return found
    return found
