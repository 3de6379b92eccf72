"""Messages about alarms: which alarm goes where, and what became of each message."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from oilcan.io.stores.databases.database import Database, Row, Transaction
from oilcan.io.stores.databases.text_limits import clamped, plain

Step = Literal["alarm", "escalation", "work_order"]
State = Literal["waiting", "sent", "failed", "needless"]
STATES: Final[tuple[State, ...]] = ("waiting", "sent", "failed", "needless")
_COLUMNS: Final = ("deliveries.id, key, deliveries.channel, deliveries.step, crew, created_at, due_at, next_at, state, "
                   "attempts, finished_at, error, reference")
_JOINED: Final = (f"SELECT {_COLUMNS}, alarm FROM deliveries "  # noqa: S608 - our own words
                  "JOIN notices ON notices.delivery = deliveries.id")


@dataclass(frozen=True)
class AlarmToAnnounce:
    """An open alarm that may have to be announced to somebody; moments in microseconds UTC."""

    id: int
    crew: str
    since: int


@dataclass(frozen=True)
class NewNotice:
    """One alarm for one channel.

    Attributes
    ----------
    due_at
        Moment from which it may be sent.
    is_shared
        Whether it may join a message to the same channel that waits already.
    """

    alarm: int
    channel: str
    step: Step
    crew: str
    due_at: int
    is_shared: bool = False


@dataclass(frozen=True)
class Delivery:
    """One message.

    Attributes
    ----------
    key
        The same at every attempt, so that a receiver can tell a repetition.
    alarms
        Ids of its alarms, ascending.
    error
        Why the latest attempt failed; None if it did not.
    reference
        What the receiver calls what it made of it.
    """

    id: int
    key: str
    channel: str
    step: Step
    crew: str
    created_at: int
    due_at: int
    next_at: int
    state: State
    attempts: int
    finished_at: int | None
    error: str | None
    reference: str | None
    alarms: tuple[int, ...]


class Notices:
    """The messages of a store. Several processes may plan and send from it: each message has one owner at a time."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def last_alarm(self, before: int) -> int:
        """Id of the newest alarm that was opened before a moment; 0 if there is none."""
        sql = "SELECT coalesce(max(id), 0) FROM alarms WHERE opened_at < ?"
        return int(self._db.read(lambda tx: tx.rows(sql, (before,)))[0][0])

    def alarms_after(self, alarm: int, limit: int = 500) -> list[AlarmToAnnounce]:
        """Alarms with a greater id, in their order; `since` is the moment of opening."""
        sql = "SELECT id, crew, opened_at FROM alarms WHERE id > ? ORDER BY id LIMIT ?"
        return self._db.read(lambda tx: [AlarmToAnnounce(*row) for row in tx.rows(sql, (alarm, limit))])

    def unanswered(self, limit: int = 500) -> list[AlarmToAnnounce]:
        """Open alarms whose crew was due to be notified, that nobody acknowledged and that were not escalated.

        `since` is the moment at which the crew was due to be notified.
        """
        sql = ("SELECT alarms.id, alarms.crew, min(deliveries.due_at) FROM alarms JOIN notices ON notices.alarm = "
               "alarms.id AND notices.step = 'alarm' JOIN deliveries ON deliveries.id = notices.delivery "
               "WHERE alarms.closed_at IS NULL AND alarms.acknowledged_at IS NULL AND NOT EXISTS (SELECT 1 FROM "
               "notices AS further WHERE further.alarm = alarms.id AND further.step = 'escalation') "
               "GROUP BY alarms.id, alarms.crew ORDER BY alarms.id LIMIT ?")
        return self._db.read(lambda tx: [AlarmToAnnounce(*row) for row in tx.rows(sql, (limit,))])

    def plan(self, notices: Sequence[NewNotice], now: int) -> int:
        """Write down which alarms go where, in one transaction; a notice that is there already changes nothing.

        Returns
        -------
        How many of the notices are new.
        """
        return self._db.write(lambda tx: sum(_planned(tx, notice, now) for notice in notices))

    def claim(self, now: int, until: int, skipped: Collection[str] = ()) -> Delivery | None:
        """Become the owner of the message that is due first; None if none is.

        Parameters
        ----------
        until
            Moment at which somebody else may take it, because its owner may have died.
        skipped
            Channels of which none is wanted.
        """
        due = ("SELECT id, channel FROM deliveries WHERE state = 'waiting' AND next_at <= ? AND leased_until <= ? "
               "ORDER BY next_at, id LIMIT 500")
        mine = ("UPDATE deliveries SET leased_until = ?, attempts = attempts + 1 WHERE id = ? AND state = 'waiting' "
                "AND next_at <= ? AND leased_until <= ?")
        found = [key for key, channel in self._db.read(lambda tx: tx.rows(due, (now, now))) if channel not in skipped]

        def work(tx: Transaction) -> Delivery | None:
            for key in found:
                if tx.run(mine, (until, key, now, now)):
                    return next(iter(_deliveries(tx.rows(f"{_JOINED} WHERE deliveries.id = ?", (key,)))), None)
            return None

        return self._db.write(work) if found else None

    def finish(self, delivery: Delivery, state: State, now: int, *, error: str | None = None,
               reference: str | None = None, next_at: int = 0) -> bool:
        """Write down what became of an attempt; false if somebody else has made another since.

        Parameters
        ----------
        state
            `waiting` to try it again at `next_at`.
        """
        sql = ("UPDATE deliveries SET state = ?, finished_at = ?, error = ?, reference = ?, next_at = ?, leased_until "
               "= 0 WHERE id = ? AND attempts = ? AND state = 'waiting'")
        values = (state, None if state == "waiting" else now, None if error is None else plain(error, 300),
                  None if reference is None else plain(reference, 200), next_at or delivery.next_at, delivery.id,
                  delivery.attempts)
        return bool(self._db.write(lambda tx: tx.run(sql, values)))

    def counts(self) -> dict[tuple[str, State], int]:
        """How many messages of each channel are in each state."""
        sql = "SELECT channel, state, count(*) FROM deliveries GROUP BY channel, state"
        return self._db.read(lambda tx: {(channel, state): number for channel, state, number in tx.rows(sql)})

    def oldest_waiting(self) -> int | None:
        """When the oldest message that still waits was due; None if none waits."""
        sql = "SELECT min(due_at) FROM deliveries WHERE state = 'waiting'"
        found: int | None = self._db.read(lambda tx: tx.rows(sql))[0][0]
        return found

    def newest(self, limit: int = 100) -> list[Delivery]:
        """The newest messages, newest first."""
        sql = (f"{_JOINED} WHERE deliveries.id IN (SELECT id FROM "  # noqa: S608 - our own words
               "deliveries ORDER BY id DESC LIMIT ?) ORDER BY deliveries.id DESC")
        return self._db.read(lambda tx: _deliveries(tx.rows(sql, (clamped(limit),))))

    def about(self, alarms: Sequence[int]) -> list[Delivery]:
        """Every message about one of some alarms, newest first."""
        if not alarms:
            return []
        marks = ", ".join("?" * len(alarms))
        sql = (f"{_JOINED} WHERE deliveries.id IN (SELECT delivery FROM notices WHERE "  # noqa: S608 - our own words
               f"alarm IN ({marks})) ORDER BY deliveries.id DESC")
        return self._db.read(lambda tx: _deliveries(tx.rows(sql, [clamped(alarm) for alarm in alarms])))


