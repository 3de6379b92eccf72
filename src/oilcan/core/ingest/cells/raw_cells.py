"""Which raw cells does a column of the contract take: of the file, its name, its path, its records?

Casting them to the column's type is `casting` and `instants`.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from oilcan.contract import Column, Table
from oilcan.contract.table_words import FILE_NAME, ROW_NUMBER, Label
from oilcan.core.ingest.cells.casting import cast, tidy
from oilcan.core.ingest.frames import RawPiece
from oilcan.core.prepare.expressions import evaluate


class Cells(NamedTuple):
    """Raw cells of one column in one file, and which of them are wrong already."""

    values: pd.Series
    wrong: np.ndarray
    is_absent: bool = False                         # the file lacks the column, and may


def raw_cells(piece: RawPiece, name: str, spec: Column, table: Table) -> Cells:
    r"""Cells of the column called `name`, one for each record of the piece.

    Parameters
    ----------
    piece
        One file.
    name, spec, table
        The column and its table.

    Examples
    --------
    >>> piece = RawPiece("hall2/press_7.csv", pd.DataFrame({"t": ["1", "2"]}), np.array([1, 2]))
    >>> press = Column(type="text", unit="none", description="Press", from_path=r"press_(\d+)")
    >>> raw_cells(piece, "machine_id", press, Table(grain="row", files=["*"], columns={})).values.tolist()
    ['7', '7']
    """
    wrong = np.zeros(len(piece.frame), dtype=bool)
    if piece.is_collected:
        is_there = name in piece.frame.columns
        return Cells(piece.frame[name] if is_there else _repeated(None, piece), wrong, is_absent=not is_there)
    if spec.source == ROW_NUMBER:
        return Cells(pd.Series(piece.rows), wrong)
    if spec.source == FILE_NAME:
        return Cells(_repeated(file_name(piece.file), piece), wrong)
    if spec.from_path is not None:
        text = path_part(spec.from_path, piece.file)
        return Cells(_repeated(text, piece), wrong | (text is None))
    labels = spec.raw_labels(name)
    if spec.optional and not set(labels) <= set(piece.frame.columns):
        return Cells(_repeated(None, piece), wrong, is_absent=True)
    if spec.from_cells is not None:
        return _expression(piece, spec.from_cells, labels, table)
    values = _joined(piece, spec.source, table) if isinstance(spec.source, list) else piece.frame[labels[0]]
    return Cells(_mapped(values, spec, table) if spec.map else values, wrong)


def file_name(file: str) -> str:
    """Name of a file without folder and endings.

    Examples
    --------
    >>> file_name("trucks/unit-0042.csv.gz")
    'unit-0042'
    """
    return PurePosixPath(file).name.partition(".")[0]


def path_part(pattern: str, file: str) -> str | None:
    """First group of the match in the path, the whole match if there is no group, None without a match.

    Examples
    --------
    >>> path_part("unit-0*([0-9]+)", "trucks/unit-0042.csv"), path_part("[0-9]+", "trucks/unit-0042.csv")
    ('42', '0042')
    """
    match = re.search(pattern, file)
    if match is None:
        return None
    return match[1] if match.re.groups else match[0]


def records(piece: RawPiece) -> int:
    """Number of records of a file, those that could not be cut included."""
    return len(piece.frame) + len(piece.malformed)


def empty_rows(pieces: Sequence[RawPiece], table: Table, machine: pd.Series) -> np.ndarray:
    """Rows without a filled cell, such as the separators that a spreadsheet leaves below its data.

    Parameters
    ----------
    pieces, table
        The files of a table.
    machine
        Its machine ids, one per row: only rows without one are looked at.
    """
    empty = machine.isna().to_numpy(copy=True)
    start = 0
    for piece in pieces:
        rows = start + np.flatnonzero(empty[start:start + len(piece.frame)])
        for name in piece.frame.columns if len(rows) else ():
            cells = piece.frame[name].iloc[rows - start]
            filled = cells.notna() & ~cells.astype("str").str.strip().isin(table.missing)
            empty[rows[filled.to_numpy(dtype=bool)]] = False
        start += len(piece.frame)
    return empty


def _repeated(text: str | None, piece: RawPiece) -> pd.Series:
    return pd.Series(text, index=range(len(piece.frame)), dtype="str")


def _joined(piece: RawPiece, labels: Sequence[Label], table: Table) -> pd.Series:
    """Cells of several columns with one blank between them, missing where one of them is."""
    made = {ROW_NUMBER: pd.Series(piece.rows), FILE_NAME: _repeated(file_name(piece.file), piece)}
    texts = [tidy(made[label] if label in made else piece.frame[label], table.missing) for label in labels]
    joined = texts[0]
    for text in texts[1:]:
        joined = joined + " " + text
    return joined


def _mapped(values: pd.Series, spec: Column, table: Table) -> pd.Series:
    text = tidy(values, table.missing)
    return text.where(~text.isin(list(spec.map)), text.map(spec.map)).astype("str")


def _expression(piece: RawPiece, expression: str, labels: Sequence[Label], table: Table) -> Cells:
    plain = Column(type="number", unit="none", description="")
    done = [cast(piece.frame[label], plain, table) for label in labels]
    wrong = np.logical_or.reduce([one.wrong for one in done]) if done else np.zeros(len(piece.frame), dtype=bool)
    x = np.column_stack([one.values.to_numpy() for one in done]) if done else np.empty((len(piece.frame), 0))
    place = {int(label): at for at, label in enumerate(labels)}
    values = np.asarray(evaluate(expression, {}, lambda first, end: x[:, [place[at] for at in range(first, end)]]))
    values = np.broadcast_to(values.astype(np.float64), (len(piece.frame),))
    return Cells(pd.Series(np.where(np.isfinite(values), values, np.nan)), wrong)
