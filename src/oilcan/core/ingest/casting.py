"""Raw cells of one column -> values of its logical type, and which cells are not of that type."""

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from oilcan.contract import Column, Table

_FLAGS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class Cast(NamedTuple):
    """Values, missing where they could not be cast, and a mask of the cells that were wrong."""

    values: pd.Series
    wrong: np.ndarray
    why: str


def cast(raw: pd.Series, spec: Column, table: Table) -> Cast:
    """Cells of a column as its logical type, in the contract's unit.

    Instants are cast by `instants.cast_instants`, which has to see all files at once.

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


def tidy(raw: pd.Series, missing: list[str]) -> pd.Series:
    """Text without blanks around it, missing where it is a missing-value mark."""
    if not pd.api.types.is_string_dtype(raw.dtype):
        raw = raw.astype("str")
    text = raw.str.strip()
    return text.mask(text.isin(missing))


def is_typed_number(raw: pd.Series) -> bool:
    """True for numbers and flags that the file itself held as such."""
    return bool(pd.api.types.is_numeric_dtype(raw.dtype) or pd.api.types.is_bool_dtype(raw.dtype))


def _numbers(raw: pd.Series, spec: Column, table: Table) -> Cast:
    if is_typed_number(raw):
        values, wrong = raw.astype("float64"), np.zeros(len(raw), dtype=bool)
    else:
        text = tidy(raw, table.missing)
        plain = text
        if table.decimal == ",":                    # a point would then mark thousands: refused, not guessed
            plain = text.mask(text.str.contains(".", regex=False, na=False)).str.replace(",", ".", regex=False)
        values = pd.to_numeric(plain, errors="coerce").astype("float64")
        wrong = (text.notna() & values.isna()).to_numpy()
    values = values.mask(values.isin(_numeric_marks(table.missing)))
    wrong = wrong | np.isinf(values.to_numpy())
    if spec.type == "integer":
        wrong = wrong | (values.notna() & (values % 1 != 0)).to_numpy()
    if (spec.factor, spec.offset) != (1.0, 0.0):
        values = values * spec.factor + spec.offset
    why = "not a whole number" if spec.type == "integer" else "not a finite number"
    return Cast(values.mask(wrong) if wrong.any() else values, wrong, why)


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
    return Cast(values, (present & values.isna()).to_numpy(), "not a flag (0/1/true/false/yes/no)")


def _text(raw: pd.Series, spec: Column, table: Table) -> Cast:
    values = tidy(raw, table.missing)
    wrong = np.zeros(len(raw), dtype=bool)
    if spec.values is not None:
        wrong = (values.notna() & ~values.isin(spec.values)).to_numpy()
    return Cast(values, wrong, f"not one of {spec.values}")
