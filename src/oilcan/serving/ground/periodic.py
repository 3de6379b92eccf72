"""Work that is done every so often, on a thread of its own."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from oilcan.serving.ground.watched_threads import WatchedThread

_LOG: Final = logging.getLogger("oilcan")


class PeriodicWork:
    """Some pieces of work, every so often.

    A piece that fails (the store is away, say) does not keep the others from being done. Its error is logged, and the
    next round tries it again.

    Parameters
    ----------
    every_s
        From the end of a round to the next.
    at_once
        Whether the first round begins at the start, and not one time later.
    """

    def __init__(self, name: str, every_s: float, *work: Callable[[], object], at_once: bool = False) -> None:
        self._name, self._every_s, self._work, self._wait_s = name, every_s, work, 0.0 if at_once else every_s
        self._stop = threading.Event()
        self.thread = WatchedThread(name, self._round)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self, wait_s: float = 10.0) -> None:
        """Finish the round that runs, if it ends in time, and begin no other."""
        self._stop.set()
        self.thread.end(wait_s)

    def _round(self) -> bool:
        if self._stop.wait(self._wait_s):
            return False
        self._wait_s = self._every_s
        for work in self._work:
            try:
                work()
            except Exception as err:                # of any kind: the other pieces must be done
                _LOG.warning("%s: %s", self._name, err or type(err).__name__)
        return True
