"""One raw table -> its canonical table: cast, left out, sorted, unique; every row accounted for."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract, Table
from oilcan.core.ingest.cells.casting import cast_identifier
from oilcan.core.ingest.cells.column_values import as_written, column_values
from oilcan.core.ingest.cells.instant_cells import from_elapsed
from oilcan.core.ingest.cells.personal import keyed_hash
from oilcan.core.ingest.cells.raw_cells import empty_rows, raw_cells
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.failure_marks import mark_failures
from oilcan.core.ingest.frames import RawPiece, RawTables
from oilcan.core.ingest.joining import joined_columns
from oilcan.core.ingest.pivoting import Tagged, pivot_rows, tagged_values
from oilcan.core.ingest.rows.duplicates import find_duplicates
from oilcan.core.ingest.rows.row_filters import left_out
from oilcan.core.ingest.rows.row_outcomes import CONFLICTING_DUPLICATE, IDENTICAL_DUPLICATE, RowVerdicts
from oilcan.ground.columns import EVENT_KEYS, KEY, MACHINE, TIME, UNTIL

TEST_PREFIX: Final = "test-"


def table_key(name: str, contract: Contract) -> list[str]:
    """The columns that are unique together in a table; the first one is the machine."""
    if name == "machines" or (name == "telemetry" and contract.time.kind == "none"):
        return [MACHINE]
    return EVENT_KEYS.get(name, KEY)


def clean_table(name: str, raw: RawTables, contract: Contract, hash_key: bytes | None) -> Cleaned:
    """Rows of one table that keep the contract, sorted by its key and unique in it.

    The columns of the frame are those of the contract but for dropped and ignored ones.
    """
    spec, pieces = contract.tables[name], raw[name]  # type: ignore[index]  # the caller goes through its keys
    key = table_key(name, contract)
    cleaned = Cleaned(name, spec, pieces, RowVerdicts(sum(len(piece.frame) for piece in pieces)))
    columns, tagged = _columns(cleaned, raw, contract.time.zone)
    for column in {TIME, UNTIL} & set(columns) if contract.time.kind == "elapsed" else ():
        columns[column] = from_elapsed(columns[column], contract.time.unit)
    for where, reason in left_out(spec, columns, contract.time.zone):
        cleaned.verdicts.decide(where, "excluded", reason)
    cleaned.verdicts.decide(empty_rows(pieces, spec, columns[MACHINE]), "excluded", "no cell is filled")
    if contract.time.kind == "instant" and TIME in columns:
        cleaned.refuse(_of_no_record(columns[TIME]), f"{TIME}: lies before 1900 or after 2199, a mark for no time?")
    if UNTIL in columns and TIME in columns:
        cleaned.refuse((columns[UNTIL] < columns[TIME]).to_numpy(), f"{UNTIL}: lies before {TIME}")
    if name == "telemetry" and not tagged:
        mark_failures(cleaned, columns, contract)
    for wrong, reason, rank in cleaned.refusals:
        cleaned.verdicts.decide(wrong, "refused", reason, rank)
    if tagged:
        pivot_rows(cleaned, columns, tagged, key)
        mark_failures(cleaned, columns, contract)
    if spec.all_machines:
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
    if cleaned.failed_at is not None:
        cleaned.failed = pd.DataFrame({column: columns[column].iloc[cleaned.failed_at] for column in KEY})
    _sort(cleaned, columns, key)
    cleaned.is_test = is_test[cleaned.position]
    repeated = find_duplicates(cleaned.frame, key)
    listed = repeated.other_content & _is_collected(cleaned)[cleaned.position] & (name == "machines")
    refused = repeated.other_content & ~listed
    cleaned.decide(repeated.identical, "identical", IDENTICAL_DUPLICATE)
    cleaned.decide(listed[~repeated.identical], "excluded", "listed before")
    cleaned.decide(refused[~(repeated.identical | listed)], "refused", CONFLICTING_DUPLICATE)
    return cleaned


def machine_names(piece: RawPiece, table: Table, hash_key: bytes | None) -> pd.Series:
    """Canonical machine of each record of a piece, missing where the record names none."""
    spec = table.columns[MACHINE]
    names = cast_identifier(raw_cells(piece, MACHINE, spec, table).values, *as_written(spec, table, piece)).values
    if spec.personal == "hash":
        names = keyed_hash(names, hash_key or b"")
    return TEST_PREFIX + names if piece.is_test else names


def _of_no_record(time: pd.Series) -> np.ndarray:
    """Instants that no record of a plant has, such as 9999-12-31 and 0001-01-01."""
    first, end = pd.Timestamp("1900-01-02", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")
    if time.empty or (time.min() >= first and time.max() < end):       # as nearly always: then no mask is made
        return np.zeros(len(time), dtype=bool)
    return ((time < first) | (time >= end)).to_numpy(dtype=bool, na_value=False)


def _is_collected(cleaned: Cleaned) -> np.ndarray:
    """Raw rows that `oilcan collect` wrote: a service may know less of a machine than the files that list it."""
    return np.repeat([piece.is_collected for piece in cleaned.pieces], [len(piece.frame) for piece in cleaned.pieces])


def _columns(cleaned: Cleaned, raw: RawTables, zone: str) -> tuple[dict[str, pd.Series], list[Tagged]]:
    """All columns in the contract's order, one value per raw record, and the values of tags."""
    spec = cleaned.spec
    done = {name: column_values(cleaned, name, zone) for name, column in spec.columns.items()
            if column.join is None and column.from_tag is None}  # fmt: skip
    for join in spec.join:
        done |= joined_columns(cleaned, join, raw[f"{cleaned.name}.{join}"], done, zone)
    tagged = tagged_values(cleaned) if spec.pivot is not None else []
    return {name: done[name] for name in spec.columns if name in done}, tagged


