"""A table whose rows a split has divided: each judgement reads the part and the columns that it needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from oilcan.ground.columns import PART


class SplitTable(Protocol):
    """Rows in order of machine and time, each of one part: `train`, `validation`, `test`."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of all columns."""

    def read(self, part: str, columns: Sequence[str]) -> pd.DataFrame:
        """Some columns of the rows of a part, index 0..n-1."""


@dataclass(frozen=True)
class TableInMemory:
    """A split table that is in memory anyway."""

    frame: pd.DataFrame

    @property
    def columns(self) -> Sequence[str]:
        """Names of all columns."""
        return list(self.frame.columns)

    def read(self, part: str, columns: Sequence[str]) -> pd.DataFrame:
        """Some columns of the rows of a part, index 0..n-1."""
        return self.frame.loc[self.frame[PART] == part, list(columns)].reset_index(drop=True)
