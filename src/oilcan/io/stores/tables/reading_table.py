"""Readings: what arrives, once each, and what was there before."""

import json
from collections.abc import Sequence
from typing import Final

import numpy as np

from oilcan.ground.errors import StoreError
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.databases import row_layouts
from oilcan.io.stores.databases.database import Database, Row, Transaction
from oilcan.io.stores.databases.text_limits import clamped
from oilcan.io.stores.databases.time_buckets import GREATEST, LEAST, newest_of_each, newest_rows, readings_width
from oilcan.io.stores.log_entries import Admission, Appended, Outcome, ReadingsBatch, Write
from oilcan.io.stores.tables.log_table import LogPart, Writing
from oilcan.io.stores.tables.refused_table import keep_aside
from oilcan.io.stores.tables.text_table import MOST
from oilcan.io.stores.values import Machine, Readings, Refused, StoredReadings

_PAGE: Final = 400                      # keys in one statement; databases limit the number of parameters
OPEN: Final = Admission()
_COLUMNS: Final = "seq, machine, time, layout, received_at, numbers"


class ReadingsPart(LogPart):
    """The part of a store about readings."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._layout: tuple[int, Layout, int] | None = None     # its number, itself, width of a bucket

    @property
    def layout(self) -> Layout:
        """The layout in use.

        Raises
        ------
        StoreError
            If `use_layout` was not called.
        """
        return self._in_use()[1]

    def use_layout(self, layout: Layout, now: int) -> None:
        """Say what the columns of readings are from now on.

        Raises
        ------
        StoreError
            If the store holds another data set, counts time otherwise, or has a column in another unit.
        """
        self._layout = self.database.write(lambda tx: (
            row_layouts.enter(tx, layout, self.database.name, now), layout, readings_width(tx, layout)))

    def append(self, readings: Readings, now: int) -> Appended:
        """Store the readings of one request; see `write_readings`."""
        return self.write_readings([ReadingsBatch(readings)], now).outcomes[0].appended

    def write_readings(self, batches: Sequence[ReadingsBatch], now: int, admission: Admission = OPEN) -> Write:
        """Store readings that are not there yet, by machine and time; durable when it returns.

        Of several rows with one key the first counts. A row that is there with other values is kept aside as
        refused, never overwritten. Rows of machines that are not let in are left out.

        Parameters
        ----------
        batches
            Requests with readings in any order; what one of them may not do is its own.
        now
            Microseconds UTC, the moment of receipt.
        admission
            Which unknown machines become known.

        Raises
        ------
        DataError
            If a machine id is empty, too long or not plain text.
        """
        return self._write(now, lambda writing: self._readings_of(writing, batches, admission))

    def _readings_of(self, writing: Writing, batches: Sequence[ReadingsBatch], admission: Admission) -> list[Outcome]:
        numbered = [self._numbered(writing, batch, admission) for batch in batches]
        joined = Readings([name for batch in batches for name in batch.readings.machine_ids],
                          np.concatenate([np.asarray(batch.readings.times, dtype=np.int64) for batch in batches]),
                          np.concatenate([values for _, values, _ in numbered]))
        is_stranger = np.concatenate([strange for strange, _, _ in numbered])
        appended = self._insert(writing, joined, np.flatnonzero(~is_stranger))
        outcomes, begin = [], 0
        for batch, (strange, _, unnumbered) in zip(batches, numbered, strict=True):
            rows = slice(begin, begin := begin + len(strange))
            outcomes.append(Outcome(Appended(appended.is_new[rows], appended.is_conflict[rows]), strange, unnumbered))
            strangers = {batch.readings.machine_ids[at] for at in np.flatnonzero(strange).tolist()}
            keep_aside(writing.tx, [*(row for row in batch.kept_aside if row.machine_id not in strangers),
                                    *_beyond(batch.readings, unnumbered)], writing.now)
        return outcomes

    def _numbered(self, writing: Writing, batch: ReadingsBatch, admission: Admission
                ) -> tuple[np.ndarray, np.ndarray, list[tuple[int, str, str]]]:
        """Rows of strangers, values with the store's numbers for texts, and texts without a number."""
        readings, layout = batch.readings, self.layout
        values = np.ascontiguousarray(readings.values, dtype="<f8").reshape(len(readings), len(layout.columns))
        strangers = self.let_in(writing, set(readings.machine_ids), admission)
        strange = np.zeros(len(readings), dtype=bool)
        if strangers:
            strange[:] = [name in strangers for name in readings.machine_ids]
        unnumbered: list[tuple[int, str, str]] = []
        for column, texts in readings.texts.items():
            place = layout.columns.index(column)
            given = np.flatnonzero(~np.isnan(values[:, place]) & ~strange)
            at = values[given, place].astype(np.int64)
            used = np.unique(at)
            numbers = np.full(len(texts), np.nan)
            numbers[used] = self.texts.number(writing.tx, column, [texts[each] for each in used.tolist()],
                                              writing.numbered)
            values = values.copy()
            values[given, place] = numbers[at]
            unnumbered += [(row, column, texts[each]) for row, each in zip(given.tolist(), at.tolist(), strict=True)
                           if np.isnan(numbers[each])]
        return strange, values, unnumbered

    def _insert(self, writing: Writing, readings: Readings, rows: np.ndarray) -> Appended:
        """Insert some rows; what became of all."""
        number, layout, width = self._in_use()
        is_new, is_conflict = np.zeros(len(readings), dtype=bool), np.zeros(len(readings), dtype=bool)
        if not len(rows):
            return Appended(is_new, is_conflict)
        names, times, values = [readings.machine_ids[at] for at in rows.tolist()], readings.times, readings.values
        machines = np.zeros(len(readings), dtype=np.int64)
        machines[rows] = [self.number(name, writing.met) for name in names]
        keys = np.column_stack([np.floor_divide(times, width), machines, times])
        order = rows[np.lexsort((times[rows], machines[rows], keys[rows, 0]))]  # stable: the first of equal keys first
        step = (np.diff(machines[order]) != 0) | (np.diff(times[order]) != 0)
        first = order[np.concatenate([[True], step])]
        new = first[self.database.insert_readings(writing.tx, keys[first], values[first], number, writing.now)]
        is_new[new] = True
        again = rows[~is_new[rows]]
        if len(again):
            is_conflict[again] = ~_same(values[again], self._stored(writing.tx, keys[again]))
            keep_aside(writing.tx, _conflicts(readings, layout, np.flatnonzero(is_conflict)), writing.now)
        if len(new):
            writing.readings = Readings([readings.machine_ids[at] for at in new.tolist()], times[new], values[new])
        return Appended(is_new, is_conflict)

    def readings(self, machine_id: str | None = None, *, since: int | None = None, until: int | None = None,
                 after_seq: int | None = None, limit: int = 100_000) -> StoredReadings:
        """Stored readings with since <= time < until and seq > after_seq, in the layout in use.

        Of one machine: the newest `limit`, ascending in time. Of all: the first `limit`, ascending in seq, so that
        `after_seq` turns the page.
        """
        conditions = {"time >= ?": clamped(since), "time < ?": clamped(until), "seq > ?": clamped(after_seq)}
        if machine_id is not None:
            return self._history(machine_id, conditions, limit)
        given = {sql: value for sql, value in conditions.items() if value is not None}
        sql = (f"SELECT {_COLUMNS} FROM readings WHERE {' AND '.join(given) or '1 = 1'} "  # noqa: S608 - our own words
               "ORDER BY seq LIMIT ?")
        return self.database.read(lambda tx: self.decoded(tx, tx.rows(sql, (*given.values(), limit))))

    def machines(self) -> list[Machine]:
        """All machines, in the order in which they became known."""
        def work(tx: Transaction) -> list[Machine]:
            newest = newest_of_each(tx, "readings", "time", "1 = 1")
            rows = tx.rows("SELECT machine, machine_id, static, first_seen, changed FROM machines ORDER BY machine")
            return [Machine(name, json.loads(static), first_seen, newest.get(number, (0, None))[1], changed)
                    for number, name, static, first_seen, changed in rows]

        return self.database.read(work)

    def decoded(self, tx: Transaction, rows: Sequence[Row]) -> StoredReadings:
        """Rows of the table as a batch in the layout in use."""
        number, layout, _ = self._in_use()
        seqs, machines, times, written, received, blobs = zip(*rows, strict=True) if rows else ((),) * 6
        values = row_layouts.decode(tx, blobs, np.asarray(written, dtype=np.int64), number, len(layout.columns))
        return StoredReadings(self.names_of(tx, machines), np.array(times, dtype=np.int64), values,
                              np.array(seqs, dtype=np.int64), np.array(received, dtype=np.int64))

    def _history(self, machine_id: str, conditions: dict[str, int | None], limit: int) -> StoredReadings:
        machine, width = self.known([machine_id]).get(machine_id, 0), self._in_use()[2]
        since, until = conditions["time >= ?"], conditions["time < ?"]
        low, high = LEAST if since is None else since // width, GREATEST if until is None else until // width
        return self.database.read(lambda tx: self.decoded(tx, newest_rows(
            tx, "readings", _COLUMNS, machine, conditions=conditions, order="time DESC", limit=limit, low=low,
            high=high)[::-1]))

    def _in_use(self) -> tuple[int, Layout, int]:
        if self._layout is None:
            raise StoreError(f"{self.database.name}: no layout is in use. Call `use_layout` first.")
        return self._layout

    def _stored(self, tx: Transaction, keys: np.ndarray) -> np.ndarray:
        """What is stored under keys that are all there, in the layout in use; float64, shape (n, columns)."""
        number, layout, _ = self._in_use()
        found: dict[Row, Row] = {}
        for at in range(0, len(keys), _PAGE):
            page = keys[at : at + _PAGE].ravel().tolist()
            marks = ", ".join(["(?, ?, ?)"] * (len(page) // 3))
            # bounds: of the months of PostgreSQL only those that matter are looked into
            sql = (f"WITH sent (b, m, t) AS (VALUES {marks}) SELECT b, m, t, layout, numbers "  # noqa: S608 - marks only
                   "FROM sent JOIN readings ON bucket = b AND machine = m AND time = t WHERE bucket BETWEEN ? AND ?")
            bounds = min(page[::3]), max(page[::3])
            found |= {row[:3]: row[3:] for row in tx.rows(sql, (*page, *bounds))}
        written, blobs = zip(*(found[tuple(key)] for key in keys.tolist()), strict=True)
        return row_layouts.decode(tx, blobs, np.array(written, dtype=np.int64), number, len(layout.columns))


def _same(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Rows with equal numbers, NaN equal to NaN; bool, shape (n,)."""
    return ((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=1)


def _beyond(readings: Readings, unnumbered: Sequence[tuple[int, str, str]]) -> list[Refused]:
    return [Refused("telemetry", readings.machine_ids[row], int(readings.times[row]),
                    f"{column} has more than {MOST:,} texts", f"{column}={text}") for row, column, text in unnumbered]


def _conflicts(readings: Readings, layout: Layout, rows: np.ndarray) -> list[Refused]:
    return [
        Refused("telemetry", readings.machine_ids[at], int(readings.times[at]), "differs from what is stored",
                json.dumps(dict(zip(layout.columns, readings.values[at].tolist(), strict=True))))
        for at in rows.tolist()
    ]
