"""The log of forecasts: what was said of which machine, when, by which bundle. Only ever added to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from oilcan.io.stores.database import Row, Transaction
from oilcan.io.stores.machines import MachinesPart

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


_SELECT: Final = ("SELECT id, machine, time, made_at, role, bundle, contract_version, columns, numbers "
                  "FROM forecasts JOIN models USING (model)")


class ForecastsPart(MachinesPart):
    """The part of a store about forecasts."""

    def forecast_ids(self, n: int) -> range:
        """Ids that nobody else gets; reserve many at once and hand them out without asking the store."""
        sql = "UPDATE counters SET value = value + ? WHERE name = 'forecasts' RETURNING value"
        last = self.database.write(lambda tx: tx.rows(sql, (n,)))[0][0]
        return range(last - n + 1, last + 1)

    def log_forecasts(self, batch: Forecasts, now: int) -> None:
        """Add forecasts to the log; durable when it returns. One that is there (by id) is left as it is."""
        named = [name for name in batch.machine_ids if name is not None]
        numbers = iter(self.numbers_of(named, now).tolist())
        machines = [None if name is None else next(numbers) for name in batch.machine_ids]
        values = np.ascontiguousarray(batch.values, dtype="<f8")
        rows = zip(np.asarray(batch.ids).tolist(), machines, np.asarray(batch.times).tolist(),
                   (row.tobytes() for row in values), strict=True)

        def work(tx: Transaction) -> None:
            model = _model(tx, batch)
            tx.many("INSERT INTO forecasts (id, machine, time, made_at, role, model, numbers) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    [(key, machine, time, now, batch.role, model, blob) for key, machine, time, blob in list(rows)])

        self.database.write(work)

    def forecast(self, forecast_id: int) -> Forecast | None:
        """The forecast of an id; None if there is none, or retention has taken it."""
        found = self._forecasts(f"{_SELECT} WHERE id = ?", (forecast_id,))
        return found[0] if found else None

    def forecasts(self, machine_id: str, *, role: str = "active", since: int | None = None, until: int | None = None,
                  limit: int = 1_000) -> list[Forecast]:
        """The newest `limit` forecasts of a machine for since <= time < until, ascending in time."""
        low, high = -(2**63) if since is None else since, 2**63 - 1 if until is None else until
        sql = f"{_SELECT} WHERE machine = ? AND role = ? AND time >= ? AND time < ? ORDER BY time DESC, id DESC LIMIT ?"
        number = self.known([machine_id]).get(machine_id, 0)
        return self._forecasts(sql, (number, role, low, high, limit))[::-1]

    def newest_forecasts(self, role: str = "active") -> list[Forecast]:
        """The newest forecast of every machine that has one, in the order in which machines became known."""
        sql = (_SELECT + " JOIN (SELECT machine AS known, (SELECT id FROM forecasts AS f WHERE f.machine = "  # noqa: S608
               "machines.machine AND f.role = ? ORDER BY f.time DESC, f.id DESC LIMIT 1) AS newest FROM machines) "
               "AS last ON forecasts.id = last.newest ORDER BY last.known")
        return self._forecasts(sql, (role,))

    def _forecasts(self, sql: str, parameters: Sequence[Any]) -> list[Forecast]:
        def work(tx: Transaction) -> list[Forecast]:
            found = tx.rows(sql, parameters)
            self.names_of(tx, {row[1] for row in found} - {None})
            return [self._as_forecast(row) for row in found]

        return self.database.read(work)

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
