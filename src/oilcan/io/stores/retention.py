"""How the store stays bounded: what is old and needed by nothing goes, a little at a time.

Never removed: readings and errors that a snapshot has not taken in yet, maintenance and failures (they are labels),
open alarms and the forecasts behind alarms, machines, keys, settings, the audit.
"""

from typing import Any, Final

from oilcan.io.stores.databases.database import Transaction
from oilcan.io.stores.databases.time_buckets import FORECASTS_WIDTH
from oilcan.io.stores.tables.machine_slots import MachinesPart

_STEP: Final = 10_000                   # rows in one transaction, so that writers get in between


class RetentionPart(MachinesPart):
    """The part of a store about forgetting."""

    def retain(self, now: int, readings_for: int, forecasts_for: int) -> dict[str, int]:
        """Remove what is older than asked and needed by nothing; run it now and then, by one process or several.

        Parameters
        ----------
        now
            Microseconds UTC.
        readings_for
            Microseconds since receipt for which readings and errors stay at least. They stay longer until a
            snapshot of every engine in use has them; an engine is out of use when nothing was saved for it in this
            time while another was saved.
        forecasts_for
            Microseconds for which forecasts and closed alarms stay.

        Returns
        -------
        Rows removed, by table.
        """
        old, stale = now - readings_for, now - forecasts_for
        counts = {
            "snapshots": self._change(_RETIRED, old, old),
            "readings": self._readings(old),
            "records": self._trim("records", "records", "record_table = 'errors'", old),
            "log": self._change(_ENTRIES, old),
            "alarms": self.database.write(lambda tx: _drop_alarms(tx, stale)),
            "forecasts": 0,
        }
        while removed := self._change(_FORECASTS, stale // FORECASTS_WIDTH, stale, _STEP):
            counts["forecasts"] += removed
        self.database.reclaim()
        return counts

    def _readings(self, old: int) -> int:
        removed, rest = self.database.drop_readings(old, _COVERED.format(table="{table}", kind="readings"))
        return removed + sum(self._trim(table, "readings", "1 = 1", old) for table in rest)

    def _trim(self, table: str, kind: str, which: str, old: int) -> int:
        """Walk a table from its oldest row and remove what may go, until rows are younger than asked.

        `kind` is the table, or of which one it is a part.
        """
        # not the newest row of all: SQLite gives a number again when the row of the greatest one is gone
        gone = (f"DELETE FROM {table} WHERE seq >= ? AND seq < ? AND received_at < ? AND {which} AND {_COVERED} "  # noqa: S608
                f"AND seq < (SELECT max(seq) FROM {kind})").format(table=table, kind=kind)
        window = f"SELECT count(*) FROM {table} WHERE seq >= ? AND seq < ? AND received_at < ?"  # noqa: S608
        first = f"SELECT min(seq) FROM {table} WHERE seq >= ?"  # noqa: S608
        removed, low = 0, 0
        while (found := self._number(first, low)) is not None:
            bounds = found, found + _STEP, old
            if not self._number(window, *bounds):
                break
            removed += self._change(gone, *bounds)
            low = found + _STEP
        return removed

    def _number(self, sql: str, *parameters: int) -> Any:
        return self.database.read(lambda tx: tx.rows(sql, parameters)[0][0])

    def _change(self, sql: str, *parameters: int) -> int:
        return self.database.write(lambda tx: tx.run(sql, parameters))


# one snapshot per engine and machine: as many that have the row as there are engines
_COVERED: Final = """
(SELECT count(*) FROM snapshots WHERE snapshots.machine = {table}.machine AND snapshots.{kind} >= {table}.seq)
 >= (SELECT CASE WHEN count(DISTINCT engine) = 0 THEN 1
 ELSE count(DISTINCT engine) END FROM snapshots)"""

_RETIRED: Final = """
DELETE FROM snapshots WHERE engine IN (SELECT engine FROM snapshots GROUP BY engine HAVING max(saved_at) < ?)
AND EXISTS (SELECT 1 FROM snapshots WHERE saved_at >= ?)"""

# entries of which no reading is left; the records among them belong to the first entry that stays
_ENTRIES: Final = """
DELETE FROM log WHERE written_at < ? AND readings < (SELECT min(seq) FROM readings)
AND number < (SELECT max(number) FROM log) - 1"""

_FORECASTS: Final = """
DELETE FROM forecasts WHERE id IN (SELECT id FROM forecasts AS old WHERE bucket <= ? AND made_at < ? AND NOT EXISTS
(SELECT 1 FROM alarms WHERE alarms.forecast = old.id) LIMIT ?)"""


def _drop_alarms(tx: Transaction, before: int) -> int:
    """Remove old closed alarms and what belongs to them; keep the newest, whose id SQLite would give again."""
    which = "closed_at < ? AND id < (SELECT max(id) FROM alarms)"
    tx.run(f"DELETE FROM comments WHERE alarm IN (SELECT id FROM alarms WHERE {which})", (before,))  # noqa: S608
    tx.run(f"DELETE FROM notices WHERE alarm IN (SELECT id FROM alarms WHERE {which})", (before,))  # noqa: S608
    tx.run("DELETE FROM deliveries WHERE created_at < ? AND id < (SELECT max(id) FROM deliveries) AND NOT EXISTS "
           "(SELECT 1 FROM notices WHERE delivery = deliveries.id)", (before,))
    tx.run(f"DELETE FROM alarm_repeats WHERE at < ? OR alarm IN (SELECT id FROM alarms WHERE {which})",  # noqa: S608
           (before, before))
    return tx.run(f"DELETE FROM alarms WHERE {which}", (before,))  # noqa: S608
