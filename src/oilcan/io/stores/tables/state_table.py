"""What the service remembers of itself: settings, the engine's state of each machine, which replica has the duty."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from oilcan.io.stores.databases.database import Database, Transaction
from oilcan.io.stores.log_entries import Cursor
from oilcan.io.stores.tables.audit_table import write_down
from oilcan.io.stores.tables.log_table import ends_at
from oilcan.io.stores.tables.machine_slots import MachinesPart


class Settings:
    """Named values of JSON: the active bundle, the shadow bundle, the state of the alarm policy."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, name: str) -> Any:
        """The value of a name; None if it was never set."""
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


@dataclass(frozen=True)
class Snapshot:
    """The engine's state of a machine: all entries of the log up to a number are in it, later ones perhaps."""

    state: bytes
    upto: int
    saved_at: int


@dataclass(frozen=True)
class PolicyRow:
    """What an alarm policy remembers of a machine.

    Attributes
    ----------
    looked
        Time of the newest reading that it looked at.
    run, is_on, last, held, held_back
        As in `core.alarms.policy.AlarmState`; None for never.
    """

    looked: int
    run: int
    is_on: bool
    last: float | None
    held: float | None
    held_back: int


_MINE: Final = "WHERE duty = 'upkeep' AND holder = ?"
_POLICY: Final = ("looked", "run", "is_on", "last", "held", "held_back")


class Snapshots:
    """States of engines; `engine` names what can read them, for instance the hash of the feature plan."""

    def __init__(self, machines: MachinesPart) -> None:
        self._machines, self._db = machines, machines.database

    def save(self, engine: str, states: Mapping[str, bytes], upto: Cursor, now: int,
             policies: Mapping[str, Mapping[str, PolicyRow]] | None = None) -> None:
        """Keep states of machines that include every entry up to a cursor, in the place of older ones.

        A replica that is behind the others saves late: what is newer than its own state stays.

        Parameters
        ----------
        policies
            Bundle -> machine -> what its alarm policy remembered when the state was taken.
        """
        numbers = dict(zip(states, self._machines.numbers_of(list(states), now).tolist(), strict=True))

        def work(tx: Transaction) -> None:
            readings, records = ends_at(tx, upto.number)
            _put(tx, "snapshots", ("engine", "machine"), ("state", "upto", "readings", "records", "saved_at"), "upto",
                 sorted((engine, numbers[name], state, upto.number, readings, records, now)
                        for name, state in states.items()))
            for bundle, rows in (policies or {}).items():
                _put(tx, "policy_states", ("bundle", "machine"), _POLICY, "looked", sorted(
                    (bundle, numbers[name], row.looked, row.run, int(row.is_on), row.last, row.held, row.held_back)
                    for name, row in rows.items()))

        self._db.write(work)

    def load(self, engine: str) -> dict[str, Snapshot]:
        """States by machine. Follow `changes` from the cursor they were saved with; rows met again are harmless."""
        sql = ("SELECT machine_id, state, upto, saved_at FROM snapshots JOIN machines USING (machine) "
               "WHERE engine = ? ORDER BY machine")
        return self._db.read(lambda tx: {row[0]: Snapshot(bytes(row[1]), *row[2:]) for row in tx.rows(sql, (engine,))})

    def policy(self, bundle: str) -> dict[str, PolicyRow]:
        """What the alarm policy of a bundle remembered, by machine."""
        sql = (f"SELECT machine_id, {', '.join(_POLICY)} FROM policy_states JOIN machines USING (machine) "  # noqa: S608
               "WHERE bundle = ?")
        return self._db.read(lambda tx: {row[0]: PolicyRow(row[1], row[2], bool(row[3]), *row[4:])
                                         for row in tx.rows(sql, (bundle,))})

    def forget_policy(self, bundle: str) -> int:
        """Remove what the alarm policy of a bundle remembered; of how many machines."""
        return self._db.write(lambda tx: tx.run("DELETE FROM policy_states WHERE bundle = ?", (bundle,)))

    def forget(self, engine: str) -> int:
        """Remove the states of an engine that is no longer in use; how many."""
        return self._db.write(lambda tx: tx.run("DELETE FROM snapshots WHERE engine = ?", (engine,)))


def _put(tx: Transaction, table: str, key: Sequence[str], columns: Sequence[str], age: str,
         rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows, or replace what is there under their key unless it is newer by the column `age`."""
    tx.insert(f"{table} ({', '.join((*key, *columns))})", rows, f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET "
              + ", ".join(f"{name} = excluded.{name}" for name in columns)
              + f" WHERE {table}.{age} <= excluded.{age}")


@dataclass(frozen=True)
class Holding:
    """Who has the duty.

    Attributes
    ----------
    holder
        Empty if it was given back.
    beat
        Grows as long as the holder lives.
    said
        Number of its last words.
    """

    holder: str
    beat: int
    said: int


class Duties:
    """The one duty there is: monitoring, saving and tidying. No clocks are compared, so none has to be right."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def holding(self) -> Holding | None:
        """Who has it now; None before the first."""
        rows = self._db.read(lambda tx: tx.rows("SELECT holder, beat, said FROM duties WHERE duty = 'upkeep'"))
        return Holding(*rows[0]) if rows else None

    def take(self, seen: Holding | None, me: str) -> bool:
        """Take it over if it is still as it was seen; whether that succeeded."""
        def work(tx: Transaction) -> bool:
            if seen is None:
                return tx.run("INSERT INTO duties (duty, holder, beat, said, words) VALUES ('upkeep', ?, 0, 0, '') "
                              "ON CONFLICT DO NOTHING", (me,)) == 1
            return tx.run(f"UPDATE duties SET holder = ?, beat = beat + 1 {_MINE} AND beat = ?",  # noqa: S608
                          (me, seen.holder, seen.beat)) == 1

        return self._db.write(work)

    def beat(self, me: str) -> bool:
        """Say that the holder lives; false if it has the duty no longer."""
        return self._db.write(lambda tx: tx.run(f"UPDATE duties SET beat = beat + 1 {_MINE}", (me,))) == 1  # noqa: S608

    def leave(self, me: str) -> None:
        """Give it back; who comes next need not wait."""
        self._db.write(lambda tx: tx.run(f"UPDATE duties SET holder = '' {_MINE}", (me,)))  # noqa: S608

    def say(self, me: str, words: str) -> bool:
        """Leave words for the others; false, and nothing is written, if another has the duty now."""
        sql = f"UPDATE duties SET words = ?, said = said + 1 {_MINE}"  # noqa: S608 - our own words
        return self._db.write(lambda tx: tx.run(sql, (words, me))) == 1

    def words(self) -> str:
        """What was said last; empty before the first words."""
        rows = self._db.read(lambda tx: tx.rows("SELECT words FROM duties WHERE duty = 'upkeep'"))
        return str(rows[0][0]) if rows else ""
