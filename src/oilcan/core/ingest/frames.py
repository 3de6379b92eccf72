"""What goes into ingest and what comes out: raw pieces in, canonical tables out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Malformed:
    """A row that could not be cut into its cells."""

    row: int                                        # number in the file
    reason: str
    text: str


@dataclass(frozen=True)
class RawPiece:
    """What was read of one raw file.

    Columns are labelled as the contract labels them in the file: by `from`, or else by the
    canonical name. Cells are text, or typed where the file was.

    Attributes
    ----------
    file
        Path below data/raw/<name>/, or below the part of a month.
    frame
        The listed columns; the index is not used.
    rows
        Number of each row in the file, shape (n,); the first row after the header is 1.
    is_test
        True for a file of `test_files`.
    malformed
        Rows that are not in `frame` because they could not be split into cells.
    grouped
        Labels of typed number columns whose decimal mark may separate thousands.
    part
        Part of a month that holds the file, for instance `2026-01`; empty for the first files.
    is_collected
        Whether columns have the contract's names and units already, as `oilcan collect` writes them.
    number
        Of the file among those of its table, where the pieces hold the rows of some machines only.
    """

    file: str
    frame: pd.DataFrame
    rows: np.ndarray
    is_test: bool = False
    malformed: tuple[Malformed, ...] = ()
    grouped: frozenset[str | int] = frozenset()
    part: str = ""
    is_collected: bool = False
    number: int = 0

    @property
    def place(self) -> str:
        """The file as messages name it.

        Examples
        --------
        >>> RawPiece("errors.csv", pd.DataFrame(), np.array([]), part="2026-01").place
        '2026-01/errors.csv'
        """
        return f"{self.part}/{self.file}" if self.part else self.file


RawTables = Mapping[str, Sequence[RawPiece]]        # by table name; `test_rul` holds the true RUL of test lives


@dataclass(frozen=True)
class Canonical:
    """The canonical tables of a data set, and what became of every raw row.

    Attributes
    ----------
    tables
        telemetry, errors, maintenance, failures and machines, always; truth where the contract has it.
    rejected
        Refused rows: table, file, row, reason, content (JSON text, personal columns blanked).
    counts
        By table: read, kept, excluded and refused by reason, duplicates, out_of_order.
    """

    tables: dict[str, pd.DataFrame]
    rejected: pd.DataFrame
    counts: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Examined:
    """Findings about the raw files of a data set, whether they can be used or not.

    Attributes
    ----------
    counts, rejected
        As of `Canonical`.
    breaches
        Why the pipeline refuses the files, one line each; empty if it does not.
    warnings
        What reads without fault and still looks wrong.
    canonical
        None if no telemetry is left.
    """

    counts: dict[str, dict[str, Any]]
    rejected: pd.DataFrame
    breaches: list[str]
    warnings: list[str]
    canonical: Canonical | None = None
