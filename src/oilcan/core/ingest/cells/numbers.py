"""Text of numbers -> floats, by one grammar for every cell of a file."""

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute

_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NAN: Final = r"[+-]?nan"
_BLANKS: Final = "[ \u00a0\u2009\u202f]"
_MARKS: Final = {" ": _BLANKS, "'": "['\u2019]", ".": r"\.", ",": ",", "_": "_"}
_FEWEST: Final = 20                 # cells with a point before a column is called suspicious


def parse_numbers(text: pd.Series, decimal: str = ".", thousands: str | None = None) -> tuple[pd.Series, np.ndarray]:
    """Floats of stripped cells, missing where a cell is not a number; and which cells are wrong.

    `NaN` in any spelling is a missing value. A thousands mark is only read where it stands before
    groups of three digits.

    Examples
    --------
    >>> cells = pd.Series(["2.956,5", "1.2", "NaN", "7", "0x10"], dtype="str")
    >>> values, wrong = parse_numbers(cells, ",", ".")
    >>> values.tolist(), wrong.tolist()
    ([2956.5, nan, nan, 7.0, nan], [False, True, False, False, True])
    """
    plain = _ungrouped(text, decimal, thousands) if thousands else text
    if decimal == ",":
        plain = plain.mask(plain.str.contains(".", regex=False, na=False), "x").str.replace(",", ".", regex=False)
    valid = plain.str.fullmatch(_NUMBER, na=False)
    absent = text.isna() | plain.str.fullmatch(_NAN, case=False, na=False)
    exact = pyarrow.array(plain[valid].str.lstrip("+"), type=pyarrow.string())
    values = np.full(len(text), np.nan)
    values[valid.to_numpy()] = pyarrow.compute.cast(exact, pyarrow.float64()).to_numpy(zero_copy_only=False)
    return pd.Series(values, index=text.index), (~valid & ~absent).to_numpy()


class Grouping(NamedTuple):
    """Cells with and without a decimal mark, and whether each could have that mark before its thousands."""

    marked: int = 0
    plain: int = 0
    fits: bool = True

    def joined(self, other: "Grouping") -> "Grouping":
        """Of both parts of a column."""
        return Grouping(self.marked + other.marked, self.plain + other.plain, self.fits and other.fits)

    @property
    def is_doubtful(self) -> bool:
        """Whether the mark may separate thousands: there are enough cells of both kinds, and all of them fit."""
        return self.marked >= _FEWEST and self.plain > 0 and self.fits


DOUBTFUL: Final = Grouping(marked=_FEWEST, plain=1)


def grouping(text: pd.Series, decimal: str = ".") -> Grouping:
    """How the decimal mark stands in the cells of a column."""
    present = text.dropna()
    marked = int(present.str.contains(decimal, regex=False).sum())
    fits = fits_groups(present.iloc[:1000], decimal) and fits_groups(present, decimal)
    return Grouping(marked, len(present) - marked, fits)


def looks_grouped(text: pd.Series, decimal: str = ".") -> bool:
    """Whether the decimal mark of a column may be a thousands mark.

    It may if every mark stands before exactly three digits and behind one to three that do not begin
    with 0, while other cells have no mark and at most three digits.

    Examples
    --------
    >>> looks_grouped(pd.Series(["950", "1.025", "2.956"] * 20, dtype="str"))
    True
    >>> looks_grouped(pd.Series(["5.038", "4.981"] * 20, dtype="str"))
    False
    """
    return grouping(text, decimal).is_doubtful


def fits_groups(cells: pd.Series, decimal: str = ".") -> bool:
    """Whether every cell could be a number below a million with the decimal mark before its thousands.

    Examples
    --------
    >>> fits_groups(pd.Series(["1.250", "12", "999.000"])), fits_groups(pd.Series(["1.25", "12"]))
    (True, False)
    """
    marked = cells.str.contains(decimal, regex=False)
    return bool(cells[marked].str.fullmatch(rf"[+-]?[1-9]\d{{0,2}}{_MARKS[decimal]}\d{{3}}").all()
                and cells[~marked].str.fullmatch(r"[+-]?\d{1,3}").all())


def may_be_grouped(values: np.ndarray) -> bool:
    """Whether numbers that were read already could have been written so: cheap, and never a proof."""
    return value_grouping(values[:10_000]).fits and value_grouping(values).is_doubtful


def value_grouping(values: np.ndarray) -> Grouping:
    """What `grouping` may find in the text of numbers that were read already; `fits` is False if it cannot."""
    present = values[~np.isnan(values)]
    thousandth, is_whole = present * 1000, present % 1 == 0
    if (np.abs(present) >= 1000).any() or (np.abs(thousandth - np.round(thousandth)) > 1e-6).any() \
            or ((np.abs(present) < 1) & ~is_whole).any():
        return Grouping(fits=False)
    return Grouping(int((~is_whole).sum()), int(is_whole.sum()))


def thousands_hint(wrong: pd.Series, decimal: str) -> str:
    """What to say in the contract if cells that are no numbers would be some with a thousands mark; or nothing.

    Examples
    --------
    >>> thousands_hint(pd.Series(["2.956,0", "1.025,5"], dtype="str"), ",")
    "; if '.' separates thousands, say `thousands: '.'`"
    """
    for mark in _MARKS:
        if mark != decimal and len(wrong) and bool(_is_grouped(wrong, decimal, mark).all()):
            return f"; if {mark!r} separates thousands, say `thousands: {mark!r}`"
    return ""


def _is_grouped(text: pd.Series, decimal: str, thousands: str) -> pd.Series:
    return text.str.fullmatch(rf"[+-]?\d{{1,3}}(?:{_MARKS[thousands]}\d{{3}})+(?:{_MARKS[decimal]}\d*)?", na=False)


def _ungrouped(text: pd.Series, decimal: str, thousands: str) -> pd.Series:
    grouped = _is_grouped(text, decimal, thousands)
    return text.mask(grouped, text.str.replace(_MARKS[thousands], "", regex=True)) if grouped.any() else text
