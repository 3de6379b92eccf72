"""What does a column of text look like?"""

import re
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from oilcan.contract.table_words import ColumnType

MISSING_MARKS: Final = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "-", "--", "?")
_FLAGS: Final = ({"0", "1"}, {"true", "false"}, {"yes", "no"})
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$")
_FORMATS: Final = tuple(
    f"{day}{clock}"
    for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d", "%d.%m.%y", "%m/%d/%y")
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


@dataclass(frozen=True)
class Look:
    """What a column looks like.

    `values` is numbers, flags (bool), instants or text, missing where the cell was; `formats` are
    those that fit an instant that is not ISO 8601; `marks` are missing-value marks met.
    """

    type: ColumnType
    values: pd.Series
    formats: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    zoned: bool = False

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
        return Look("flag", present.str.lower().isin(["1", "true", "yes"]).astype("boolean").mask(is_mark), marks=marks)
    numbers = pd.to_numeric(present.str.replace(",", ".") if decimal == "," else present, errors="coerce")
    if bool((numbers.notna() | is_mark).all()):
        whole = bool((numbers.dropna() % 1 == 0).all())
        return Look("integer" if whole else "number", numbers.astype("float64"), marks=marks)
    return _instant(present, distinct, marks) or Look("text", present, marks=marks)


def _instant(present: pd.Series, distinct: object, marks: tuple[str, ...]) -> Look | None:
    sample = pd.Series(distinct)
    if bool(sample.str.fullmatch(_ISO).all()):
        values = pd.to_datetime(present, format="ISO8601", utc=True, errors="coerce")
        zoned = bool(sample.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$").all() and sample.str.contains(":").all())
        return Look("instant", values, marks=marks, zoned=zoned)
    fits = [form for form in _FORMATS if _fits(sample, form)]
    if not fits:
        return None
    return Look("instant", pd.to_datetime(present, format=fits[0], utc=True), tuple(fits), marks)


def _fits(sample: pd.Series, form: str) -> bool:
    if pd.to_datetime(sample.iloc[:1], format=form, errors="coerce").isna().any():
        return False
    return bool(pd.to_datetime(sample, format=form, errors="coerce").notna().all())
