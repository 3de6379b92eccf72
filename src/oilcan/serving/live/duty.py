"""What one replica does for all others on the same store: it monitors, saves snapshots, tidies up.

The holder raises a number in the store every moment. One that sees it stand still for some seconds, by its own clock,
takes the duty over. Two that do the work at once do no harm; they do it twice.
"""

import secrets
import time
from collections.abc import Callable
from typing import Final

from oilcan.io.stores import Store
from oilcan.io.stores.tables.state_table import Holding
from oilcan.serving.ground.periodic import PeriodicWork

_BEAT_S: Final = 1.0
_DEAD_S: Final = 5.0            # without a beat


class Duty:
    """Whether this process has the duty; always, where no other may serve from the store.

    Parameters
    ----------
    is_fit
        Whether this process could do it: one that cannot leaves it to the others.

    Attributes
    ----------
    holds
        Whether it has it, as far as it knows.
    """

    def __init__(self, store: Store, is_fit: Callable[[], bool]) -> None:
        self._store, self._is_fit, self._me = store, is_fit, secrets.token_hex(8)
        self.holds = not store.is_shared
        self._seen: Holding | None = None
        self._since = time.monotonic()
        self._heard = -1                        # number of the words that were read last
        self._rounds = PeriodicWork("duty", _BEAT_S, self._look, at_once=True)
        self.thread = self._rounds.thread

    def start(self) -> None:
        """Begin to beat, or to watch who does."""
        if self._store.is_shared:
            self._rounds.start()

    def stop(self, wait_s: float) -> None:
        """Leave it to the others at once, if the store answers."""
        self._rounds.stop(wait_s)
        if self._store.is_shared and self.holds and self._store.health.trouble is None:
            self._store.duties.leave(self._me)
        self.holds = False

    def say(self, words: Callable[[], str]) -> None:
        """Tell the others what is known, if there may be others."""
        if self._store.is_shared and self.holds:
            self.holds = self._store.duties.say(self._me, words())

    def heard(self) -> str | None:
        """What the holder said, if it has said something since this was asked before."""
        seen = self._seen
        if seen is None or seen.said == self._heard:
            return None
        words = self._store.duties.words()
        self._heard = seen.said
        return words or None

    def hear_again(self) -> None:
        """What was heard is no longer known."""
        self._heard = -1

    def _look(self) -> None:
        if self.holds and self._is_fit():
            self.holds = self._store.duties.beat(self._me)
        elif self.holds:
            self._store.duties.leave(self._me)
            self.holds = False
        else:
            self._follow()

    def _follow(self) -> None:
        seen, now = self._store.duties.holding(), time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        is_free = seen is None or not seen.holder or now - self._since > _DEAD_S
        if is_free and self._is_fit():
            self.holds = self._store.duties.take(seen, self._me)
            self._heard = -1
