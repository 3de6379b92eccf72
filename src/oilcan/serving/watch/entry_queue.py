"""Entries of the log on their way from the engine to the monitoring; what does not fit is read from the store."""

import threading
from collections import deque
from typing import Final

from oilcan.io.stores.log_entries import Cursor, Entry

_MOST: Final = 200_000                  # readings that may wait


class EntryQueue:
    """Entries in the order of the log, without a gap; bounded."""

    def __init__(self) -> None:
        self._lock, self._entries, self._waiting = threading.Lock(), deque[Entry](), 0

    def put(self, entry: Entry) -> None:
        """Add an entry; if too many wait, or one is missing before it, those that wait are let go."""
        with self._lock:
            if self._entries and (self._entries[-1].cursor != entry.before or self._waiting > _MOST):
                self._entries.clear()
                self._waiting = 0
            self._entries.append(entry)
            self._waiting += len(entry.readings)

    def clear(self) -> None:
        """Let go of all that wait."""
        with self._lock:
            self._entries.clear()
            self._waiting = 0

    def take(self, cursor: Cursor) -> list[Entry] | None:
        """The entries after a cursor; None if there is a gap, and the store has to be asked."""
        with self._lock:
            entries = [entry for entry in self._entries if entry.cursor.number > cursor.number]
            self._entries.clear()
            self._waiting = 0
        return entries if not entries or entries[0].before == cursor else None
