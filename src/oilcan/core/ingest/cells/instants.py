"""Raw cells with dates and times -> UTC instants; time zones are read or stated, never guessed."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from oilcan.contract import Column, Table
from oilcan.core.ingest.cells import instant_cells as cells
from oilcan.core.ingest.cells.casting import Cast, is_typed_number, tidy
from oilcan.core.ingest.cells.numbers import parse_numbers

_OFFSET: Final = r"(?:[zZ]|[+-]\d{2}:?\d{2})$"
_HOURS_ONLY: Final = r":\d{2}(?:\.\d+)?\s?[+-]\d{2}$"       # an offset without minutes
_LITERAL_OFFSET: Final = r"(?<!%)(?:[zZ]|\s*(?:UTC|GMT)|[+-]\d{2}:?\d{2})$"     # at the end of a format
_EARLIEST_EPOCH: Final = pd.Timestamp("1971-01-01", tz="UTC")
_AT_ONCE: Final = 1 << 20           # cells that are parsed together


class Offsets(NamedTuple):
    """How the instants of one file carry a zone: whether some do, whether some do not, and the offsets as written.

    `strange` is True if a cell has an offset that is not the one of the stated zone at that time.
    """

    some: bool = False
    none: bool = False
    written: frozenset[str] = frozenset()
    strange: bool = False

    def joined(self, other: "Offsets") -> "Offsets":
        """Of both parts of the file."""
        return Offsets(self.some or other.some, self.none or other.none, self.written | other.written,
                       self.strange or other.strange)

    def mixed(self, zone: str) -> list[str]:
        """Several offsets are in order only as the zone's own clock changes; else a line for the problem."""
        several = len({offset.upper() for offset in self.written}) > 1
        return [f"offsets {sorted(self.written)} that are not those of zone {zone}"] if several and self.strange else []


class InstantFacts(NamedTuple):
    """What a column of instants says as a whole: the offsets of each file, and the last instant."""

    offsets: dict[str, Offsets]
    last: pd.Timestamp | None

    def joined(self, other: "InstantFacts") -> "InstantFacts":
        """Of both parts of the column."""
        files = dict.fromkeys([*self.offsets, *other.offsets])
        last = max((time for time in (self.last, other.last) if time is not None), default=None)
        return InstantFacts({file: self.offsets.get(file, Offsets()).joined(other.offsets.get(file, Offsets()))
                             for file in files}, last)

    def problems(self, spec: Column, table: Table, zone: str) -> list[str]:
        """Why the column cannot be trusted, one line each."""
        zone, files = spec.zone or table.zone or zone, self.offsets.values()
        strange = sorted({line for file in files for line in file.mixed(zone)})
        if any(file.some for file in files) and any(file.none for file in files):
            strange.append("instants with and without a zone offset")
        lines = [f"time zones are mixed: {line}; one of them is wrong, and only you can know which" for line in strange]
        if spec.format in cells.EPOCHS and self.last is not None and self.last < _EARLIEST_EPOCH:
            lines.append(f"all instants lie before 1971 (last {self.last:%Y-%m-%d %H:%M}); is {spec.format} the "
                         f"right format?")
        return lines


class _Parsed(NamedTuple):
    """UTC values, wrong cells, the offsets met, and what may help."""

    values: pd.Series
    wrong: np.ndarray
    offsets: Offsets
    hint: str = ""


_WITH: Final = Offsets(some=True)


