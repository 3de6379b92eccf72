"""What the service remembers of itself: settings, and the engine's state of each machine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from oilcan.io.stores.databases.database import Database, Transaction
from oilcan.io.stores.tables.audit_table import write_down
from oilcan.io.stores.tables.machine_slots import MachinesPart
from oilcan.io.stores.values import Cursor, Position


class Settings:
    """Named values of JSON: the active bundle, the shadow bundle, the state of the alarm policy."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, name: str) -> Any:
        """The value of a name; None if there is none."""
        found = self._db.read(lambda tx: tx.rows("SELECT value FROM settings WHERE name = ?", (name,)))
        return json.loads(found[0][0]) if found else None

    def set(self, name: str, value: Any, now: int, *, by: str | None = None) -> None:
        """Set a value; with `by`, a change that people make, it is written into the audit as well."""
        def work(tx: Transaction) -> None:
            tx.run("INSERT INTO settings (name, value, changed_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                   "value = excluded.value, changed_at = excluded.changed_at",
                   (name, json.dumps(value, allow_nan=False), now))
            if by is not None:
                write_down(tx, by, f"setting {name}", {"value": value}, now)

        self._db.write(work)


_REST: Final = ("state", "readings_transaction", "readings_seq", "records_transaction", "records_seq", "saved_at")


@dataclass(frozen=True)
class Snapshot:
    """The engine's state of a machine: all changes up to a cursor are in it, later ones perhaps."""

    state: bytes
    upto: Cursor
    saved_at: int


class Snapshots:
    """States of engines; `engine` names what can read them, for instance the hash of the feature plan."""

    def __init__(self, machines: MachinesPart) -> None:
        self._machines, self._db = machines, machines.database

    def save(self, engine: str, states: Mapping[str, bytes], upto: Cursor, now: int) -> None:
        """Keep states of machines that include every change up to a cursor; older ones are replaced."""
        numbers = self._machines.numbers_of(list(states), now).tolist()
        rows = sorted((number, state) for number, state in zip(numbers, states.values(), strict=True))
        self._db.write(lambda tx: tx.insert(f"snapshots (engine, machine, {', '.join(_REST)})", (
            (engine, number, state, *upto.readings, *upto.records, now) for number, state in rows),
            f"ON CONFLICT (engine, machine) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _REST)}"))

    def load(self, engine: str) -> dict[str, Snapshot]:
        """States by machine. Follow `changes` from the smallest cursor; rows met again must be harmless."""
        sql = (f"SELECT machine_id, {', '.join(_REST)} FROM snapshots JOIN machines USING (machine) "  # noqa: S608
               "WHERE engine = ? ORDER BY machine")
        return self._db.read(lambda tx: {
            row[0]: Snapshot(bytes(row[1]), Cursor(Position(*row[2:4]), Position(*row[4:6])), row[6])
            for row in tx.rows(sql, (engine,))})

    def forget(self, engine: str) -> int:
        """Remove the states of an engine that is no longer in use; how many."""
        return self._db.write(lambda tx: tx.run("DELETE FROM snapshots WHERE engine = ?", (engine,)))
