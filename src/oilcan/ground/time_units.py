"""How exact times and ticks relate. Exact times are whole microseconds or cycles; a tick is an hour or a cycle."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

MICROSECONDS_PER_HOUR: Final = 3_600_000_000
UNITS_PER_TICK: Final[Mapping[str, int]] = {        # by time.kind
    "instant": MICROSECONDS_PER_HOUR, "elapsed": MICROSECONDS_PER_HOUR, "cycle": 1, "none": 1}
ELAPSED_UNITS: Final[Mapping[str, int]] = {         # microseconds, by time.unit
    "s": 1_000_000, "min": 60_000_000, "h": MICROSECONDS_PER_HOUR}
COUNTED: Final = ("cycles", "hours", "min", "s")     # units of lengths of time that is not the calendar's
_TICKS: Final[Mapping[str, float]] = {"s": 1 / 3600, "min": 1 / 60}     # of the units of lengths that are no tick
HALF_SECOND: Final = 1.4e-4     # in hours: far below any sampling period, far above the rounding of hours since 1970


def moment(microseconds: int) -> datetime:
    """An exact time of the calendar, as people and git read it: UTC.

    Examples
    --------
    >>> moment(1_772_323_200_000_000).isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


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


def plan_time(kind: str, unit: str = "h") -> str:
    """How time is counted, in one text for a feature plan: the kind, and the unit of running time.

    Examples
    --------
    >>> plan_time("cycle"), plan_time("elapsed", "s"), length_unit(*plan_time("elapsed", "s").split())
    ('cycle', 'elapsed s', 's')
    """
    return f"{kind} {unit}" if kind == "elapsed" else kind


def length_unit(kind: str, unit: str = "h") -> str:
    """Unit in which lengths of time are shown and named: `h`, `cycles`, or for running time `s`, `min`, `hours`.

    Running time in hours has a name of its own: 300 running hours are not 12.5 days of the calendar.

    Parameters
    ----------
    kind, unit
        `time.kind` and `time.unit` of the contract.

    Examples
    --------
    >>> length_unit("instant"), length_unit("cycle"), length_unit("elapsed", "s"), length_unit("elapsed", "h")
    ('h', 'cycles', 's', 'hours')
    """
    if kind == "elapsed":
        return "hours" if unit == "h" else unit
    return "cycles" if kind == "cycle" else "h"


def in_unit(ticks: float, unit: str) -> float:
    """Ticks in the unit in which they are shown.

    Examples
    --------
    >>> in_unit(0.5, "min"), in_unit(0.5, "h"), in_unit(30.0, "cycles")
    (30.0, 0.5, 30.0)
    """
    return ticks / _TICKS[unit] if unit in _TICKS else ticks


def in_ticks(length: float, unit: str) -> float:
    """The reverse of `in_unit`.

    Examples
    --------
    >>> in_ticks(30.0, "min"), in_ticks(30.0, "cycles")
    (0.5, 30.0)
    """
    return length * _TICKS[unit] if unit in _TICKS else length