def cast_instants(
    pieces: Sequence[pd.Series], spec: Column, table: Table, zone: str, files: Sequence[str] = ()
) -> tuple[Cast, InstantFacts]:
    """Instants in UTC, to the microsecond, of all files of a table.

    Cells that carry an offset, `Z` or `UTC` are taken by it, the others as wall time of `zone`. A table
    that holds both, or offsets that are not those of `zone`, cannot be trusted and is reported as a
    whole. Wall times that a clock change skips or repeats are wrong cells. 24:00 is midnight of the
    next day.

    Parameters
    ----------
    pieces
        The column, one series per file; text, or typed where the file was.
    spec, table, zone
        The column, its table (missing-value marks), and the zone of cells without an offset where
        neither of them names one.
    files
        Name of the file of each piece; its number where it is absent.

    Returns
    -------
    The cast, over all pieces in order, and what shows whether the column as a whole can be trusted.

    Examples
    --------
    >>> import oilcan.contract as c
    >>> table = c.Table(grain="row", files=["a.csv"], columns={})
    >>> when = c.Column(type="instant", unit="UTC", description="reading")
    >>> done, facts = cast_instants([pd.Series(["2024-06-01 12:00", "noon"])], when, table, "Europe/Berlin")
    >>> done.values[0].isoformat(), done.wrong.tolist(), facts.problems(when, table, "Europe/Berlin")
    ('2024-06-01T10:00:00+00:00', [False, True], [])
    """
    zone = spec.zone or table.zone or zone
    parsed = [_parse(raw, spec, table, zone) for raw in pieces]
    values = (pd.concat([piece.values for piece in parsed], ignore_index=True) if len(parsed) > 1
              else parsed[0].values.reset_index(drop=True))
    wrong = np.concatenate([piece.wrong for piece in parsed])
    last = values.max()
    facts = InstantFacts({}, None if pd.isna(last) else last)
    for file, piece in zip(files or map(str, range(len(parsed))), parsed, strict=True):
        facts.offsets[file] = facts.offsets.get(file, Offsets()).joined(piece.offsets)
    if spec.shift is not None:
        values = values + pd.Timedelta(hours=spec.shift.ticks)
    twice = "" if zone == "UTC" else ", or one that a clock change repeats"
    is_foreign = bool(re.search("%[bB]", spec.format or "")) and not (spec.locale or table.locale)
    why = "no such instant" + (f" of format {spec.format!r}" if spec.format else "") + f" in zone {zone}{twice}" \
        + ("; names of months in another language need `locale`" if is_foreign else "")
    hint = next((piece.hint for piece in parsed if piece.hint), "")
    return Cast(values, wrong, why + hint, int(bool(hint))), facts


def _parse(raw: pd.Series, spec: Column, table: Table, zone: str) -> _Parsed:
    if isinstance(raw.dtype, pd.DatetimeTZDtype):
        return _Parsed(raw.dt.tz_convert("UTC").dt.as_unit("us"), np.zeros(len(raw), dtype=bool), _WITH)
    if pd.api.types.is_datetime64_dtype(raw.dtype):
        return _wall(raw, raw.notna(), zone)
    if spec.format in cells.EPOCHS:
        return _epoch(raw, spec.format, table)
    if is_typed_number(raw):                        # a bare number has no date; a format reads it as text
        raw = raw.astype("Int64").astype("str") if spec.format else raw.astype("str")
    text, locale = tidy(raw, table.missing), spec.locale or table.locale
    if locale:                                      # before anything is parsed: `mar` is November in Finnish
        text = cells.english_months(text, locale)
        spec = spec.model_copy(update={"format": spec.format.replace("%B", "%b") if spec.format else None})
    parsed = _parse_text(text, spec, zone, None)
    if not parsed.wrong.any():
        return parsed
    plain, later = cells.without_hour_24(text)      # what people write seldom is tried for wrong cells only
    plain = cells.utc_as_z(plain) if spec.format is None else plain
    return _parse_text(plain, spec, zone, later)._replace(hint=cells.epoch_hint(text) if spec.format is None else "")


def _epoch(raw: pd.Series, unit: str, table: Table) -> _Parsed:
    if is_typed_number(raw):
        numbers, wrong = raw.astype("float64"), np.zeros(len(raw), dtype=bool)
    else:
        numbers, wrong = parse_numbers(tidy(raw, table.missing))
    values = cells.from_epoch(numbers, unit)
    return _Parsed(values, wrong | (numbers.notna() & values.isna()).to_numpy(), _WITH)


