"""Raw cells of one column -> values of its logical type, and which cells are not of that type."""

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from oilcan.contract import Column, Table
from oilcan.core.ingest.cells.numbers import parse_numbers, thousands_hint

_FLAGS: Final = {"1": True, "true": True, "yes": True, "on": True, "y": True, "t": True,
                 "0": False, "false": False, "no": False, "off": False, "n": False, "f": False}
_EXACT: Final = 2.0**53             # larger whole numbers have no float of their own
_SLACK: Final = 1e-9                # relative error that a factor leaves on a whole number


class Cast(NamedTuple):
    """Values, missing where they could not be cast, and a mask of the cells that were wrong.

    `why` may be worded by the cells. Of the wordings for parts of a column the one with the highest `rank` holds for
    all of it.
    """

    values: pd.Series
    wrong: np.ndarray
    why: str
    rank: int = 0


def cast(raw: pd.Series, spec: Column, table: Table) -> Cast:
    """Cells of a column as its logical type, in the contract's unit.

    Instants are cast by `instants.cast_instants`, which has to see all files at once; identifiers
    by `cast_identifier`.

    Parameters
    ----------
    raw
        Text, or typed where the file was; shape (n,).
    spec, table
        The column, and the table that says how decimals and missing values are written.

    Returns
    -------
    number and integer: float64; flag: boolean; text: str.

    Examples
    --------
    >>> import oilcan.contract as c
    >>> table = c.Table(grain="row", files=["a.csv"], decimal=",", missing=["", "NA"], columns={})
    >>> bar = c.Column(type="number", unit="kPa", description="pressure", factor=100.0)
    >>> cast(pd.Series(["1,5", "NA", "high"]), bar, table)[:2]
    (0    150.0
    1      NaN
    2      NaN
    dtype: float64, array([False, False,  True]))
    """
    if spec.type in {"number", "integer"}:
        return _numbers(raw, spec, table)
    if spec.type == "flag":
        return _flags(raw, table)
    return _text(raw, spec, table)


def cast_identifier(raw: pd.Series, spec: Column, table: Table) -> Cast:
    """Cells that name something, as text; no digit is ever lost.

    Text is what the file says. With `type: integer` the cell is a whole number: `101`, `101.0` and
    `0101` are the same, written `101`. Numbers of a typed file are written without a fraction; a
    float too large to be exact is wrong.

    Examples
    --------
    >>> import oilcan.contract as c
    >>> table = c.Table(grain="row", files=["a.csv"], columns={})
    >>> number = c.Column(type="integer", unit="none", description="machine")
    >>> cast_identifier(pd.Series(["0101", "101.0", "9007199254740993", "P1"]), number, table)[0].tolist()
    ['101', '101', '9007199254740993', nan]
    """
    codes, names = pd.factorize(raw)                # few names, many rows: each name is looked at once
    done = _names(pd.Series(names), spec, table)
    values = pd.Series(done.values.array.take(codes, allow_fill=True), index=raw.index)
    return done._replace(values=values, wrong=np.append(done.wrong, False)[codes])


def _names(raw: pd.Series, spec: Column, table: Table) -> Cast:
    done = _text(raw, spec, table)
    if spec.type != "integer":
        return done
    whole = done.values.str.extract(r"^\+?(-?)0*(\d+?)(?:\.0*)?$")
    values = (whole[0].mask(whole[1] == "0", "") + whole[1]).astype("str")
    return Cast(values, done.wrong | (done.values.notna() & values.isna()).to_numpy(), "not a whole number")


def tidy(raw: pd.Series, missing: list[str]) -> pd.Series:
    """Text without blanks around it, missing where it is a missing-value mark.

    Examples
    --------
    >>> tidy(pd.Series([" 4.2", "n/a", "-999 "]), ["n/a", "-999"]).tolist()
    ['4.2', nan, nan]
    """
    if not pd.api.types.is_string_dtype(raw.dtype):
        raw = raw.astype("str")
    text = raw.str.strip()
    is_mark = text.isin(missing)
    return text.mask(is_mark) if is_mark.any() else text


