"""When the next verdict is due: verdicts take a small share of what the service itself takes of the processors."""

import time
from typing import Final

_TIMES: Final = 200                     # a verdict's processor time: that much passes, and the process takes, at least
_IDLE_TIMES: Final = 300                # that passes where the process takes little: an idle service judges as well
_LONGEST_S: Final = 3_600.0


class VerdictPace:
    """Waits by the processor time that the last verdict took.

    Readings that come at full speed on a machine that others keep busy take little of a processor in a second, so a
    wait by the clock alone would let verdicts take a large share of what intake takes.

    Examples
    --------
    >>> pace = VerdictPace()
    >>> pace.is_due                 # the first at once
    True
    >>> pace.took(0.5)
    >>> pace.is_due
    False
    >>> pace.hurry()
    >>> pace.is_due
    True
    """

    def __init__(self) -> None:
        self._earliest = self._latest = self._worked = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next verdict."""
        now = time.monotonic()
        return now >= self._earliest and (now >= self._latest or time.process_time() >= self._worked)

    def took(self, seconds: float) -> None:
        """A verdict has just taken so much processor time."""
        now = time.monotonic()
        self._earliest = now + min(_LONGEST_S, _TIMES * seconds)
        self._latest = now + min(_LONGEST_S, _IDLE_TIMES * seconds)
        self._worked = time.process_time() + _TIMES * seconds

    def hurry(self) -> None:
        """The next is due at once."""
        self._earliest = self._latest = 0.0
