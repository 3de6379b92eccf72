"""Alarms: opened by the policy, acknowledged and commented by the crew, closed by the policy."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from oilcan.io.stores.databases.database import Transaction
from oilcan.io.stores.databases.text_limits import clamped, plain
from oilcan.io.stores.tables.machine_slots import MachinesPart

Finding = Literal["worn", "sound", "not_looked"]
FINDINGS: Final[tuple[Finding, ...]] = get_args(Finding)


@dataclass(frozen=True)
class NewAlarm:
    """An alarm that the policy opens.

    Attributes
    ----------
    time
        Of the reading.
    reasons
        Anything JSON can hold.
    crew
        Label of the crew whose budget it counts against.
    """

    machine_id: str
    task: str
    time: int
    p: float
    threshold: float
    reasons: Any
    forecast: int | None = None
    crew: str = ""


@dataclass(frozen=True)
class RepeatedAlarm:
    """The policy alarms again while the alarm of a machine and task is still open."""

    machine_id: str
    task: str
    time: int
    crew: str = ""


@dataclass(frozen=True)
class ClosedAlarm:
    """The policy closes the open alarm of a machine and task; `time` is that of the reading that led to it."""

    machine_id: str
    task: str
    time: int


AlarmChange = NewAlarm | RepeatedAlarm | ClosedAlarm


@dataclass(frozen=True)
class Raise:
    """One time at which the policy alarmed, as far as a policy has to remember it.

    Attributes
    ----------
    alarm
        Id of the alarm that it opened; 0 if it repeated one that was open.
    is_closed, closed_time
        Whether that alarm is closed, and the time of the reading that closed it; None if that was not recorded.
    """

    machine_id: str
    time: int
    crew: str
    alarm: int = 0
    is_closed: bool = False
    closed_time: int | None = None

    def is_open_at(self, time: int) -> bool:
        """Whether it opened an alarm that readings up to a time left open."""
        return bool(self.alarm) and (not self.is_closed or (self.closed_time is not None and self.closed_time > time))


@dataclass(frozen=True)
class Comment:
    """A comment on an alarm; `by` is the name of a key."""

    at: int
    by: str
    text: str


@dataclass(frozen=True)
class Alarm(NewAlarm):
    """An alarm as the store has it."""

    id: int = 0
    opened_at: int = 0
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    closed_at: int | None = None
    closed_time: int | None = None
    comments: tuple[Comment, ...] = ()
    finding: Finding | None = None      # what the crew found at the machine
    found_at: int | None = None


_SELECT: Final = ("SELECT id, machine, task, time, opened_at, p, threshold, reasons, forecast, acknowledged_at, "
                  "acknowledged_by, closed_at, crew, closed_time, finding, found_at FROM alarms")
_RAISED: Final = ("SELECT machine_id, time, crew, id, closed_at IS NOT NULL, closed_time FROM alarms "
                  "JOIN machines USING (machine) WHERE task = ?")
_REPEATED: Final = ("SELECT machine_id, alarm_repeats.time, alarm_repeats.crew FROM alarm_repeats "
                    "JOIN alarms ON alarms.id = alarm JOIN machines USING (machine) WHERE task = ? "
                    "ORDER BY alarm_repeats.id DESC LIMIT ?")


class AlarmsPart(MachinesPart):
    """The part of a store about alarms."""

    def change_alarms(self, changes: Sequence[AlarmChange], now: int) -> list[tuple[int, bool]]:
        """Open, repeat and close alarms in this order, in one transaction; of each opened its id, and if it is new.

        There is at most one open alarm per machine and task, and never a second alarm for a reading. When this or
        another process asks again, the answer is the alarm that exists. One that is closed already stays as it is.
        """
        machines = self.numbers_of([change.machine_id for change in changes], now).tolist()

        def work(tx: Transaction) -> list[tuple[int, bool]]:
            opened = []
            for machine, change in zip(machines, changes, strict=True):
                if isinstance(change, NewAlarm):
                    opened.append(_opened(tx, (machine, change.task, change.time, now, change.p, change.threshold,
                                               json.dumps(change.reasons, allow_nan=False), change.forecast,
                                               change.crew)))
                elif isinstance(change, RepeatedAlarm):
                    tx.run("INSERT INTO alarm_repeats (alarm, time, crew, at) SELECT id, ?, ?, ? FROM alarms "
                           "WHERE machine = ? AND task = ? AND time <= ? ORDER BY time DESC LIMIT 1 "
                           "ON CONFLICT DO NOTHING",
                           (change.time, change.crew, now, machine, change.task, change.time))
                else:
                    tx.run("UPDATE alarms SET closed_at = ?, closed_time = ? WHERE machine = ? AND task = ? "
                           "AND time <= ? AND closed_at IS NULL",
                           (now, change.time, machine, change.task, change.time))
            return opened

        return self.database.write(work)

    def raises(self, task: str, limit: int) -> list[Raise]:
        """When the policy of a task alarmed, oldest first: the newest `limit` alarms, all open ones, and repeats."""
        def work(tx: Transaction) -> list[Raise]:
            rows = {*tx.rows(f"{_RAISED} ORDER BY id DESC LIMIT ?", (task, limit)),
                    *tx.rows(f"{_RAISED} AND closed_at IS NULL", (task,)), *tx.rows(_REPEATED, (task, limit))}
            return [Raise(*row) for row in sorted(rows, key=lambda row: (row[1], row[0]))]

        return self.database.read(work)

    def acknowledge(self, alarm_id: int, by: str, now: int, comment: str = "", finding: Finding | None = None
                    ) -> Alarm | None:
        """Acknowledge an alarm; the first time counts, a comment is added each time.

        A finding replaces the one before: who says first "not looked" may look later.

        Returns
        -------
        The alarm as it is then; None if there is no such alarm.
        """
        def work(tx: Transaction) -> None:
            tx.run("UPDATE alarms SET acknowledged_at = ?, acknowledged_by = ? WHERE id = ? AND acknowledged_at IS "
                   "NULL", (now, by, alarm_id))
            if finding:
                tx.run("UPDATE alarms SET finding = ?, found_at = ? WHERE id = ? AND (finding IS NULL OR finding <> ?)",
                       (finding, now, alarm_id, finding))
            if comment:
                _add_comment(tx, alarm_id, by, comment, now)

        if self.alarm(alarm_id) is None:
            return None
        self.database.write(work)
        return self.alarm(alarm_id)

    def comment(self, alarm_id: int, by: str, text: str, now: int) -> Alarm | None:
        """Add a comment to an alarm; the alarm as it is then, None if there is no such alarm."""
        if self.alarm(alarm_id) is None:
            return None
        self.database.write(lambda tx: _add_comment(tx, alarm_id, by, text, now))
        return self.alarm(alarm_id)

    def alarm(self, alarm_id: int) -> Alarm | None:
        """One alarm with its comments; None if there is no such alarm."""
        found = self._alarms(f"{_SELECT} WHERE id = ?", (clamped(alarm_id),))
        return found[0] if found else None

    def alarms(self, *, machine_id: str | None = None, open_only: bool = False, since: int | None = None,
               limit: int = 1_000) -> list[Alarm]:
        """The newest alarms, newest first; `since` is compared with the moment of opening."""
        wanted: list[tuple[str, Any]] = [("opened_at >= ?", clamped(since))]
        if machine_id is not None:
            wanted.append(("machine = ?", self.known([machine_id]).get(machine_id, 0)))
        given = [(text, value) for text, value in wanted if value is not None]
        where = " AND ".join([text for text, _ in given] + ["closed_at IS NULL"] * open_only) or "1 = 1"
        return self._alarms(f"{_SELECT} WHERE {where} ORDER BY opened_at DESC, id DESC LIMIT ?",
                            [*(value for _, value in given), limit])

    def alarm_reasons(self, limit: int) -> list[tuple[int, Any]]:
        """Time of the reading and reasons of the newest alarms, newest first."""
        sql = "SELECT time, reasons FROM alarms ORDER BY opened_at DESC, id DESC LIMIT ?"
        return [(time, json.loads(reasons)) for time, reasons in self.database.read(lambda tx: tx.rows(sql, (limit,)))]

    def _alarms(self, sql: str, parameters: Sequence[Any]) -> list[Alarm]:
        def work(tx: Transaction) -> list[Alarm]:
            found = tx.rows(sql, parameters)
            names = self.names_of(tx, [row[1] for row in found])
            said: dict[int, list[Comment]] = {}
            if found:                           # one question: of many alarms a service asks for every verdict
                ids = [row[0] for row in found]
                for key, *comment in tx.rows("SELECT alarm, at, said_by, said FROM comments WHERE alarm >= ? AND "
                                             "alarm <= ? ORDER BY id", (min(ids), max(ids))):
                    said.setdefault(key, []).append(Comment(*comment))
            return [
                Alarm(name, task, time, p, threshold, json.loads(reasons), forecast, crew, key, opened, seen, seen_by,
                      closed, closed_time, tuple(said.get(key, ())), *found_out)
                for name, (key, _, task, time, opened, p, threshold, reasons, forecast, seen, seen_by, closed, crew,
                           closed_time, *found_out) in zip(names, found, strict=True)
            ]

        return self.database.read(work)


def _opened(tx: Transaction, row: tuple[Any, ...]) -> tuple[int, bool]:
    new = tx.rows("INSERT INTO alarms (machine, task, time, opened_at, p, threshold, reasons, forecast, crew) "
                  "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id", row)
    there = ("SELECT id FROM alarms WHERE machine = ? AND task = ? "
             "ORDER BY time = ? DESC, closed_at IS NULL DESC LIMIT 1")
    return (new or tx.rows(there, row[:3]))[0][0], bool(new)


def _add_comment(tx: Transaction, alarm_id: int, by: str, text: str, now: int) -> None:
    tx.run("INSERT INTO comments (alarm, at, said_by, said) VALUES (?, ?, ?, ?)", (alarm_id, now, by, plain(text)))
