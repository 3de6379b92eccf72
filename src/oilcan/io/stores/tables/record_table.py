"""Errors, maintenance and failures, and the stream of everything that is new."""

import json
from collections.abc import Sequence
from typing import Final

import numpy as np

from oilcan.ground.errors import DataError, StoreError
from oilcan.io.stores.databases.database import Row, Transaction
from oilcan.io.stores.databases.text_limits import check_name, clamped
from oilcan.io.stores.tables.reading_table import ReadingsPart
from oilcan.io.stores.tables.refused_table import keep_aside
from oilcan.io.stores.values import (
    RECORD_TABLES,
    Appended,
    Changes,
    Cursor,
    Position,
    Record,
    RecordTable,
    Refused,
    StoredRecord,
)

_COLUMNS: Final = "seq, machine, time, record_table, kind, extra, received_at"


class RecordsPart(ReadingsPart):
    """The part of a store about records."""

    def add_records(self, table: RecordTable, rows: Sequence[Record], now: int) -> Appended:
        """Store records that are not there yet, by machine, time and kind; durable when it returns.

        A record that is there with another `extra` is kept aside as refused, never overwritten.

        Raises
        ------
        StoreError
            If there is no such table.
        DataError
            If a machine id or a kind is empty, too long or not plain text, or a time has more than 64 bits.
        """
        if table not in RECORD_TABLES:
            raise StoreError(f"records: {table!r} is no table of records (wanted one of {', '.join(RECORD_TABLES)}).")
        for row in rows:
            check_name("kind", row.kind)
            if clamped(row.time) != row.time:
                raise DataError(f"time: {row.time} is none (wanted a whole number of 64 bits).")
        machines = self.numbers_of([row.machine_id for row in rows], now).tolist()
        extras = [json.dumps(row.extra, sort_keys=True, allow_nan=False) for row in rows]
        keys = [(machine, table, row.time, row.kind) for machine, row in zip(machines, rows, strict=True)]

        def work(tx: Transaction) -> Appended:
            is_new, is_conflict = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
            for at in sorted(range(len(rows)), key=keys.__getitem__):      # one order in every process: no deadlock
                is_new[at] = tx.run(
                    "INSERT INTO records (machine, record_table, time, kind, extra, received_at) "
                    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (*keys[at], extras[at], now)) == 1
                is_conflict[at] = not is_new[at] and extras[at] != tx.rows(
                    "SELECT extra FROM records WHERE machine = ? AND record_table = ? AND time = ? AND kind = ?",
                    keys[at])[0][0]
            again = [(rows[at], extras[at]) for at in np.flatnonzero(is_conflict).tolist()]
            keep_aside(tx, [Refused(table, row.machine_id, row.time, "differs from what is stored",
                                    f"{row.kind} {extra}") for row, extra in again], now)
            return Appended(is_new, is_conflict)

        return self.database.write(work)

    def records(self, table: RecordTable | None = None, machine_id: str | None = None, *, since: int | None = None,
                until: int | None = None, limit: int = 100_000) -> list[StoredRecord]:
        """The newest `limit` records with since <= time < until, ascending in time."""
        wanted = [("record_table = ?", table), ("time >= ?", clamped(since)), ("time < ?", clamped(until))]
        if machine_id is not None:
            wanted.append(("machine = ?", self.known([machine_id]).get(machine_id, 0)))
        given = [(text, value) for text, value in wanted if value is not None]
        where = " AND ".join(text for text, _ in given) or "1 = 1"
        sql = f"SELECT {_COLUMNS} FROM records WHERE {where} ORDER BY time DESC, seq DESC LIMIT ?"  # noqa: S608 - our own words
        return self.database.read(
            lambda tx: self._as_records(tx, tx.rows(sql, (*(value for _, value in given), limit))[::-1]))

    def changes(self, cursor: Cursor, limit: int = 10_000) -> Changes:
        """Readings and records committed after a cursor, at most `limit` of each; readings once no record is left out.

        Records go first, for who replays them must know of a repair before the readings that came after it. No row is
        ever skipped or given twice by following the cursors, whatever transactions of other processes overlap: rows
        of a transaction are held back until none that began before it is still running.
        """
        def work(tx: Transaction) -> Changes:
            records, record_at = self._page(tx, "records", "record_table, kind, extra, received_at", cursor.records,
                                            limit)
            room = limit if len(records) < limit else 0
            readings, reading_at = self._page(tx, "readings", "layout, received_at, numbers", cursor.readings, room)
            return Changes(self.decoded(tx, [row[2:] for row in readings]),
                           self._as_records(tx, [row[2:] for row in records]), Cursor(reading_at, record_at),
                           max(len(readings), len(records)) == limit)

        return self.database.read(work)

    def end(self) -> Cursor:
        """Where a reader of `changes` stands who has met every row that is final now."""
        db = self.database
        last = ", ".join(f"{column} DESC" for column in db.order.split(", "))

        def work(tx: Transaction) -> Cursor:
            found = [tx.rows(f"SELECT {db.position} FROM {table} WHERE {db.final} ORDER BY {last} LIMIT 1")  # noqa: S608
                     for table in ("readings", "records")]
            return Cursor(*(Position(*rows[0]) if rows else Position() for rows in found))

        return self.database.read(work)

    def _page(self, tx: Transaction, table: str, columns: str, after: Position,
              limit: int) -> tuple[list[Row], Position]:
        """Rows of a table after a position, each beginning with its own, and the position of the last."""
        db = self.database
        sql = (f"SELECT {db.position}, seq, machine, time, {columns} FROM {table} "  # noqa: S608 - our own words
               f"WHERE {db.after} AND {db.final} ORDER BY {db.order} LIMIT ?")
        rows = tx.rows(sql, (*after, limit))
        return rows, Position(*rows[-1][:2]) if rows else after

    def _as_records(self, tx: Transaction, rows: Sequence[Row]) -> list[StoredRecord]:
        names = self.names_of(tx, [row[1] for row in rows])
        return [
            StoredRecord(name, time, kind, json.loads(extra), table, seq, received_at)
            for name, (seq, _, time, table, kind, extra, received_at) in zip(names, rows, strict=True)
        ]
