"""What could not be used, kept in a file of lines of JSON; it is on the disk before it is acknowledged."""

import base64
import json
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oilcan.gateway.row_queue import Row


class KeptAside:
    """The file.

    Attributes
    ----------
    count
        Lines written since the start.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._lock, self.count = file, threading.Lock(), 0

    def message(self, origin: str, payload: bytes, reason: str) -> None:
        """Keep a message that cannot be read, byte for byte."""
        encoded = base64.b64encode(payload).decode("ascii")
        self._append([{"origin": origin, "reason": reason, "payload_base64": encoded}])

    def rows(self, rows: Sequence[tuple[Row, str]]) -> None:
        """Keep readings that the service refuses, each with its reason."""
        self._append([{"origin": row.messages[0].origin, "reason": reason,
                       "reading": {"machine_id": row.machine, "time": row.time} | row.values} for row, reason in rows])

    def values(self, values: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """Keep values that cannot be used: each its origin, the reason, and what came."""
        self._append([{"origin": origin, "reason": reason, "reading": reading} for origin, reason, reading in values])

    def _append(self, entries: list[dict[str, Any]]) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        lines = "".join(json.dumps({"at": at} | entry) + "\n" for entry in entries)
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
            self.count += len(entries)
