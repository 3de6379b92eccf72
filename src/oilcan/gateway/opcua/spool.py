"""Readings that were taken and are not stored by the service yet, on the disk.

A reading and the note of what was taken last from its nodes are written together, before the server hears that we have
it. So a kill at any moment leaves a reading either here, or at the server.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from oilcan.gateway.opcua.node_values import NodeValue
from oilcan.gateway.row_queue import Row
from oilcan.ground.errors import IntegrityError

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS reading (id INTEGER PRIMARY KEY AUTOINCREMENT, machine TEXT, time TEXT, content TEXT);
CREATE TABLE IF NOT EXISTS last (node TEXT PRIMARY KEY, time INTEGER, content TEXT) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class Spool:
    """The file; for one thread.

    Raises
    ------
    IntegrityError
        If the file is not one that was written here.

    Examples
    --------
    >>> import tempfile
    >>> spool = Spool(Path(tempfile.mkdtemp()) / "spool.db")
    >>> spool.add([Row("M1", "2026-01-31T12:00:00+00:00", {"load": 7})], [])
    >>> [(at, row.values) for at, row in spool.after(0, 10)], len(spool)
    ([(1, {'load': 7})], 1)
    >>> spool.remove([1])
    >>> len(spool)
    0
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._empty = time.monotonic()
        self._connection = sqlite3.connect(file, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise sqlite3.DatabaseError(f"version {version}")
            self._connection.executescript(_TABLES)
            (self._count,) = self._connection.execute("SELECT count(*) FROM reading").fetchone()
        except sqlite3.DatabaseError as err:
            self._connection.close()
            if isinstance(err, sqlite3.OperationalError):       # locked, full, not writable: the file is not at fault
                raise
            raise IntegrityError(f"{file}: is no spool (found {err}, wanted one of version {_VERSION}). Move it away; "
                                 f"the gateway then reads what it can from the server's history.") from err

    def filled_s(self) -> float:
        """Seconds since it was empty last, or was opened; 0 if it is empty."""
        return time.monotonic() - self._empty if self._count else 0.0

    def __len__(self) -> int:
        """Readings in it."""
        return self._count

    def add(self, rows: Sequence[Row], values: Iterable[NodeValue]) -> None:
        """Write readings, and the values that they came from as the last of their nodes; both or neither."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO reading (machine, time, content) VALUES (?, ?, ?)",
                                         [(row.machine, row.time, json.dumps(row.values)) for row in rows])
            self._connection.executemany(
                "INSERT OR REPLACE INTO last VALUES (?, ?, ?)",
                [(value.node, value.microseconds, json.dumps(value.content)) for value in values])
        if not self._count:
            self._empty = time.monotonic()
        self._count += len(rows)

    def after(self, last: int, most: int) -> list[tuple[int, Row]]:
        """At most so many readings that were written after one, each with its number."""
        rows = self._connection.execute("SELECT id, machine, time, content FROM reading WHERE id > ? ORDER BY id "
                                        "LIMIT ?", (last, most))
        return [(number, Row(machine, time, json.loads(content))) for number, machine, time, content in rows]

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget readings that are stored or kept aside, all at once."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("DELETE FROM reading WHERE id = ?", [(number,) for number in numbers])
        self._count -= len(numbers)

    def last(self) -> dict[tuple[str, int], Any]:
        """(node, microseconds since 1970) -> value: what was taken last from each node."""
        return {(node, time): json.loads(content)
                for node, time, content in self._connection.execute("SELECT node, time, content FROM last")}

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
