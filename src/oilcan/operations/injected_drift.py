"""Readings that are changed on purpose while they are replayed, so that people see how monitoring reacts to a drift."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from oilcan.ground.columns import MACHINE
from oilcan.ground.errors import DataError

_FORM: Final = re.compile(r"(?P<column>[A-Za-z_]\w*)(?P<sign>[+*-])(?P<size>[0-9.]+(?:e-?[0-9]+)?)")
_MISSING: Final = re.compile(r"(?P<column>[A-Za-z_]\w*)=missing")


@dataclass(frozen=True)
class InjectedDrift:
    """One column of some machines, changed.

    Attributes
    ----------
    factor, offset
        The new value is `factor * value + offset`, in the unit of the column; NaN makes it missing.
    machines
        Share of the machines, 0 to 1.
    switch
        A file: readings are changed while it exists. None changes all that are played at speed.
    """

    column: str
    factor: float
    offset: float
    machines: float = 1.0
    switch: Path | None = None

    @classmethod
    def parse(cls, text: str, machines: float = 1.0, switch: Path | None = None) -> "InjectedDrift":
        """From `COLUMN+SIZE`, `COLUMN-SIZE`, `COLUMN*FACTOR` or `COLUMN=missing`.

        Raises
        ------
        DataError
            If it has none of these forms, or the share of machines is not in (0, 1].

        Examples
        --------
        >>> InjectedDrift.parse("oil_pressure_bar*100")
        InjectedDrift(column='oil_pressure_bar', factor=100.0, offset=0.0, machines=1.0, switch=None)
        """
        if not 0 < machines <= 1:
            raise DataError(f"--drift-machines {machines:g}: is not a share of the machines (wanted above 0, at most "
                            f"1). Give for example 0.6.")
        if gone := _MISSING.fullmatch(text):
            return cls(gone["column"], math.nan, 0.0, machines, switch)
        change = _FORM.fullmatch(text)
        if change is None:
            raise DataError(f"--drift {text}: is not a change of a column (wanted COLUMN+SIZE, COLUMN-SIZE, "
                            f"COLUMN*FACTOR or COLUMN=missing). Give for example vibration_mm_s+1.5.")
        size = float(change["size"])
        if change["sign"] == "*":
            return cls(change["column"], size, 0.0, machines, switch)
        return cls(change["column"], 1.0, -size if change["sign"] == "-" else size, machines, switch)

    @property
    def is_on(self) -> bool:
        """Whether readings are changed now."""
        return self.switch is None or self.switch.exists()

    def check(self, columns: Sequence[str]) -> None:
        """DataError if the fleet has no such column."""
        if self.column not in columns:
            raise DataError(f"--drift: the fleet sends no column {self.column!r} (it sends {', '.join(columns)}). "
                            f"Name one of them.")

    def chosen(self, machines: Sequence[str]) -> set[str]:
        """Machines that are changed: spread evenly over the sorted ids, at least one.

        Examples
        --------
        >>> sorted(InjectedDrift("x", 1.0, 2.0, machines=0.5).chosen(["a", "b", "c", "d"]))
        ['b', 'd']
        """
        ids = sorted(machines)
        taken = {name for at, name in enumerate(ids)
                 if math.floor((at + 1) * self.machines + 1e-9) > math.floor(at * self.machines + 1e-9)}
        return taken or set(ids[:1])

    def apply(self, rows: pd.DataFrame, chosen: set[str]) -> pd.DataFrame:
        """Rows with the change; the argument stays as it is."""
        is_changed = rows[MACHINE].isin(chosen)
        values = rows[self.column].astype("float64")
        return rows.assign(**{self.column: values.where(~is_changed, self.factor * values + self.offset)})