def is_typed_number(raw: pd.Series) -> bool:
    """True for numbers and flags that the file itself held as such."""
    return bool(pd.api.types.is_numeric_dtype(raw.dtype) or pd.api.types.is_bool_dtype(raw.dtype))


def _numbers(raw: pd.Series, spec: Column, table: Table) -> Cast:
    why, rank = "not a finite number", 0
    if is_typed_number(raw):
        values, wrong = raw.astype("float64"), np.zeros(len(raw), dtype=bool)
    else:
        text, thousands = tidy(raw, table.missing), spec.thousands or table.thousands
        values, wrong = parse_numbers(text, table.decimal, thousands)
        hint = "" if thousands else thousands_hint(text[wrong], table.decimal)
        why, rank = why + hint, int(wrong.any()) + int(wrong.any() and not hint)    # one cell can refute a hint
    marks = _numeric_marks(table.missing)
    if marks and (is_mark := values.isin(marks)).any():
        values = values.mask(is_mark)
    wrong = wrong | np.isinf(values.to_numpy())
    is_converted = (spec.factor, spec.offset) != (1.0, 0.0)
    if is_converted:
        values = values * spec.factor + spec.offset
    if spec.type == "integer":
        values, wrong, why, rank = _whole(values, wrong, _SLACK if is_converted else 0.0)
    return Cast(values.mask(wrong) if wrong.any() else values, wrong, why, rank)


def _whole(values: pd.Series, wrong: np.ndarray, slack: float) -> Cast:
    """Whole numbers after conversion; `slack` is the relative error that the conversion may leave."""
    size = np.abs(values.to_numpy())
    rounded = values.round() if slack else values
    apart = np.abs(values.to_numpy() - np.round(values.to_numpy()))
    too_large = size > _EXACT
    wrong = wrong | (apart > slack * np.maximum(size, 1.0)) | too_large
    if too_large.any():
        return Cast(rounded, wrong, "not a whole number below 2^53, where floats are exact", 1)
    return Cast(rounded, wrong, "not a whole number; `factor` makes parts of a unit whole")


def _numeric_marks(missing: list[str]) -> list[float]:
    marks = pd.to_numeric(pd.Series(missing, dtype="object"), errors="coerce")
    return marks.dropna().astype("float64").tolist()


def _flags(raw: pd.Series, table: Table) -> Cast:
    if pd.api.types.is_bool_dtype(raw.dtype):
        return Cast(raw.astype("boolean"), np.zeros(len(raw), dtype=bool), "")
    if is_typed_number(raw):
        numbers = raw.astype("float64")
        present = numbers.notna()
        values = numbers.eq(1.0).astype("boolean").mask(~numbers.isin([0.0, 1.0]))
    else:
        text = tidy(raw, table.missing)
        present = text.notna()
        values = text.str.lower().map(_FLAGS).astype("boolean")
    return Cast(values, (present & values.isna()).to_numpy(), "not a flag (1/0, true/false, yes/no, on/off, y/n, t/f)")


def _text(raw: pd.Series, spec: Column, table: Table) -> Cast:
    wrong, why, rank = np.zeros(len(raw), dtype=bool), f"not one of {spec.values}", 0
    if pd.api.types.is_float_dtype(raw.dtype):
        raw, wrong = _float_text(raw)
        why, rank = ("a number too large to be exact", 1) if wrong.any() else (why, 0)
    values = tidy(raw, table.missing)
    if spec.values is not None:
        wrong = wrong | (values.notna() & ~values.isin(spec.values)).to_numpy()
    return Cast(values, wrong, why, rank)


def _float_text(raw: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Whole floats without a fraction: a column of whole numbers becomes floats only because cells are missing."""
    numbers = raw.to_numpy(dtype="float64", na_value=np.nan)
    is_whole = np.isfinite(numbers) & (numbers % 1 == 0)
    too_large = is_whole & (np.abs(numbers) >= (2.0**24 if raw.dtype.itemsize < 8 else _EXACT))
    text = raw.astype("str")
    whole = pd.Series(numbers).where(is_whole & ~too_large).astype("Int64").astype("str")
    return text.mask(is_whole, whole.set_axis(raw.index)).mask(np.isnan(numbers) | too_large), too_large
