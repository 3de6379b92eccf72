"""Where every bundle that was ever in service came from, so that its forecasts lead back when another one answers."""

import json
from collections.abc import Mapping
from typing import Any

from oilcan.io.stores.databases.database import Database


class Bundles:
    """Lineages by digest; entered once, never changed, never removed."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def enter(self, digest: str, lineage: Mapping[str, Any], now: int) -> None:
        """Remember a bundle. A known one is left as it is: its digest covers its lineage."""
        row = digest, json.dumps(lineage, allow_nan=False), now
        self._db.write(lambda tx: tx.run(
            "INSERT INTO bundles (bundle, lineage, entered_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row))

    def lineage(self, digest: str) -> dict[str, Any] | None:
        """What its manifest says it was made from; None if it was in service only before stores knew this."""
        found = self._db.read(lambda tx: tx.rows("SELECT lineage FROM bundles WHERE bundle = ?", (digest,)))
        return json.loads(found[0][0]) if found else None
