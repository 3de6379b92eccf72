"""Moments in JSON <-> whole units: ISO 8601 with an offset and microseconds, or numbers of cycles."""

import datetime
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from oilcan.contract.words import Time
from oilcan.core.online.state.machine_arrays import NONE
from oilcan.ground.time_units import ELAPSED_UNITS, elapsed
from oilcan.serving.bodies.json_rows import kind_of
from oilcan.serving.ground.refusal import Refusal

_UTC: Final = datetime.UTC
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=_UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
_CYCLES: Final = 2**53
_DIGITS: Final = 16            # of the largest number of cycles
_FIRST: Final = -2_208_988_800_000_000         # 1900, and the end of 2199: another year is a mistake
_END: Final = 7_258_118_400_000_000
UNITS_PER_S: Final = 1_000_000
NO_TIME: Final = NONE          # before a machine's first reading, as the online features have it


class InstantFormat:
    """Reads and writes moments of one data set.

    Parameters
    ----------
    kind
        `instant`, `cycle` or `elapsed`, as in the contract.
    unit
        Of elapsed time: `s`, `min` or `h`.
    """

    def __init__(self, kind: str, unit: str = "h") -> None:
        self.kind, self.unit = kind, unit
        self.wanted = {"cycle": "a whole number of cycles from 0", "elapsed": f"a number of {unit} from 0"}.get(
            kind, "ISO 8601 of 1900 to 2199 with Z or an offset, e.g. '2026-01-31T12:00:00Z'")

    @classmethod
    def of(cls, time: Time) -> "InstantFormat":
        """The format of a contract."""
        return cls(time.kind, time.unit)

    def read(self, content: Any) -> int | None:
        """Whole units of one moment; None if the content is not a moment.

        Examples
        --------
        >>> InstantFormat("instant").read("1970-01-01T01:00:00+01:00"), InstantFormat("instant").read("1970-01-01")
        (0, None)
        >>> InstantFormat("cycle").read(7), InstantFormat("cycle").read(-1), InstantFormat("cycle").read(True)
        (7, None, None)
        """
        if self.kind == "cycle":
            return content if type(content) is int and 0 <= content <= _CYCLES else None
        if self.kind == "elapsed":
            return self._read_elapsed(content)
        if type(content) is not str or not 20 <= len(content) <= 35:
            return None
        try:
            moment = datetime.datetime.fromisoformat(content)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
        time = (moment - _EPOCH) // _MICROSECOND
        return time if _FIRST <= time < _END else None

    def _read_elapsed(self, content: Any) -> int | None:
        """Microseconds of a number in the contract's unit.

        Examples
        --------
        >>> minutes = InstantFormat("elapsed", "min")
        >>> minutes.read(1.5), minutes.read(-1), minutes.read("1")
        (90000000, None, None)
        """
        if type(content) not in (int, float) or not 0 <= content < _END / ELAPSED_UNITS[self.unit]:
            return None
        return round(content * ELAPSED_UNITS[self.unit])

    def parse(self, text: str | None, where: str) -> int | None:
        """Whole units of a moment in an address; Refusal 422 if the text is not a moment."""
        is_number = self.kind == "cycle" and text is not None and text.isascii() and text.isdigit()
        content: Any = int(text) if text is not None and is_number and len(text) <= _DIGITS else text
        if self.kind == "elapsed" and text is not None and re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text, re.ASCII):
            content = float(text)
        time = None if text is None else self.read(content)
        if time is None and text is not None:
            raise Refusal(422, where, found=repr(text), wanted=self.wanted, do="Write %2B for a plus sign.")
        return time

    def read_all(self, content: Sequence[Any]) -> tuple[np.ndarray, dict[int, str]]:
        """Whole units, int64, shape (n,); and what is not a moment, by position."""
        seen: dict[Any, int | None] = {}
        times, wrong = np.full(len(content), NO_TIME), {}
        for at, text in enumerate(content):
            key = text if type(text) in (str, int, float) else None
            if key is None:
                time = None
            elif key in seen:
                time = seen[key]
            else:
                time = seen[key] = self.read(text)
            if time is None:
                wrong[at] = kind_of(text)
            else:
                times[at] = time
        return times, wrong

    def write(self, time: int | None) -> str | float | None:
        """A moment as JSON has it.

        Examples
        --------
        >>> instants = InstantFormat("instant")
        >>> instants.write(1_500_000), instants.write(None), InstantFormat("cycle").write(3)
        ('1970-01-01T00:00:01.500000Z', None, 3)
        """
        if time is None or self.kind == "cycle":
            return time
        return elapsed(time, self.unit) if self.kind == "elapsed" else written(time)

    def write_all(self, times: np.ndarray) -> list[str | float | None]:
        """Moments as JSON has them, None for `NO_TIME`.

        Examples
        --------
        >>> InstantFormat("instant").write_all(np.array([NO_TIME, 0, 1_500_000]))
        [None, '1970-01-01T00:00:00Z', '1970-01-01T00:00:01.500000Z']
        """
        if self.kind == "cycle":
            moments = times.tolist()
        elif self.kind == "elapsed":
            moments = (times / ELAPSED_UNITS[self.unit]).tolist()
        else:       # as `written` has them, thousands at once
            texts = np.datetime_as_string(times.astype("datetime64[us]"), unit="us").tolist()
            moments = [f"{text.removesuffix('.000000')}Z" for text in texts]
        return [None if time == NO_TIME else moment for time, moment in zip(times.tolist(), moments, strict=True)]


def written(microseconds: int) -> str:
    """An instant as ISO 8601 in UTC.

    Examples
    --------
    >>> written(0)
    '1970-01-01T00:00:00Z'
    """
    return utc(microseconds).isoformat().replace("+00:00", "Z")


def utc(microseconds: int) -> datetime.datetime:
    """An instant in UTC, from whole microseconds.

    Examples
    --------
    >>> utc(1_500_000).isoformat()
    '1970-01-01T00:00:01.500000+00:00'
    """
    return _EPOCH + microseconds * _MICROSECOND
