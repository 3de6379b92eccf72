"""Readings: what arrives, once each, and what was there before."""

import json
from collections.abc import Sequence
from typing import Final

import numpy as np

from oilcan.ground.errors import StoreError
from oilcan.io.stores.databases import row_layouts
from oilcan.io.stores.databases.database import Database, Row, Transaction
from oilcan.io.stores.databases.text_limits import clamped
from oilcan.io.stores.databases.time_buckets import GREATEST, LEAST, newest_of_each, newest_rows, readings_width
from oilcan.io.stores.tables.machine_slots import MachinesPart
from oilcan.io.stores.tables.refused_table import keep_aside
from oilcan.io.stores.values import Appended, Layout, Machine, Readings, Refused, StoredReadings

_PAGE: Final = 400                      # keys in one statement; databases limit the number of parameters
_COLUMNS: Final = "seq, machine, time, layout, received_at, numbers"


class ReadingsPart(MachinesPart):
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
        """Store readings that are not there yet, by machine and time; durable when it returns.

        Of several rows with one key the first counts. A row that is there with other values is kept aside as
        refused, never overwritten.

        Parameters
        ----------
        readings
            Any order; unknown machines become known.
        now
            Microseconds UTC, the moment of receipt.

        Raises
        ------
        DataError
            If a machine id is empty, too long or not plain text.
        """
        number, layout, width = self._in_use()
        values = np.ascontiguousarray(readings.values, dtype="<f8").reshape(len(readings), len(layout.columns))
        if not len(readings):
            return Appended(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))
        machines = self.numbers_of(readings.machine_ids, now)
        times = np.asarray(readings.times, dtype=np.int64)
        buckets = np.floor_divide(times, width)
        order = np.lexsort((times, machines, buckets))      # stable: the first of equal keys stays first
        step = (np.diff(machines[order]) != 0) | (np.diff(times[order]) != 0)
        first = order[np.concatenate([[True], step])]
        keys = np.column_stack([buckets, machines, times])

        def work(tx: Transaction) -> Appended:
            inserted = self.database.insert_readings(tx, keys[first], values[first], number, now)
            is_new = np.zeros(len(values), dtype=bool)
            is_new[first[inserted]] = True
            is_conflict = np.zeros(len(values), dtype=bool)
            again = np.flatnonzero(~is_new)
            if len(again):
                stored = self._stored(tx, keys[again])
                is_conflict[again] = ~_same(values[again], stored)
                keep_aside(tx, _conflicts(readings, layout, np.flatnonzero(is_conflict)), now)
            return Appended(is_new, is_conflict)

        return self.database.write(work)

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
            rows = tx.rows("SELECT machine, machine_id, static, first_seen FROM machines ORDER BY machine")
            return [Machine(name, json.loads(static), first_seen, newest.get(number, (0, None))[1])
                    for number, name, static, first_seen in rows]

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
            sql = (f"WITH sent (b, m, t) AS (VALUES {marks}) SELECT b, m, t, layout, numbers "  # noqa: S608 - marks only
                   "FROM sent JOIN readings ON bucket = b AND machine = m AND time = t")
            found |= {row[:3]: row[3:] for row in tx.rows(sql, page)}
        written, blobs = zip(*(found[tuple(key)] for key in keys.tolist()), strict=True)
        return row_layouts.decode(tx, blobs, np.array(written, dtype=np.int64), number, len(layout.columns))


def _same(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Rows with equal numbers, NaN equal to NaN; bool, shape (n,)."""
    return ((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=1)


def _conflicts(readings: Readings, layout: Layout, rows: np.ndarray) -> list[Refused]:
    return [
        Refused("telemetry", readings.machine_ids[at], int(readings.times[at]), "differs from what is stored",
                json.dumps(dict(zip(layout.columns, readings.values[at].tolist(), strict=True))))
        for at in rows.tolist()
    ]
