"""The API keys of the store, kept in memory: no request waits for the store to learn who asks.

A thread reads all keys every two seconds. So a revoked key is refused, and a service with its first key is closed,
after two seconds at the latest while the store answers. While it does not, the last keys stay valid for a minute;
after that every request that needs a key is refused with 503, because nobody could say which keys were revoked.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from oilcan.io.stores.tables.key_table import Keys, token_hash
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.ground.watched_threads import WatchedThread

_LOG: Final = logging.getLogger("oilcan")
_EVERY_S: Final = 2.0           # between two readings
_VALID_S: Final = 60.0          # a reading is good for this long when no later one succeeds
_WAIT_S: Final = 1.0            # an unknown key waits at most this long for the next reading: it may be new
_PAUSE_S: Final = 0.05          # at least between two readings, however many unknown keys ask for one
_PAUSE_AFTER_ERROR_S: Final = 0.5
_USED_EVERY_S: Final = 60.0     # "last used" of a key is written at most this often


@dataclass(frozen=True)
class Caller:
    """Who sends a request: the name of its key, or `open` where no key is needed."""

    name: str
    scope: str


class KeyRing:
    """The keys of a store as they were a moment ago; also writes down when each was last used.

    Parameters
    ----------
    keys
        Of the store; read once before this returns.
    wall_clock
        Microseconds since 1970, for "last used".
    """

    def __init__(self, keys: Keys, wall_clock: Callable[[], int]) -> None:
        self._keys, self._wall_clock = keys, wall_clock
        self._callers: dict[bytes, Caller] = {}                 # by hash of the token: no token stays in memory
        self._used: dict[str, int] = {}                         # name -> wall clock, not yet written
        self._written: dict[str, float] = {}                    # name -> monotonic clock
        self._waiting: list[Future[None]] = []
        self._lock, self._wake, self._is_ending = threading.Lock(), threading.Event(), False
        self.thread = WatchedThread("key-ring", self._round)
        self._read()

    def start(self) -> None:
        """Begin to follow the store."""
        self.thread.start()

    def stop(self, wait_s: float) -> None:
        """Write the last uses and end the thread; a store that hangs is waited for so long."""
        self._is_ending = True
        self._wake.set()
        self.thread.end(wait_s)

    def is_empty(self) -> bool:
        """Whether there is no key that is not revoked; Refusal 503 if the last reading is too old."""
        self._refuse_if_old()
        return not self._callers

    def caller(self, token: str) -> Caller | None:
        """The caller with this token, None if it was unknown at the last reading; Refusal 503 if that is too old."""
        self._refuse_if_old()
        caller = self._callers.get(token_hash(token))
        if caller is not None:
            if caller.name not in self._written:
                self._wake.set()
            self._used[caller.name] = self._wall_clock()
        return caller

    async def caller_after_reading(self, token: str) -> Caller | None:
        """As `caller`, after the next reading: a key that was made a moment ago is known then."""
        reading: Future[None] = Future()
        with self._lock:
            self._waiting.append(reading)
        self._wake.set()
        try:
            await asyncio.wait_for(asyncio.wrap_future(reading), _WAIT_S)
        except TimeoutError:
            raise _no_answer() from None
        return self.caller(token)

    def _refuse_if_old(self) -> None:
        if time.monotonic() > self._valid_until:
            raise _no_answer()

    def _round(self) -> bool:
        """Read the keys when it is time or somebody waits for them; whether to go on."""
        self._wake.wait(_EVERY_S)
        self._wake.clear()
        is_last = self._is_ending
        with self._lock:
            waiting, self._waiting = self._waiting, []
        try:
            self._read()
            for reading in waiting:
                if reading.set_running_or_notify_cancel():
                    reading.set_result(None)
            self._write_uses()
        except Exception as err:            # of any kind; the next attempt comes sooner than after an error elsewhere
            _LOG.warning("keys: the store does not answer (%s); trying again", err)
            time.sleep(0.0 if is_last else _PAUSE_AFTER_ERROR_S)
        time.sleep(0.0 if is_last else _PAUSE_S)
        return not is_last

    def _read(self) -> None:
        began = time.monotonic()
        self._callers = {digest: Caller(key.name, key.scope) for digest, key in self._keys.by_hash().items()}
        self._valid_until = began + _VALID_S

    def _write_uses(self) -> None:
        now = time.monotonic()
        for name, at in list(self._used.items()):
            if self._is_ending or now - self._written.get(name, -_USED_EVERY_S) >= _USED_EVERY_S:
                self._keys.used(name, at)
                self._written[name] = now
                self._used.pop(name, None)


def _no_answer() -> Refusal:
    return Refusal(503, "store", found="no answer about keys", wanted="a store that answers",
                   do="Send it again after a moment.", headers={"Retry-After": "2"})
