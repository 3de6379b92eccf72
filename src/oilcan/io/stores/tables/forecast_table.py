"""The log of forecasts: which bundle forecast what of which machine, and when. Rows are only added."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from oilcan.io.stores.databases.database import Row, Transaction
from oilcan.io.stores.databases.text_limits import clamped
from oilcan.io.stores.databases.time_buckets import FORECASTS_WIDTH, newest_of_each, newest_rows
from oilcan.io.stores.tables.log_table import reserved_ids
from oilcan.io.stores.tables.machine_slots import MachinesPart

ROLES: Final = ("active", "shadow", "asked")       # of the readings; of a challenger; of a stateless question


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of one bundle, one row each.

    Attributes
    ----------
    bundle, contract_version, role
        Digest of the bundle, version of its contract, and one of `ROLES`.
    columns, values
        Names, and numbers as float64, shape (n, number of names).
    ids
        From `forecast_ids`, int64, shape (n,).
    machine_ids, times
        Length n; a machine may be None for a question about rows of no known machine.
    """

    bundle: str
    contract_version: int
    role: str
    columns: tuple[str, ...]
    ids: np.ndarray
    machine_ids: Sequence[str | None]
    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Forecast:
    """One forecast of the log."""

    id: int
    machine_id: str | None
    time: int
    made_at: int
    role: str
    bundle: str
    contract_version: int
    values: dict[str, float]


_COLUMNS: Final = "id, machine, time, made_at, role, bundle, contract_version, columns, numbers"
_JOIN: Final = "JOIN models USING (model)"
# forecasts of one write have one time of making; a forecast that is made again after a start may have a later id
_NEWEST: Final = "made_at DESC, time DESC, id DESC"


