"""Readings: what arrives, once each, and what was there before."""

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from oilcan.errors import StoreError
from oilcan.io.stores import layouts
from oilcan.io.stores.base import Appended, Layout, Readings, Refused, StoredReadings
from oilcan.io.stores.database import Database, Row, Transaction
from oilcan.io.stores.machines import MachinesPart
from oilcan.io.stores.refused import keep_aside

_PAGE: Final = 400                      # keys in one statement; databases limit the number of parameters
_COLUMNS: Final = "seq, machine, time, layout, received_at, numbers"


class ReadingsPart(MachinesPart):
    """The part of a store about readings."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._layout: tuple[int, Layout] | None = None

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
        number = self.database.write(lambda tx: layouts.enter(tx, layout, self.database.name, now))
        self._layout = number, layout

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
        number, layout = self._in_use()
        values = np.ascontiguousarray(readings.values, dtype="<f8").reshape(len(readings), len(layout.columns))
        if not len(readings):
            return Appended(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))
        machines = self.numbers_of(readings.machine_ids, now)
        times = np.asarray(readings.times, dtype=np.int64)
        order = np.lexsort((times, machines))       # stable: the first of equal keys stays first
        step = (np.diff(machines[order]) != 0) | (np.diff(times[order]) != 0)
        first = order[np.concatenate([[True], step])]

        def work(tx: Transaction) -> Appended:
            inserted = self.database.insert_readings(tx, machines[first], times[first], _packed(values[first]), number,
                                                     now)
            is_new = np.zeros(len(values), dtype=bool)
            is_new[first[inserted]] = True
            is_conflict = np.zeros(len(values), dtype=bool)
            again = np.flatnonzero(~is_new)
            if len(again):
                stored = self._stored(tx, machines[again], times[again])
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
        wanted: list[tuple[str, Any]] = [("time >= ?", since), ("time < ?", until), ("seq > ?", after_seq)]
        if machine_id is not None:
            wanted.append(("machine = ?", self.known([machine_id]).get(machine_id, 0)))
        given = [(text, value) for text, value in wanted if value is not None]
        where = " AND ".join(text for text, _ in given) or "1 = 1"
        order = "seq" if machine_id is None else "time DESC"
        sql = f"SELECT {_COLUMNS} FROM readings WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608 - our own words
        parameters = [value for _, value in given]

        def work(tx: Transaction) -> StoredReadings:
            found = tx.rows(sql, (*parameters, limit))
            return self.decoded(tx, found if machine_id is None else found[::-1])

        return self.database.read(work)

    def decoded(self, tx: Transaction, rows: Sequence[Row]) -> StoredReadings:
        """Rows of the table as a batch in the layout in use."""
        number, layout = self._in_use()
        seqs, machines, times, written, received, blobs = zip(*rows, strict=True) if rows else ((),) * 6
        values = layouts.decode(tx, blobs, np.asarray(written, dtype=np.int64), number, len(layout.columns))
        return StoredReadings(self.names_of(tx, machines), np.array(times, dtype=np.int64), values,
                              np.array(seqs, dtype=np.int64), np.array(received, dtype=np.int64))

    def _in_use(self) -> tuple[int, Layout]:
        if self._layout is None:
            raise StoreError(f"{self.database.name}: no layout is in use. Call `use_layout` first.")
        return self._layout

    def _stored(self, tx: Transaction, machines: np.ndarray, times: np.ndarray) -> np.ndarray:
        """What is stored under keys that are all there, in the layout in use; float64, shape (n, columns)."""
        number, layout = self._in_use()
        keys = list(zip(machines.tolist(), times.tolist(), strict=True))
        found: dict[tuple[int, int], tuple[int, bytes]] = {}
        for at in range(0, len(keys), _PAGE):
            page = keys[at : at + _PAGE]
            marks = ", ".join(["(?, ?)"] * len(page))
            sql = f"SELECT machine, time, layout, numbers FROM readings WHERE (machine, time) IN (VALUES {marks})"  # noqa: S608 - marks only
            found |= {row[:2]: row[2:] for row in tx.rows(sql, [part for key in page for part in key])}
        written = np.array([found[key][0] for key in keys], dtype=np.int64)
        return layouts.decode(tx, [found[key][1] for key in keys], written, number, len(layout.columns))


def _packed(values: np.ndarray) -> list[bytes]:
    """Rows of numbers as little-endian bytes, one object each."""
    if not values.shape[1]:
        return [b""] * len(values)
    packed: list[bytes] = np.ascontiguousarray(values).view(f"V{8 * values.shape[1]}").ravel().tolist()
    return packed


def _same(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Rows with equal numbers, NaN equal to NaN; bool, shape (n,)."""
    return ((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=1)


def _conflicts(readings: Readings, layout: Layout, rows: np.ndarray) -> list[Refused]:
    return [
        Refused("telemetry", readings.machine_ids[at], int(readings.times[at]), "differs from what is stored",
                json.dumps(dict(zip(layout.columns, readings.values[at].tolist(), strict=True))))
        for at in rows.tolist()
    ]
