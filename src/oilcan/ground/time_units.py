"""How exact times and ticks relate. Exact times are whole microseconds or cycles; a tick is an hour or a cycle."""

from collections.abc import Mapping
from typing import Final

MICROSECONDS_PER_HOUR: Final = 3_600_000_000
UNITS_PER_TICK: Final[Mapping[str, int]] = {        # by time.kind
    "instant": MICROSECONDS_PER_HOUR, "elapsed": MICROSECONDS_PER_HOUR, "cycle": 1, "none": 1}
ELAPSED_UNITS: Final[Mapping[str, int]] = {         # microseconds, by time.unit
    "s": 1_000_000, "min": 60_000_000, "h": MICROSECONDS_PER_HOUR}
HALF_SECOND: Final = 1.4e-4     # in hours: far below any sampling period, far above the rounding of hours since 1970


def elapsed(microseconds: int, unit: str) -> float:
    """Running time in its unit: elapsed time is kept as an instant, counted from 1970-01-01.

    Examples
    --------
    >>> elapsed(5_400_000_000, "h"), elapsed(90_000_000, "s")
    (1.5, 90.0)
    """
    return microseconds / ELAPSED_UNITS[unit]


def elapsed_words(microseconds: int, unit: str) -> str:
    """Running time as people read it.

    Examples
    --------
    >>> elapsed_words(5_400_000_000, "h"), elapsed_words(3_600_000_000_000, "min")
    ('1.5 h', '60,000 min')
    """
    return f"{elapsed(microseconds, unit):,.10g} {unit}"