def _sort(cleaned: Cleaned, columns: dict[str, pd.Series], key: Sequence[str]) -> None:
    """Fill `frame` with the kept rows, sorted by key and, among equal keys, in the order of the files."""
    stands = True if cleaned.owner is None else cleaned.owner == np.arange(len(cleaned.owner))
    kept = np.flatnonzero(cleaned.verdicts.kept & stands)
    all_kept = len(kept) == len(cleaned.verdicts.kept)
    codes = [_codes(columns[name] if all_kept else columns[name].take(kept)) for name in key]
    is_sorted = _is_sorted(codes)                   # as most files are: then nothing is moved, nothing copied
    cleaned.position = kept if is_sorted else kept[np.lexsort(codes[::-1])]       # stable
    if TIME in key and not is_sorted:
        cleaned.out_of_order = _backward_steps(codes[list(key).index(MACHINE)], codes[list(key).index(TIME)])
    del codes
    whole = is_sorted and all_kept
    names = [name for name in cleaned.spec.columns if name in columns]
    taken = {}
    for name in names:
        values = columns.pop(name)
        taken[name] = _settled(values if whole else values.take(cleaned.position), name, cleaned.spec)
    cleaned.frame = pd.DataFrame(taken, copy=False)


def _is_sorted(codes: Sequence[np.ndarray]) -> bool:
    """Whether rows are sorted by all keys together."""
    tied = np.ones(max(len(codes[0]) - 1, 0), dtype=bool)
    for code in codes:
        if (tied & (code[1:] < code[:-1])).any():
            return False
        tied &= code[1:] == code[:-1]
    return True


def _codes(values: pd.Series) -> np.ndarray:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.astype("int64").to_numpy()
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64)
    return pd.factorize(values, sort=True)[0]


def _backward_steps(machine: np.ndarray, time: np.ndarray) -> int:
    """Number of rows whose time is before that of an earlier row of the same machine."""
    if (machine[1:] < machine[:-1]).any():              # most files are ordered by machine: then nothing is copied
        by_machine = np.argsort(machine, kind="stable")
        time, machine = time[by_machine], machine[by_machine]
    bounds = [0, *(np.flatnonzero(machine[1:] != machine[:-1]) + 1), len(time)]
    return sum(int((np.maximum.accumulate(time[start:end]) > time[start:end]).sum())
               for start, end in pairwise(bounds))


def _settled(values: pd.Series, name: str, spec: Table) -> pd.Series:
    """The final dtype: whole cycles as int64, flags that are never missing as bool."""
    values = values.reset_index(drop=True)
    if name in {TIME, UNTIL} and spec.columns[name].type == "integer" and values.notna().all():
        return values.astype("int64")
    if spec.columns[name].type == "flag" and not spec.columns[name].may_be_missing():
        return values.astype("bool")
    return values