class ForecastsPart(MachinesPart):
    """The part of a store about forecasts."""

    def forecast_ids(self, n: int) -> range:
        """Ids that nobody else gets; reserve many at once and hand them out without asking the store."""
        return self.database.write(lambda tx: reserved_ids(tx, n))

    def log_forecasts(self, batch: Forecasts, now: int) -> None:
        """Add forecasts to the log; durable when it returns. One that is there (by id) is left as it is."""
        named = [name for name in batch.machine_ids if name is not None]
        numbers = iter(self.numbers_of(named, now).tolist())
        machines = [None if name is None else next(numbers) for name in batch.machine_ids]
        values = np.ascontiguousarray(batch.values, dtype="<f8")
        bucket = now // FORECASTS_WIDTH
        rows = [(key, bucket, machine, time, now, batch.role, row.tobytes()) for key, machine, time, row in zip(
            np.asarray(batch.ids).tolist(), machines, np.asarray(batch.times).tolist(), values, strict=True)]

        def work(tx: Transaction) -> None:
            model = _model(tx, batch)
            tx.insert("forecasts (id, bucket, machine, time, made_at, role, numbers, model)",
                   ((*row, model) for row in rows), "ON CONFLICT DO NOTHING")

        self.database.write(work)

    def forecast(self, forecast_id: int) -> Forecast | None:
        """The forecast of an id; None if it is unknown, or retention has removed it."""
        sql = f"SELECT {_COLUMNS} FROM forecasts {_JOIN} WHERE id = ?"  # noqa: S608 - our own words
        found = self._forecasts(lambda tx: tx.rows(sql, (clamped(forecast_id),)))
        return found[0] if found else None

    def forecasts_by_bundle(self) -> dict[str, int]:
        """How many forecasts of the log each bundle made."""
        sql = f"SELECT bundle, count(*) FROM forecasts {_JOIN} GROUP BY bundle"  # noqa: S608 - our own words
        return self.database.read(lambda tx: {str(bundle): int(count) for bundle, count in tx.rows(sql)})

    def forecasts(self, machine_id: str, *, role: str = "active", since: int | None = None, until: int | None = None,
                  limit: int = 1_000) -> list[Forecast]:
        """The last `limit` forecasts made of a machine for since <= time < until, in the order of their making."""
        conditions = {"role = ?": role, "time >= ?": clamped(since), "time < ?": clamped(until)}
        number = self.known([machine_id]).get(machine_id, 0)
        return self._forecasts(lambda tx: newest_rows(
            tx, "forecasts", _COLUMNS, number, conditions=conditions, order=_NEWEST, limit=limit, join=_JOIN)[::-1])

    def first_forecasts(self, since: int, *, role: str = "active", step: int = 1) -> list[Forecasts]:
        """The first time of each machine in each `step` units of time from `since` on, with its last forecast.

        One value for each bundle and set of columns, in the order of machines and times.
        """
        columns = "id, machine, time, model, numbers"       # not the words of the model, which are long, in each row
        sql = (f"WITH ranked AS (SELECT {columns}, row_number() OVER (PARTITION BY machine, time / ? "  # noqa: S608
               f"ORDER BY time, {_NEWEST}) AS place FROM forecasts WHERE role = ? AND time >= ? AND machine IS NOT NULL"
               f") SELECT {columns} FROM ranked WHERE place = 1 ORDER BY machine, time")

        def work(tx: Transaction) -> list[Forecasts]:
            models = {model: kind for model, *kind in tx.rows(
                "SELECT model, bundle, contract_version, columns FROM models")}
            same: dict[int, list[Row]] = {}
            for row in tx.rows(sql, (step, role, clamped(since))):
                same.setdefault(row[3], []).append(row)
            return [self._as_batch(tx, role, models[model], rows) for model, rows in same.items()]

        return self.database.read(work)

    def newest_forecasts(self, role: str = "active") -> list[Forecast]:
        """The last forecast made of every machine that has one."""
        sql = (f"SELECT {_COLUMNS} FROM forecasts {_JOIN} WHERE bucket = ? AND machine = ? AND made_at = ? "  # noqa: S608
               f"AND role = ? ORDER BY {_NEWEST} LIMIT 1")

        def rows(tx: Transaction) -> list[Row]:
            newest = newest_of_each(tx, "forecasts", "made_at", "role = ?", role)
            return [tx.rows(sql, (bucket, machine, made_at, role))[0]
                    for machine, (bucket, made_at) in sorted(newest.items())]

        return self._forecasts(rows)

    def _forecasts(self, rows: Callable[[Transaction], list[Row]]) -> list[Forecast]:
        def work(tx: Transaction) -> list[Forecast]:
            found = rows(tx)
            self.names_of(tx, {row[1] for row in found} - {None})
            return [self._as_forecast(row) for row in found]

        return self.database.read(work)

    def _as_batch(self, tx: Transaction, role: str, kind: Sequence[Any], rows: list[Row]) -> Forecasts:
        ids, machines, times, _, blobs = zip(*rows, strict=True)
        columns = tuple(json.loads(kind[2]))
        values = np.frombuffer(b"".join(map(bytes, blobs)), dtype="<f8").reshape(-1, len(columns))
        return Forecasts(kind[0], kind[1], role, columns, np.array(ids, dtype=np.int64), self.names_of(tx, machines),
                         np.array(times, dtype=np.int64), values)

    def _as_forecast(self, row: Row) -> Forecast:
        key, machine, time, made_at, role, bundle, version, columns, blob = row
        values = dict(zip(json.loads(columns), np.frombuffer(blob, dtype="<f8").tolist(), strict=True))
        name = None if machine is None else self._names[machine]
        return Forecast(key, name, time, made_at, role, bundle, version, values)


def _model(tx: Transaction, batch: Forecasts) -> int:
    """Number of a bundle with its columns; entered when first seen."""
    key = (batch.bundle, batch.contract_version, json.dumps(batch.columns))
    wanted = "SELECT model FROM models WHERE bundle = ? AND contract_version = ? AND columns = ?"
    found = tx.rows(wanted, key)
    if not found:
        tx.run("INSERT INTO models (bundle, contract_version, columns) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", key)
        found = tx.rows(wanted, key)
    return int(found[0][0])
