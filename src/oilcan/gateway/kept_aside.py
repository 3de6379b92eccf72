"""What could not be used, kept in a file of lines of JSON; it is on the disk before it is acknowledged."""

import base64
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from oilcan.gateway.row_queue import Row

MOST_ALIKE: Final = 20          # values of one origin for one reason, in a while, that get a line each
WHILE_S: Final = 3600.0
_MOST_KINDS: Final = 10_000     # origins and reasons that are remembered


class KeptAside:
    """The file.

    A sensor that stays bad would fill the disk. So of the values of one origin and reason the first `MOST_ALIKE` of an
    hour get a line each; the others are counted, and their number stands in the next line, or in one at the end.

    Parameters
    ----------
    clock
        Seconds that only grow.

    Attributes
    ----------
    why
        Number of what was kept aside since the start: `unreadable_message`, `refused_by_service`, `unusable_value`.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._lock, self._clock = file, threading.Lock(), clock
        self.why: Counter[str] = Counter()
        self._since: dict[tuple[str, str], float] = {}
        self._alike: Counter[tuple[str, str]] = Counter()

    @property
    def count(self) -> int:
        """All that was kept aside since the start."""
        return self.why.total()

    def message(self, origin: str, payload: bytes, reason: str) -> None:
        """Keep a message that cannot be read, byte for byte."""
        encoded = base64.b64encode(payload).decode("ascii")
        self.why["unreadable_message"] += 1
        self._append([{"origin": origin, "reason": reason, "payload_base64": encoded}])

    def rows(self, rows: Sequence[tuple[Row, str]]) -> None:
        """Keep readings that the service refuses, each with its reason."""
        self.why["refused_by_service"] += len(rows)
        self._append([{"origin": row.messages[0].origin, "reason": reason,
                       "reading": {"machine_id": row.machine, "time": row.time} | row.values} for row, reason in rows])

    def values(self, values: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """Keep values that cannot be used: each its origin, the reason, and what came."""
        entries = [{"origin": origin, "reason": reason, "reading": reading} | counted
                   for origin, reason, reading in values if (counted := self._line(origin, reason)) is not None]
        self.why["unusable_value"] += len(values)
        if entries:
            self._append(entries)

    def finish(self) -> None:
        """Write how many values were counted without a line."""
        entries = [{"origin": origin, "reason": reason, "not_listed": number - MOST_ALIKE}
                   for (origin, reason), number in self._alike.items() if number > MOST_ALIKE]
        if entries:
            self._append(entries)
        self._alike.clear()
        self._since.clear()

    def _line(self, origin: str, reason: str) -> dict[str, int] | None:
        """What a line says of those before it that have none; None if this value gets no line."""
        alike, now = (origin, reason), self._clock()
        if len(self._since) > _MOST_KINDS:
            self.finish()
        if now - self._since.get(alike, now - WHILE_S) >= WHILE_S:
            before = self._alike[alike] - MOST_ALIKE
            self._since[alike], self._alike[alike] = now, 1
            return {"not_listed": before} if before > 0 else {}
        self._alike[alike] += 1
        return {} if self._alike[alike] <= MOST_ALIKE else None

    def _append(self, entries: list[dict[str, Any]]) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        lines = "".join(json.dumps({"at": at} | entry) + "\n" for entry in entries)
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
