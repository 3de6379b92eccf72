"""One raw table -> its canonical table: cast, left out, sorted, unique; every row accounted for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract, Table
from oilcan.core.ingest.casting import Cast, cast
from oilcan.core.ingest.cells import raw_cells, records
from oilcan.core.ingest.duplicates import find_duplicates
from oilcan.core.ingest.frames import RawPiece
from oilcan.core.ingest.instants import cast_instants
from oilcan.core.ingest.personal import keyed_hash
from oilcan.core.ingest.row_filters import left_out
from oilcan.core.ingest.row_outcomes import Fate, Kind
from oilcan.ground.columns import MACHINE, TIME

TEST_PREFIX: Final = "test-"


@dataclass
class Cleaned:
    """A canonical table on its way: `frame` holds the rows alive, `position` says which raw row each was.

    `problems` are breaches of the table as a whole; `named` holds the machines of all its rows, the refused
    ones too, `strangers` those that no other table knows; `is_test` says which rows are of a `test_files` file;
    `out_of_order` counts rows that stood after a later one of the same machine. `refusals` are masks of raw rows
    with a wrong or missing cell, and why; `absent` counts rows of files without an optional column; `for_all` says
    which raw rows are about every machine, `copies` how many rows of the frame they became.
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
    copies: int = 0

    def decide(self, where: np.ndarray, kind: Kind, reason: str) -> None:
        """Give rows of the frame a verdict and leave them out of it."""
        mask = np.zeros(len(self.fate.alive), dtype=bool)
        mask[self.position[where]] = True
        self.fate.decide(mask, kind, reason)
        if where.any():
            self.frame = self.frame[~where].reset_index(drop=True)
            self.position, self.is_test = self.position[~where], self.is_test[~where]


def clean_table(
    name: str, pieces: Sequence[RawPiece], contract: Contract, key: Sequence[str], hash_key: bytes | None
) -> Cleaned:
    """Rows of one table that keep the contract, sorted by `key` and unique in it.

    The columns of the frame are those of the contract but for dropped and ignored ones.
    """
    spec = contract.tables[name]  # type: ignore[index]  # the caller goes through its keys
    cleaned = Cleaned(name, spec, pieces, Fate(sum(len(piece.frame) for piece in pieces)))
    columns = {column: _column(cleaned, column, contract.time.zone) for column in spec.columns}
    for where, reason in left_out(spec, columns, contract.time.zone):
        cleaned.fate.decide(where, "excluded", reason)
    for wrong, reason in cleaned.refusals:
        cleaned.fate.decide(wrong, "refused", reason)
    cleaned.for_all = columns[MACHINE].isin(spec.all_machines).to_numpy()
    for column, how in spec.columns.items():
        if how.role == "ignore" or how.personal == "drop":
            del columns[column]
        elif how.personal == "hash":
            columns[column] = keyed_hash(columns[column], hash_key or b"")
    is_test = np.repeat([piece.is_test for piece in pieces], [len(piece.frame) for piece in pieces])
    if is_test.any():
        columns[MACHINE] = columns[MACHINE].mask(is_test, TEST_PREFIX + columns[MACHINE])
    cleaned.named = pd.Index(columns[MACHINE].dropna().unique())
    _sort(cleaned, columns, key)
    cleaned.is_test = is_test[cleaned.position]
    twins = find_duplicates(cleaned.frame, key)
    cleaned.decide(twins.identical, "identical", "duplicate, identical")
    cleaned.decide(twins.other_content[~twins.identical], "refused", "duplicate key, other content")
    return cleaned


def _column(cleaned: Cleaned, name: str, zone: str) -> pd.Series:
    """One column of all files, cast; wrong and missing cells refuse their row."""
    spec, before = cleaned.spec.columns[name], np.cumsum([0, *(records(piece) for piece in cleaned.pieces)])
    cells = [raw_cells(piece, name, spec, cleaned.spec, before=int(start))
             for piece, start in zip(cleaned.pieces, before, strict=False)]
    if spec.type == "instant":
        done, problems = cast_instants([part.values for part in cells], spec, cleaned.spec, zone)
        cleaned.problems += [f"{name}: {problem}" for problem in problems]
    else:
        done = _join([cast(part.values, spec, cleaned.spec) for part in cells])
    values = done.values
    if name == MACHINE and spec.type != "text":
        values = values.astype("Int64").astype("str").mask(values.isna())
    cleaned.refusals.append((done.wrong | np.concatenate([part.wrong for part in cells]), f"{name}: {done.why}"))
    is_absent = np.repeat([part.is_absent for part in cells], [len(part.values) for part in cells])
    if is_absent.any():
        cleaned.absent[name] = int(is_absent.sum())
    if not spec.nullable:
        cleaned.refusals.append((values.isna().to_numpy() & ~is_absent, f"{name}: missing"))
    return values


def _join(casts: list[Cast]) -> Cast:
    values = casts[0].values.reset_index(drop=True)
    if len(casts) > 1:
        values = pd.concat([done.values for done in casts], ignore_index=True)
    return Cast(values, np.concatenate([done.wrong for done in casts]), casts[-1].why)


def _sort(cleaned: Cleaned, columns: dict[str, pd.Series], key: Sequence[str]) -> None:
    """Fill `frame` with the rows alive, sorted by key and, among equal keys, as they stood in the files."""
    alive = np.flatnonzero(cleaned.fate.alive)
    keys = [columns[name].iloc[alive].reset_index(drop=True) for name in key]
    codes = [_codes(values) for values in keys]
    order = np.lexsort(codes[::-1])                 # stable
    if TIME in key:
        cleaned.out_of_order = _backward_steps(codes[list(key).index(MACHINE)], codes[list(key).index(TIME)])
    cleaned.position = alive[order]
    taken = {name: _settled(columns.pop(name).take(cleaned.position), name, cleaned.spec) for name in list(columns)}
    cleaned.frame = pd.DataFrame(taken, copy=False)


def _codes(values: pd.Series) -> np.ndarray:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.astype("int64").to_numpy()
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64)
    return pd.factorize(values, sort=True)[0]


def _backward_steps(machine: np.ndarray, time: np.ndarray) -> int:
    """Number of rows earlier than one that stands before them, of the same machine."""
    by_machine = np.argsort(machine, kind="stable")
    series = pd.Series(time[by_machine]).groupby(machine[by_machine])
    return int((series.cummax().to_numpy() > time[by_machine]).sum())


def _settled(values: pd.Series, name: str, spec: Table) -> pd.Series:
    """The final dtype: whole cycles as int64, flags that are never missing as bool."""
    values = values.reset_index(drop=True)
    if name == TIME and spec.columns[name].type == "integer":
        return values.astype("int64")
    if spec.columns[name].type == "flag" and not spec.columns[name].may_be_missing():
        return values.astype("bool")
    return values
