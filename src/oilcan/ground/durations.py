"""Durations that carry their unit: `24h`, `7d`, `30min`, `30 cycles`."""

import re
from typing import Annotated, Any, Final, TypeVar

import pydantic
from pydantic_core import core_schema

_Length = TypeVar("_Length", int, float)
_HOURS: Final = {"s": 1 / 3600, "min": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
_WORDS: Final = {"d": "day", "w": "week", "cycle": "cycle", "cycles": "cycle"}
_PATTERN: Final = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|min|h|d|w|cycles?)\s*$")


class Duration:
    """A length of time in hours, or a number of cycles.

    Attributes
    ----------
    ticks
        Length in hours, or in cycles.
    counts_cycles
        True where the unit is cycles.
    words
        As a person reads it, in the unit it was written in: `7 days`.

    Examples
    --------
    >>> Duration.parse("7d").ticks, str(Duration.parse("7d")), Duration.parse("30 cycles").counts_cycles
    (168.0, '168h', True)
    >>> [Duration.parse(text).words for text in ("7d", "1w", "48h", "1 cycle")], Duration(12.0).words
    (['7 days', '1 week', '48 h', '1 cycle'], '12 h')
    """

    __slots__ = ("counts_cycles", "ticks", "words")

    def __init__(self, ticks: float, *, counts_cycles: bool = False, words: str | None = None) -> None:
        self.ticks = float(ticks)
        self.counts_cycles = counts_cycles
        self.words = words or _in_words(self.ticks, "cycle" if counts_cycles else "h")

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read `24h`, `7d`, `30min` or `30 cycles`; ValueError otherwise."""
        match = _PATTERN.match(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"not a duration with a unit (found {text!r}, wanted e.g. '24h', '7d', '30 cycles')")
        number, unit = float(match[1]), match[2]
        words = _in_words(number, unit)
        if unit.startswith("cycle"):
            return cls(number, counts_cycles=True, words=words)
        return cls(number * _HOURS[unit], words=words)

    @property
    def suffix(self) -> str:
        """Short text for names of features: `24h`, `30cycles`."""
        return f"{self.ticks:g}cycles" if self.counts_cycles else f"{self.ticks:g}h"

    def __str__(self) -> str:
        return f"{self.ticks:g} cycles" if self.counts_cycles else f"{self.ticks:g}h"

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Duration)
            and (self.ticks, self.counts_cycles) == (other.ticks, other.counts_cycles)
        )

    def __hash__(self) -> int:
        return hash((self.ticks, self.counts_cycles))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        def read(value: Any) -> "Duration":
            return value if isinstance(value, cls) else cls.parse(value)

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


def wait_after(failures: int, first: _Length, longest: _Length) -> _Length:
    """How long to wait before something that failed so often in a row is tried again: doubled each time, up to a limit.

    Parameters
    ----------
    failures
        One or more.
    first, longest
        Waits in any unit; the wait has the same.

    Examples
    --------
    >>> [wait_after(failures, 0.5, 5.0) for failures in (1, 2, 3, 4, 5, 100_000)]
    [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    """
    return min(longest, first * 2 ** min(failures - 1, 40))     # a larger power does not fit a float


def _in_words(number: float, unit: str) -> str:
    word = _WORDS.get(unit)
    return f"{number:g} {unit if word is None else word if number == 1 else word + 's'}"


def _positive(duration: Duration) -> Duration:
    if duration.ticks <= 0:
        raise ValueError(f"must be above zero (found {duration})")
    return duration


PositiveDuration = Annotated[Duration, pydantic.AfterValidator(_positive)]
