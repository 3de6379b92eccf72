"""A table on its way from raw pieces to its canonical form."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from oilcan.contract import Table
from oilcan.core.ingest.frames import RawPiece
from oilcan.core.ingest.rows.row_outcomes import Fate, Kind


@dataclass
class Cleaned:
    """A canonical table on its way: `frame` holds the rows alive, `position` says which raw row each was.

    `problems` are breaches of the table as a whole; `named` holds the machines of all its rows, the refused
    ones too, `strangers` those that no other table knows; `is_test` says which rows are of a `test_files` file;
    `out_of_order` counts rows that stood after a later one of the same machine. `refusals` are masks of raw rows
    with a wrong or missing cell, and why; `absent` counts rows of files without an optional column; `for_all` says
    which raw rows are about every machine, `copies` how many rows of the frame they became. `owner` says, where
    several raw rows make one row of the frame, which raw row stands for each. `joined` holds the records of joins.
    `failed_at` are raw rows, refused ones too, at which a machine failed; `failed` holds their machines and times.
    """

    name: str
    spec: Table
    pieces: Sequence[RawPiece]
    fate: Fate
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    position: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    is_test: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))
    out_of_order: int = 0
    problems: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    named: pd.Index = field(default_factory=lambda: pd.Index([], dtype="str"))
    refusals: list[tuple[object, str]] = field(default_factory=list)
    absent: dict[str, int] = field(default_factory=dict)
    for_all: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))
    failed_at: np.ndarray | None = None
    failed: pd.DataFrame | None = None
    copies: int = 0
    owner: np.ndarray | None = None
    joined: list["Cleaned"] = field(default_factory=list)

    def refuse(self, where: np.ndarray, reason: str) -> None:
        """Note raw rows to be refused; a mask of none is not kept."""
        if where.any():
            self.refusals.append((where, reason))

    def decide(self, where: np.ndarray, kind: Kind, reason: str) -> None:
        """Give rows of the frame a verdict and leave them out of it."""
        mask = np.zeros(len(self.fate.alive), dtype=bool)
        mask[self.position[where]] = True
        mask = mask if self.owner is None else mask[self.owner]
        self.fate.decide(mask, kind, reason)
        if where.any():
            self.frame = self.frame[~where].reset_index(drop=True)
            self.position, self.is_test = self.position[~where], self.is_test[~where]
