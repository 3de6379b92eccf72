"""Readings on their way from the sources to the service: joined from single values, counted, in bounded numbers."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_LOOK_S: Final = 0.05           # between two looks of a taker who waits


@dataclass(slots=True)
class Message:
    """A message of a source; it is settled when each of its readings is stored or kept aside.

    Attributes
    ----------
    origin
        Topic of MQTT or node of OPC UA, for people.
    open
        Readings of it that are on their way; one more while it is being read.
    """

    origin: str
    open: int = 1


@dataclass(slots=True)
class Row:
    """One reading of one machine, and the messages that it came from."""

    machine: str
    time: str | float
    values: dict[str, Any]
    messages: list[Message] = field(default_factory=list)


class RowQueue:
    """Between the threads of the sources, which put, and the thread that forwards, which takes and settles.

    Parameters
    ----------
    most
        Rows in it, those that are being sent included, up to which it `has_room`.
    join_s
        How long a reading waits for columns that are missing in it.
    clock
        Seconds that only grow.
    on_settled
        Called after messages are settled.
    """

    def __init__(self, most: int, join_s: float, clock: Callable[[], float]) -> None:
        self._most, self._join_s, self._clock = most, join_s, clock
        self._changed = threading.Condition()
        self._ready: deque[Row] = deque()
        self._partial: dict[tuple[str, str | float], tuple[Row, float]] = {}    # the oldest first
        self._sent = 0
        self._wanted = 1
        self.on_settled: list[Callable[[], None]] = []

    def __len__(self) -> int:
        """Rows that wait or are being sent."""
        return len(self._ready) + len(self._partial) + self._sent

    @property
    def has_room(self) -> bool:
        """Whether sources may go on reading."""
        return len(self) < self._most

    def put(self, row: Row, message: Message, wanted: frozenset[str] | None) -> None:
        """Add a reading, or a part of one.

        Parameters
        ----------
        wanted
            Columns that make the reading whole; None if it is whole as it is.

        Examples
        --------
        >>> queue, one, two = RowQueue(9, 60.0, lambda: 0.0), Message("a"), Message("b")
        >>> queue.put(Row("M1", 7, {"load": 1.0}), one, frozenset({"load", "speed"}))
        >>> queue.put(Row("M1", 7, {"speed": 2.0}), two, frozenset({"load", "speed"}))
        >>> [(row.values, len(row.messages)) for row in queue.take(9, 0.0)]
        [({'load': 1.0, 'speed': 2.0}, 2)]
        """
        with self._changed:
            message.open += 1
            row.messages.append(message)
            if wanted is not None:
                whole = self._joined(row, wanted)
                if whole is None:
                    return
                row = whole
            self._ready.append(row)
            if len(self._ready) == self._wanted:
                self._changed.notify_all()

    def _joined(self, row: Row, wanted: frozenset[str]) -> Row | None:
        """The row to send now: one that is whole, or one that contradicts the part that waits; the store judges it."""
        key = (row.machine, row.time)
        waiting, since = self._partial.get(key, (None, self._clock()))
        if waiting is not None:
            if any(waiting.values.get(name, value) != value for name, value in row.values.items()):
                return row
            waiting.values |= row.values
            waiting.messages += row.messages
            row = waiting
        if row.values.keys() >= wanted:
            self._partial.pop(key, None)
            return row
        self._partial[key] = row, since
        return None

    def take(self, most: int, wait_s: float) -> list[Row]:
        """At most so many rows, after so long a wait, or as soon as there are so many."""
        end = self._clock() + wait_s
        with self._changed:
            self._wanted = most
            while True:
                self._release()
                left = end - self._clock()
                if len(self._ready) >= most or left <= 0:
                    break
                self._changed.wait(min(left, _LOOK_S))
            rows = [self._ready.popleft() for _ in range(min(most, len(self._ready)))]
            self._sent += len(rows)
            return rows

    def _release(self) -> None:
        """Rows that have waited long enough for their columns go as they are."""
        before = self._clock() - self._join_s
        while self._partial:
            key = next(iter(self._partial))
            row, since = self._partial[key]
            if since > before:
                return
            del self._partial[key]
            self._ready.append(row)

    def settle(self, rows: list[Row]) -> None:
        """These rows are stored or kept aside."""
        with self._changed:
            self._sent -= len(rows)
            for row in rows:
                for message in row.messages:
                    message.open -= 1
        for call in self.on_settled:
            call()

    def settled(self, messages: Mapping[int, Message]) -> list[int]:
        """Which messages are settled, by the caller's numbers; those that one reading came from are so at once."""
        with self._changed:
            return [number for number, message in messages.items() if not message.open]

    def read(self, message: Message) -> None:
        """All readings of a message have been put."""
        with self._changed:
            message.open -= 1
