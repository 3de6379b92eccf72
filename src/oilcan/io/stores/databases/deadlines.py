"""Connections that are cut when their time is up: a server that is frozen answers nothing, not even that it is late."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Protocol

import psycopg

_EVERY_S = 0.25         # how often the clock is read while anything is watched


class Connection(Protocol):
    """What has a socket."""

    def fileno(self) -> int:
        """Its number."""


class Deadlines:
    """Watches connections in use; one thread, which ends when there is nothing to watch."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._until: dict[int, tuple[Connection, float]] = {}       # by number of the watch
        self._next, self._runs = 0, False

    @contextlib.contextmanager
    def watch(self, connection: Connection, until: float) -> Iterator[None]:
        """Cut the connection if the block has not ended by a moment of `time.monotonic`."""
        with self._changed:
            number, self._next = self._next, self._next + 1
            self._until[number] = connection, until
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._look, name="store-deadlines", daemon=True).start()
        try:
            yield
        finally:
            with self._changed:
                self._until.pop(number, None)

    def cut_all(self) -> None:
        """Cut every connection in use; who waits for an answer gets an error."""
        with self._changed:
            for connection, _ in self._until.values():
                _cut(connection)

    def _look(self) -> None:
        idle = 0
        while idle < 20:                # a thread for each transaction would cost more than one that waits a while
            time.sleep(_EVERY_S)
            with self._changed:
                idle = 0 if self._until else idle + 1
                for connection, until in self._until.values():
                    if time.monotonic() > until:
                        _cut(connection)
                if idle >= 20:
                    self._runs = False


def _cut(connection: Connection) -> None:
    """End both directions of the socket below a connection; whoever reads from it gets an error at once."""
    with contextlib.suppress(OSError, psycopg.Error):            # closed already
        duplicate = socket.socket(fileno=os.dup(connection.fileno()))
        try:
            duplicate.shutdown(socket.SHUT_RDWR)
        finally:
            duplicate.close()
