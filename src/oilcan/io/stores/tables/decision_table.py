"""Decisions on the model: nothing, collect, recalibrate, retrain, or unknown; rows are only added."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from oilcan.io.stores.databases.database import Database, Row, Transaction
from oilcan.io.stores.databases.text_limits import clamped

ACTING: Final = ("recalibrate", "retrain")      # actions after which the cooldown runs
_COLUMNS: Final = "id, at, decided_by, action, reasons, cause, detail"

_INSERT: Final = ("INSERT INTO decisions (at, decided_by, action, reasons, cause, detail) "  # noqa: S608 - our own words
                  f"VALUES (?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}")


@dataclass(frozen=True)
class NewDecision:
    """What was decided.

    Attributes
    ----------
    by
        Name of a key, or of a user at the command line.
    cause
        What asked for it, so that the same question asked again is known; empty for a person.
    detail
        What it rests on: alerts, verdict, window.
    """

    by: str
    action: str
    reasons: tuple[str, ...]
    cause: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredDecision(NewDecision):
    """A decision as the store has it; `at` is in microseconds UTC."""

    id: int = 0
    at: int = 0


class Decisions:
    """The decisions of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, decision: NewDecision, now: int, *, again_us: int = 0) -> StoredDecision:
        """Write a decision down; durable when it returns.

        Parameters
        ----------
        again_us
            A decision with the same cause that is younger than this is the answer instead: the same question was sent
            twice. 0 always writes.
        """
        def work(tx: Transaction) -> StoredDecision:
            there = tx.rows(f"SELECT {_COLUMNS} FROM decisions WHERE cause = ? AND at > ? "  # noqa: S608 - our own words
                            "ORDER BY id DESC LIMIT 1", (decision.cause, now - again_us)) if again_us else []
            return _decision((there or tx.rows(_INSERT, (
                now, decision.by, decision.action, json.dumps(decision.reasons), decision.cause,
                json.dumps(decision.detail, sort_keys=True))))[0])

        return self._db.write(work)

    def newest(self, limit: int = 100) -> list[StoredDecision]:
        """The newest decisions, newest first."""
        sql = f"SELECT {_COLUMNS} FROM decisions ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own words
        return self._db.read(lambda tx: [_decision(row) for row in tx.rows(sql, (clamped(limit),))])

    def last_action(self) -> int | None:
        """Moment of the newest decision to recalibrate or retrain; None if there was none."""
        sql = "SELECT max(at) FROM decisions WHERE action IN (?, ?)"
        found: int | None = self._db.read(lambda tx: tx.rows(sql, ACTING))[0][0]
        return found


def _decision(row: Row) -> StoredDecision:
    key, at, by, action, reasons, cause, detail = row
    return StoredDecision(by, action, tuple(json.loads(reasons)), cause, json.loads(detail), key, at)
