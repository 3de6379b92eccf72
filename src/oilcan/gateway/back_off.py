"""How long to wait before something that failed is tried again."""

from typing import Final

from oilcan.ground.durations import wait_after

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 10.0


class BackOff:
    """Waits that double, up to ten seconds.

    Examples
    --------
    >>> back_off = BackOff()
    >>> [back_off.next_s() for _ in range(9)]
    [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    """

    def __init__(self) -> None:
        self._failures = 0

    def next_s(self) -> float:
        """The wait after one failure more."""
        self._failures += 1
        return wait_after(self._failures, _FIRST_S, _LONGEST_S)

    def reset(self) -> None:
        """It went well."""
        self._failures = 0
