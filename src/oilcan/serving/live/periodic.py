"""Work that comes round: a thread that does something every so often until it is told to stop."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from oilcan.ground.errors import OilcanError
from oilcan.serving.live.write_pipeline import Busy

_LOG: Final = logging.getLogger("oilcan")


class Rounds:
    """Some work, every so often, on a thread of its own.

    What stands in the way of one round (a store that is away, a pipeline that is full, a bundle that is not here yet)
    is logged, and the next round tries again.

    Parameters
    ----------
    every_s
        From the end of a round to the next.
    """

    def __init__(self, name: str, every_s: float, *work: Callable[[], object]) -> None:
        self._name, self._every_s, self._work = name, every_s, work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after the time of one."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round that runs, and begin no other."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                for work in self._work:
                    work()
            except (OilcanError, Busy) as err:
                _LOG.warning("%s: %s", self._name, err)
