"""Times of sources -> times as the service reads them."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from oilcan.gateway.unreadable import Unreadable

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PER: Final = {"epoch_s": 1_000_000, "epoch_ms": 1_000}


class Instants:
    """Reads times; joins need equal ones.

    Parameters
    ----------
    grid_s
        Times are rounded down to multiples of it; None leaves them.

    Examples
    --------
    >>> Instants(None).read("2026-01-31T12:00:00.25+01:00", "iso"), Instants(10.0).read(1_769_857_209_000, "epoch_ms")
    ('2026-01-31T11:00:00.250000+00:00', '2026-01-31T11:00:00+00:00')
    """

    def __init__(self, grid_s: float | None) -> None:
        self._grid = None if grid_s is None else round(grid_s * 1e6)
        self._last: tuple[int, str] = (0, _EPOCH.isoformat())

    def read(self, content: Any, time_format: str) -> str | float:
        """A time of a JSON field.

        Raises
        ------
        Unreadable
            If it is not an instant, or has no offset.
        """
        is_number = type(content) in (int, float)
        if time_format == "number":
            if not is_number:
                raise Unreadable(f"time: found {content!r}, wanted a number")
            return content
        try:
            if time_format == "iso":
                moment = datetime.fromisoformat(content)
                if moment.tzinfo is None:
                    raise Unreadable(f"time: found {content!r} without an offset, wanted Z or an offset")
                return self.of_instant(moment)
            if is_number:
                return self.of_microseconds(round(content * _PER[time_format]))
        except (TypeError, ValueError, OverflowError):
            pass
        raise Unreadable(f"time: found {content!r}, wanted {time_format}")

    def of_instant(self, moment: datetime) -> str:
        """A time with a zone."""
        return self.of_microseconds((moment - _EPOCH) // _MICROSECOND)

    def of_microseconds(self, time: int) -> str:
        """A number of microseconds since 1970; OverflowError if no calendar has it."""
        if self._grid is not None:
            time -= time % self._grid
        if time != self._last[0]:               # a fleet's readings of one moment come together
            self._last = time, (_EPOCH + time * _MICROSECOND).isoformat()
        return self._last[1]
