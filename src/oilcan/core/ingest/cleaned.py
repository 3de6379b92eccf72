"""A table on its way from raw pieces to its canonical form."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from oilcan.contract import Column, Table
from oilcan.core.ingest.cells.instants import InstantFacts
from oilcan.core.ingest.frames import RawPiece
from oilcan.core.ingest.rows.row_outcomes import Kind, RowVerdicts


@dataclass
class Cleaned:
    """A canonical table in the making.

    Attributes
    ----------
    frame, position
        The kept rows, and the raw row that each of them was.
    problems
        Breaches of the table as a whole, but for those of `instants` and `lost_failures`.
    instants
        By column, and whether the files are written as the contract says: what its instants say as a whole, and the
        column, table and zone that judge it.
    lost_failures
        Rows that mark a failure and have no machine or time.
    named
        Machines of all rows, the refused ones included.
    unknown_machines
        Machines that no other table knows.
    is_test
        Which rows come from a `test_files` file.
    out_of_order
        Number of rows that stood after a later row of the same machine.
    refusals
        Masks of raw rows with a wrong or missing cell, each with its reason and the rank of its wording. A reason
        without a row is listed too, so that all parts of a table list the same ones.
    absent
        Optional column -> number of rows of files without it.
    for_all, copies
        Which raw rows are about every machine, and how many rows of the frame they became.
    owner
        Where several raw rows make one row of the frame: the raw row that stands for each.
    joined
        Records of joins.
    failed_at, failed
        Raw rows, the refused ones included, at which a machine failed; their machines and times.
    """

    name: str
    spec: Table
    pieces: Sequence[RawPiece]
    verdicts: RowVerdicts
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    position: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    is_test: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))
    out_of_order: int = 0
    problems: list[str] = field(default_factory=list)
    unknown_machines: list[str] = field(default_factory=list)
    named: pd.Index = field(default_factory=lambda: pd.Index([], dtype="str"))
    instants: dict[tuple[str, bool], tuple[InstantFacts, tuple[Column, Table, str]]] = field(default_factory=dict)
    lost_failures: int = 0
    refusals: list[tuple[np.ndarray | Literal[False], str, int]] = field(default_factory=list)
    absent: dict[str, int] = field(default_factory=dict)
    for_all: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))
    failed_at: np.ndarray | None = None
    failed: pd.DataFrame | None = None
    copies: int = 0
    owner: np.ndarray | None = None
    joined: list["Cleaned"] = field(default_factory=list)

    def refuse(self, where: np.ndarray, reason: str, rank: int = 0) -> None:
        """Note raw rows to be refused."""
        self.refusals.append((where if where.any() else False, reason, rank))

    def has_refusals(self) -> bool:
        """Whether a cell refuses any row."""
        return any(where is not False for where, *_ in self.refusals)

    def decide(self, where: np.ndarray, kind: Kind, reason: str) -> None:
        """Give rows of the frame a verdict and leave them out of it."""
        mask = np.zeros(len(self.verdicts.kept), dtype=bool)
        mask[self.position[where]] = True
        mask = mask if self.owner is None else mask[self.owner]
        self.verdicts.decide(mask, kind, reason)
        if where.any():
            columns = dict(self.frame.items())
            self.frame = pd.DataFrame()                 # so that each column can go once its rows are taken
            taken = {name: columns.pop(name)[~where].reset_index(drop=True) for name in list(columns)}
            self.frame = pd.DataFrame(taken, copy=False)
            self.position, self.is_test = self.position[~where], self.is_test[~where]
