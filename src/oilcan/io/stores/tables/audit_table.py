"""Who changed what: written in the same transaction as the change itself."""

import json
from dataclasses import dataclass
from typing import Any

from oilcan.io.stores.databases.database import Database, Transaction


@dataclass(frozen=True)
class Entry:
    """One change; `done_by` is the name of a key, or of a user at the command line."""

    at: int
    done_by: str
    action: str
    detail: dict[str, Any]


def write_down(tx: Transaction, by: str, action: str, detail: dict[str, Any], now: int) -> None:
    """Add an entry within a transaction."""
    tx.run("INSERT INTO audit (at, done_by, action, detail) VALUES (?, ?, ?, ?)",
           (now, by, action, json.dumps(detail, sort_keys=True)))


class Audit:
    """The entries of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, by: str, action: str, detail: dict[str, Any], now: int) -> None:
        """Write down a change that happened elsewhere."""
        self._db.write(lambda tx: write_down(tx, by, action, detail, now))

    def entries(self, limit: int = 1_000) -> list[Entry]:
        """The newest entries, newest first."""
        sql = "SELECT at, done_by, action, detail FROM audit ORDER BY id DESC LIMIT ?"
        return self._db.read(
            lambda tx: [Entry(at, by, action, json.loads(detail)) for at, by, action, detail in tx.rows(sql, (limit,))])