def _parse_text(text: pd.Series, spec: Column, zone: str, later: np.ndarray | None) -> _Parsed:
    """Strictly parsed cells; those `later` are moved by a day of the wall clock."""
    present = text.notna()
    if spec.format is not None:
        literal = re.search(_LITERAL_OFFSET, spec.format)
        if literal is None and "%z" not in spec.format:
            return _wall(_later(_walls(text, spec.format), later), present, zone)
        if literal is not None:                     # the format's own Z, UTC or +01:00 is an offset all the same
            return _literal_offset(text, spec.format, literal, later)
    else:
        if text.str.contains(r"[+-]\d{2}$", regex=True, na=False).any():       # quick; what follows is not
            is_short = text.str.contains(_HOURS_ONLY, regex=True, na=False)
            text = text.mask(is_short, text[is_short] + ":00")
        is_number = text.str.match(r"\d", na=True)              # pandas would read `now` as the present instant
        text = text if is_number.all() else text.where(is_number)
    carries = text.str.contains(_OFFSET, regex=True, na=False)
    if not carries.any():
        return _wall(_later(_walls(text, spec.format or "ISO8601"), later), present, zone)
    parsed = _with_offset(text, carries, present, spec, zone)
    return parsed._replace(values=_later(parsed.values, later))


def _walls(text: pd.Series, form: str) -> pd.Series:
    """Wall times, parsed a part at a time: the parser makes an object of each cell."""
    parts = [text.iloc[start:start + _AT_ONCE] for start in range(0, max(len(text), 1), _AT_ONCE)]
    return pd.concat([pd.to_datetime(part, format=form, errors="coerce").dt.as_unit("us") for part in parts])


def _later(values: pd.Series, later: np.ndarray | None) -> pd.Series:
    return values if later is None or not later.any() else values.mask(later, values + pd.Timedelta(days=1))


def _literal_offset(text: pd.Series, form: str, literal: re.Match[str], later: np.ndarray | None) -> _Parsed:
    offset = literal[0].strip()
    behind = "+0000" if offset.upper() in {"Z", "UTC", "GMT"} else offset
    walls = _later(pd.to_datetime(text, format=form, errors="coerce"), later)
    shifted = walls.dt.strftime("%Y-%m-%dT%H:%M:%S.%f") + behind
    values = pd.to_datetime(shifted, format="%Y-%m-%dT%H:%M:%S.%f%z", errors="coerce", utc=True).dt.as_unit("us")
    return _Parsed(values, (text.notna() & values.isna()).to_numpy(), _WITH)


def _wall(wall: pd.Series, present: pd.Series, zone: str) -> _Parsed:
    values = wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC").dt.as_unit("us")
    return _Parsed(values, (present & values.isna()).to_numpy(), Offsets(none=bool(present.any())))


def _with_offset(text: pd.Series, carries: pd.Series, present: pd.Series, spec: Column, zone: str) -> _Parsed:
    values = pd.to_datetime(text.where(carries), format=spec.format or "ISO8601", errors="coerce", utc=True)
    values = values.dt.as_unit("us")
    endings = text.where(carries).str.extract(f"({_OFFSET})", expand=False)
    written = frozenset(endings.dropna().unique())
    local = values.dt.tz_convert(zone).dt.tz_localize(None)
    if len({ending.upper() for ending in written}) > 1:
        wall = pd.to_datetime(text.where(carries).str.replace(_OFFSET, "", regex=True).str.strip(),
                              format=(spec.format or "ISO8601").replace("%z", "").strip(), errors="coerce")
    else:                                           # another part of the file may have another one
        wall = values.dt.tz_localize(None) + _offset(next(iter(written)))
    offsets = Offsets(some=True, none=bool((text.notna() & ~carries).any()), written=written,
                      strange=bool((values.notna() & (local != wall)).any()))
    return _Parsed(values, (present & values.isna()).to_numpy(), offsets)


def _offset(written: str) -> pd.Timedelta:
    """An offset such as `Z`, `+0100` or `-03:30` as a span.

    Examples
    --------
    >>> _offset("-03:30").total_seconds() / 3600
    -3.5
    """
    if written in {"z", "Z"}:
        return pd.Timedelta(0, unit="us")
    span = pd.Timedelta(hours=int(written[1:3]), minutes=int(written[-2:])).as_unit("us")   # the years 1 and 9999 fit
    return -span if written[0] == "-" else span
