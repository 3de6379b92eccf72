"""Work that is done every so often, on a thread of its own."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from oilcan.serving.ground.watched_threads import WatchedThread

_LOG: Final = logging.getLogger("oilcan")


class PeriodicWork:
    """Some pieces of work, every so often.

    Each piece is done whatever became of the one before it. What fails (a store that is away, a bundle that is not
    here yet) is logged, and the next round tries it again.

    Parameters
    ----------
    every_s
        From the end of a round to the next.
    """

    def __init__(self, name: str, every_s: float, *work: Callable[[], object]) -> None:
        self._name, self._every_s, self._work = name, every_s, work
        self._stop = threading.Event()
        self.thread = WatchedThread(name, self._round)

    def start(self) -> None:
        """Begin; the first round comes after the time of one."""
        self.thread.start()

    def stop(self, wait_s: float = 10.0) -> None:
        """Finish the round that runs, if it ends in time, and begin no other."""
        self._stop.set()
        self.thread.end(wait_s)

    def _round(self) -> bool:
        if self._stop.wait(self._every_s):
            return False
        for work in self._work:
            try:
                work()
            except Exception as err:                # whatever it is, the other work must not wait for it
                _LOG.warning("%s: %s", self._name, err or type(err).__name__)
        return True
