"""What does a column of text look like?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import pandas as pd

from oilcan.contract.table_words import ColumnType
from oilcan.core.ingest.cells.instant_cells import english_months, from_epoch, utc_as_z, without_hour_24
from oilcan.core.ingest.cells.numbers import parse_numbers

MISSING_MARKS: Final = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "-", "--", "?")
_FLAGS: Final = ({"0", "1"}, {"true", "false"}, {"yes", "no"}, {"on", "off"}, {"y", "n"}, {"t", "f"})
_UP: Final = ("1", "true", "yes", "on", "y", "t")
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?$")
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")
_EPOCHS: Final = (("epoch_s", 1e9), ("epoch_ms", 1e12), ("epoch_us", 1e15))      # in 2001; until 2033
_MOST_WORDS: Final = 20             # different words in a column that still holds numbers
_LEAST_NUMBERS: Final = 0.5         # share of its filled cells
_GROUPED: Final = {",": r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?", ".": r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"}
_LOCALES: Final = ("de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "nb", "fi", "cs")
_FORMATS: Final = tuple(
    f"{day}{clock}"
    for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d", "%d.%m.%y", "%m/%d/%y",
                "%d-%b-%Y", "%d %b %Y", "%d.%b.%Y", "%d. %b %Y", "%d-%b-%y")
    for clock in (" %H:%M:%S", " %H:%M", "", "T%H:%M:%S", " %I:%M:%S %p", " %I:%M %p", "%H%M%S")
)


@dataclass(frozen=True)
class SeenFile:
    """A raw file as it was found.

    `frame` holds its first rows as text (columns are names, or positions where there is no header);
    `whole` says whether these are all.
    """

    path: str
    sha256: str
    frame: pd.DataFrame
    whole: bool
    format: Literal["csv", "parquet"] = "csv"
    separator: str = ","
    decimal: Literal[".", ","] = "."
    header: bool = True
    encoding: str = "utf-8"
    skip_lines: int = 0
    skip_rows: int = 0
    comment: str | None = None
    units: Mapping[str | int, str] = field(default_factory=dict)    # of a row of units below the header
    nameless: int = 0                               # columns without a name or single values, left out


@dataclass(frozen=True)
class Look:
    """What a column looks like.

    `values` is numbers, flags (bool), instants or text, missing where the cell was; `formats` are
    those that fit an instant that is not ISO 8601; `marks` are missing-value marks met, `words` other words among
    numbers. `thousands` and `locale` are those in which the cells can be read; `is_clock` says a time of day alone.
    """

    type: ColumnType
    values: pd.Series
    formats: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    zoned: bool = False
    words: tuple[str, ...] = ()
    thousands: str | None = None
    locale: str | None = None
    is_clock: bool = False

    @property
    def missing_share(self) -> float:
        """Share of cells without a value."""
        return float(self.values.isna().mean()) if len(self.values) else 0.0


def look_at_column(text: pd.Series, decimal: str = ".") -> Look:
    """Guess the type of a column from its cells.

    Examples
    --------
    >>> look_at_column(pd.Series(["1,5", "NA", "2"], dtype="str"), decimal=",").type
    'number'
    >>> look_at_column(pd.Series(["31.12.2024 10:00", "01.02.2025 11:30"], dtype="str")).formats
    ('%d.%m.%Y %H:%M',)
    """
    stripped = text.astype("str").str.strip()
    is_mark = stripped.isin(MISSING_MARKS) | stripped.isna()
    marks = tuple(mark for mark in MISSING_MARKS if mark and (stripped == mark).any())
    present = stripped.mask(is_mark)
    distinct = present.dropna().unique()
    if len(distinct) == 0:
        return Look("number", pd.Series(float("nan"), index=text.index), marks=marks)
    if any(set(pd.Series(distinct).str.lower()) == flags for flags in _FLAGS):
        return Look("flag", present.str.lower().isin(_UP).astype("boolean").mask(is_mark), marks=marks)
    return _numbers(present, decimal, marks) or _instant(present, distinct, marks) or Look(
        "text", present, marks=marks, is_clock=all(_CLOCK.fullmatch(cell) for cell in distinct))


def as_epoch(look: Look) -> Look | None:
    """The column as instants, if its whole numbers count seconds since 1970 and lie between 2001 and 2033."""
    values = look.values.dropna()
    for unit, first in _EPOCHS:
        if look.type in {"integer", "number"} and len(values) and values.between(first, 2 * first).all():
            return Look("instant", from_epoch(look.values, unit), (unit,), look.marks, zoned=True)
    return None


def _numbers(present: pd.Series, decimal: str, marks: tuple[str, ...]) -> Look | None:
    """Numbers, if most cells are; the others are words that mean no value, such as `Bad Input`."""
    grouped = present.str.fullmatch(_GROUPED[decimal], na=False)
    other = "." if decimal == "," else ","
    is_plain = decimal == "," or bool(present[grouped].str.contains(other, regex=False).all())
    thousands = other if grouped.any() and is_plain else None
    values, wrong = parse_numbers(present, decimal, thousands)
    words = sorted(present[wrong].unique())
    filled = int(present.notna().sum())
    if wrong.sum() > (1 - _LEAST_NUMBERS) * filled or len(words) > _MOST_WORDS:
        return None
    if words and any(re.search(r"\d", word) for word in words):     # `3 bar` is a value that cannot be read, no word
        return None
    whole = bool((values.dropna() % 1 == 0).all())
    return Look("integer" if whole else "number", values, marks=marks, words=tuple(words), thousands=thousands)


def _instant(present: pd.Series, distinct: object, marks: tuple[str, ...]) -> Look | None:
    sample = pd.Series(distinct)
    plain = without_hour_24(sample)[0]
    if bool(plain.str.fullmatch(_ISO).all()):
        values = pd.to_datetime(utc_as_z(without_hour_24(present)[0]), format="ISO8601", utc=True, errors="coerce")
        zoned = bool(plain.str.contains(r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})$").all() and plain.str.contains(":").all())
        return Look("instant", values, marks=marks, zoned=zoned)
    locales = (None, *_LOCALES) if plain.str.contains(r"[^\W\d_]{3}", regex=True).any() else (None,)
    for locale in locales:
        cells = english_months(plain, locale) if locale else plain
        fits = [form for form in _FORMATS if _fits(cells, form)]
        if fits:
            known = dict(zip(sample, pd.to_datetime(cells, format=fits[0], utc=True), strict=True))
            return Look("instant", pd.to_datetime(present.map(known), utc=True), tuple(fits), marks, locale=locale)
    return None


def _fits(sample: pd.Series, form: str) -> bool:
    if pd.to_datetime(sample.iloc[:1], format=form, errors="coerce").isna().any():
        return False
    return bool(pd.to_datetime(sample, format=form, errors="coerce").notna().all())
