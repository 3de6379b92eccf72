"""Errors, maintenance and failures, static columns of machines, and the entries of the log read back."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from oilcan.ground.errors import DataError, StoreError
from oilcan.io.stores.databases.database import Row, Transaction
from oilcan.io.stores.databases.text_limits import check_name, clamped
from oilcan.io.stores.log_entries import Admission, Appended, Changes, Cursor, Entry, Outcome, RecordsBatch, Write
from oilcan.io.stores.tables.log_table import Writing, check_cursor, ends_at, last_entry, where_in
from oilcan.io.stores.tables.reading_table import OPEN, ReadingsPart
from oilcan.io.stores.tables.refused_table import keep_aside
from oilcan.io.stores.values import RECORD_TABLES, Readings, Record, RecordTable, Refused, StoredReadings, StoredRecord

_COLUMNS: Final = "seq, machine, time, record_table, kind, extra, received_at"
_RECORDS: Final = f"SELECT {_COLUMNS} FROM records WHERE seq > ? AND seq <= ? ORDER BY seq"  # noqa: S608 - our own words
_READINGS: Final = ("SELECT seq, machine, time, layout, received_at, numbers FROM readings WHERE seq > ? AND seq <= ? "
                    "ORDER BY seq")
_CHANGED: Final = ("SELECT changed, machine_id, static FROM machines WHERE changed > ? AND changed <= ? "
                   "ORDER BY changed, machine")


class RecordsPart(ReadingsPart):
    """The part of a store about records."""

    def add_records(self, table: RecordTable, rows: Sequence[Record], now: int) -> Appended:
        """Store the records of one request; see `write_records`."""
        return self.write_records([RecordsBatch(table, rows)], now).outcomes[0].appended

    def write_records(self, batches: Sequence[RecordsBatch], now: int, admission: Admission = OPEN) -> Write:
        """Store records that are not there yet, by machine, time and kind; durable when it returns.

        A record that is there with another `extra` is kept aside as refused, never overwritten. A request that names
        a machine that is not let in is left out as a whole.

        Raises
        ------
        StoreError
            If there is no such table.
        DataError
            If a machine id or a kind is empty, too long or not plain text, or a time has more than 64 bits.
        """
        for batch in batches:
            _check(batch)
        return self._write(now, lambda writing: [self._records_of(writing, batch, admission) for batch in batches])

    def put_machines(self, static: Mapping[str, Mapping[str, Any]], now: int) -> None:
        """Store the static columns of the machines of one request; see `write_machines`."""
        self.write_machines([static], now)

    def write_machines(self, batches: Sequence[Mapping[str, Mapping[str, Any]]], now: int, admission: Admission = OPEN
                       ) -> Write:
        """Store the static columns of machines, known before or not; what was stored of them is replaced.

        A request that names a machine that is not let in is left out as a whole.

        Raises
        ------
        DataError
            If a machine id is empty, too long or not plain text.
        """
        return self._write(now, lambda writing: [self._machines_of(writing, batch, admission) for batch in batches])

    def _records_of(self, writing: Writing, batch: RecordsBatch, admission: Admission) -> Outcome:
        rows, tx = batch.records, writing.tx
        strange = self._strangers(writing, [row.machine_id for row in rows], admission)
        is_new, is_conflict = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
        if strange.any():
            return Outcome(Appended(is_new, is_conflict), strange)
        extras = [json.dumps(row.extra, sort_keys=True, allow_nan=False) for row in rows]
        for at, row in enumerate(rows):
            key = self.number(row.machine_id, writing.met), batch.table, row.time, row.kind
            is_new[at] = tx.run(
                "INSERT INTO records (machine, record_table, time, kind, extra, received_at) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (*key, extras[at], writing.now)) == 1
            is_conflict[at] = not is_new[at] and extras[at] != tx.rows(
                "SELECT extra FROM records WHERE machine = ? AND record_table = ? AND time = ? AND kind = ?", key)[0][0]
        again = [(rows[at], extras[at]) for at in np.flatnonzero(is_conflict).tolist()]
        keep_aside(tx, [Refused(batch.table, row.machine_id, row.time, "differs from what is stored",
                                f"{row.kind} {extra}") for row, extra in again], writing.now)
        writing.records += [StoredRecord(row.machine_id, row.time, row.kind, row.extra, batch.table)
                            for row, new in zip(rows, is_new.tolist(), strict=True) if new]
        return Outcome(Appended(is_new, is_conflict), strange)

    def _machines_of(self, writing: Writing, static: Mapping[str, Mapping[str, Any]], admission: Admission) -> Outcome:
        strange, none = self._strangers(writing, list(static), admission), np.zeros(len(static), dtype=bool)
        if strange.any():
            return Outcome(Appended(none, none), strange)
        for name, columns in static.items():
            written = json.dumps(columns, allow_nan=False)
            if writing.tx.run("UPDATE machines SET static = ?, changed = ? WHERE machine = ? AND static <> ?",
                              (written, writing.number, self.number(name, writing.met), written)):
                writing.machines[name] = columns
        return Outcome(Appended(~none, none), strange)

    def _strangers(self, writing: Writing, names: Sequence[str], admission: Admission) -> np.ndarray:
        strangers = self.let_in(writing, set(names), admission, all_or_none=True)
        return np.array([name in strangers for name in names], dtype=bool)

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

    def changes(self, cursor: Cursor, limit: int = 20_000) -> Changes:
        """Entries of the log after a cursor, in order, with at most `limit` readings and records each, one at least.

        No row is ever skipped or given twice by following the cursors, whoever writes meanwhile.

        Raises
        ------
        StoreReplaced
            If the cursor is of another log.
        """
        def work(tx: Transaction) -> Changes:
            check_cursor(tx, cursor, self.database.name)
            reading, record = ends_at(tx, cursor.number)
            columns = "number, token, written_at, readings, records, forecasts"
            page = tx.rows(f"SELECT {columns} FROM log WHERE number > ? AND readings <= ? AND records <= ? "  # noqa: S608
                           "ORDER BY number LIMIT ?", (cursor.number, reading + limit, record + limit, limit))
            page = page or tx.rows(f"SELECT {columns} FROM log WHERE number > ? ORDER BY number LIMIT 1",  # noqa: S608
                                   (cursor.number,))
            upto = page[-1] if page else (cursor.number, cursor.token, 0, reading, record, 0)
            readings = self.decoded(tx, tx.rows(_READINGS, (reading, upto[3])))
            records = self._as_records(tx, tx.rows(_RECORDS, (record, upto[4])))
            machines = tx.rows(_CHANGED, (cursor.number, upto[0]))
            return Changes(_entries(page, cursor, readings, records, machines), readings, records,
                           {name: json.loads(static) for _, name, static in machines}, Cursor(*upto[:2]),
                           last_entry(tx).number > upto[0])

        return self.database.read(work)

    def _as_records(self, tx: Transaction, rows: Sequence[Row]) -> list[StoredRecord]:
        names = self.names_of(tx, [row[1] for row in rows])
        return [
            StoredRecord(name, time, kind, json.loads(extra), table, seq, received_at)
            for name, (seq, _, time, table, kind, extra, received_at) in zip(names, rows, strict=True)
        ]


def _check(batch: RecordsBatch) -> None:
    if batch.table not in RECORD_TABLES:
        raise StoreError(f"records: {batch.table!r} is not a table of records (wanted one of "
                         f"{', '.join(RECORD_TABLES)}).")
    for row in batch.records:
        check_name("kind", row.kind)
        if clamped(row.time) != row.time:
            raise DataError(f"time: {row.time} is not valid (wanted a whole number of 64 bits).")


def _entries(page: Sequence[Row], cursor: Cursor, readings: StoredReadings, records: list[StoredRecord],
             machines: Sequence[Row]) -> list[Entry]:
    """A page cut into its entries."""
    changed: dict[int, dict[str, Any]] = {}
    for number, name, static in machines:
        changed.setdefault(number, {})[name] = json.loads(static)
    rows = where_in([row[3] for row in page], readings.seqs)
    notes = where_in([row[4] for row in page], np.array([record.seq for record in records], dtype=np.int64))
    entries = []
    for (number, token, written_at, *_, forecasts), of_readings, of_records in zip(page, rows, notes, strict=True):
        mine = Readings(readings.machine_ids[of_readings], readings.times[of_readings], readings.values[of_readings])
        entries.append(Entry(Cursor(number, token), cursor, changed.get(number, {}), records[of_records], mine,
                             written_at, forecasts))
        cursor = entries[-1].cursor
    return entries
