"""Rows kept aside: why rows of a machine were refused. Only the newest are kept."""

from collections.abc import Sequence
from typing import Final

from oilcan.io.stores.databases.database import Database, Transaction
from oilcan.io.stores.databases.text_limits import clamped, plain
from oilcan.io.stores.values import Refused

KEPT: Final = 100_000                   # rows


def keep_aside(tx: Transaction, rows: Sequence[Refused], now: int) -> None:
    """Store refused rows and drop the oldest beyond the bound."""
    if not rows:
        return
    tx.insert("refused (received_at, source, machine_id, time, reason, content)",
           ((now, row.source, plain(row.machine_id), clamped(row.time), plain(row.reason), plain(row.content))
            for row in rows))
    tx.run("DELETE FROM refused WHERE id <= (SELECT max(id) FROM refused) - ?", (KEPT,))


class RefusedPart:
    """The part of a store about refused rows."""

    database: Database

    def refuse(self, rows: Sequence[Refused], now: int) -> None:
        """Keep rows aside."""
        self.database.write(lambda tx: keep_aside(tx, rows, now))

    def refused(self, limit: int = 100) -> list[Refused]:
        """The newest refused rows, newest first."""
        sql = "SELECT source, machine_id, time, reason, content FROM refused ORDER BY id DESC LIMIT ?"
        return self.database.read(lambda tx: [Refused(*row) for row in tx.rows(sql, (limit,))])
