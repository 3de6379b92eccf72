"""Threads that survive errors: a round that fails is tried again, and a thread that ended by itself is noticed."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from oilcan.ground.durations import wait_after

_LOG: Final = logging.getLogger("oilcan")
_FIRST_S: Final = 0.05          # waited after an error; doubled with each that follows
_LONGEST_S: Final = 5.0


class WatchedThread:
    """Repeats some work on a thread of its own until the work says that it is done.

    Parameters
    ----------
    work
        One round; false ends the thread. An error is logged, and after a while the next round begins: the work must
        leave things so that it can be done again.
    at_death
        Called on the thread when it ends although its work is not done.
    """

    def __init__(self, name: str, work: Callable[[], bool], at_death: Callable[[], object] = lambda: None) -> None:
        self.name, self._work, self._at_death = name, work, at_death
        self._ended, self._errors, self._ends = False, 0, threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_dead(self) -> bool:
        """Whether it ended although its work was not done."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._ended

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self, wait_s: float) -> bool:
        """Cut a wait after an error short and wait until the work is done, or for so long; whether it is."""
        self._ends.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._repeat()
        finally:
            if not self._ended:
                self._at_death()

    def _repeat(self) -> None:
        while True:
            try:
                if not self._work():
                    self._ended = True
                    return
                self._errors = 0
            except Exception as err:                # the next round may do it: a store that comes back, say
                self._errors += 1
                wait_s = wait_after(self._errors, _FIRST_S, _LONGEST_S)
                _LOG.warning("%s: %s. Tried again in %.2f s.", self.name, err or type(err).__name__, wait_s)
                if self._ends.wait(wait_s):
                    time.sleep(_FIRST_S)            # it ends; the work says when