def key_of(channel: str, step: Step, machine_id: str, task: str, time: int) -> str:
    """The key of a message by its first alarm; no two messages of a store have the same.

    Examples
    --------
    >>> key_of("cmms", "work_order", "m1", "failure", 7)
    'oilcan-...'
    """
    text = "\0".join((channel, step, machine_id, task, str(time)))
    return f"oilcan-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _planned(tx: Transaction, notice: NewNotice, now: int) -> bool:
    there = tx.rows("SELECT 1 FROM notices WHERE alarm = ? AND channel = ? AND step = ?",
                    (notice.alarm, notice.channel, notice.step))
    alarm = tx.rows("SELECT machine_id, task, time FROM alarms JOIN machines USING (machine) WHERE id = ?",
                    (notice.alarm,))
    if there or not alarm:
        return False
    shared = _joined(tx, notice, now) if notice.is_shared else None
    delivery = _made(tx, notice, key_of(notice.channel, notice.step, *alarm[0]), now) if shared is None else shared
    if delivery is None:        # another process planned it at the same moment
        return False
    is_new = tx.run("INSERT INTO notices (alarm, channel, step, delivery) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (notice.alarm, notice.channel, notice.step, delivery))
    if not is_new and shared is None:
        tx.run("DELETE FROM deliveries WHERE id = ?", (delivery,))
    return bool(is_new)


def _made(tx: Transaction, notice: NewNotice, key: str, now: int) -> int | None:
    """A new message without alarms; None if there is one with its key."""
    found = tx.rows("INSERT INTO deliveries (key, channel, step, crew, created_at, due_at, next_at, state, attempts, "
                    "leased_until) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0) ON CONFLICT DO NOTHING RETURNING id",
                    (key, notice.channel, notice.step, notice.crew, now, notice.due_at, notice.due_at))
    return found[0][0] if found else None


def _joined(tx: Transaction, notice: NewNotice, now: int) -> int | None:
    """A message that waits for its moment and can take one more alarm; nobody claims it until this is committed."""
    found = tx.rows("UPDATE deliveries SET attempts = 0 WHERE id = (SELECT id FROM deliveries WHERE channel = ? AND "
                    "step = ? AND crew = ? AND state = 'waiting' AND attempts = 0 AND due_at > ? ORDER BY id LIMIT 1) "
                    "AND attempts = 0 RETURNING id", (notice.channel, notice.step, notice.crew, now))
    return found[0][0] if found else None


def _deliveries(rows: Sequence[Row]) -> list[Delivery]:
    """One delivery for the rows of its alarms."""
    alarms: dict[int, list[int]] = {}
    first: dict[int, Row] = {}
    for row in rows:
        alarms.setdefault(row[0], []).append(row[-1])
        first.setdefault(row[0], row)
    whole: list[Row] = [(*row[:-1], tuple(sorted(alarms[key]))) for key, row in first.items()]
    return [Delivery(*values) for values in whole]
