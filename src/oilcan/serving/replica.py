"""What other replicas of the same store do: their readings, and their changes of the model."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from oilcan.errors import OilcanError

_EVERY_S: Final = 1.0
_LOG: Final = logging.getLogger("oilcan")


class Replica:
    """Looks at the store every second, on a thread of its own, until it is told to stop."""

    def __init__(self, *work: Callable[[], object]) -> None:
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replica", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                for work in self._work:
                    work()
            except OilcanError as err:          # the store is away, or a bundle is not here yet: the next round tries
                _LOG.warning("replica: %s", err)
