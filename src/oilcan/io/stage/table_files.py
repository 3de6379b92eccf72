"""Tables that stages exchange: Parquet, whole or in partitions, and small CSV files."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet as pq

from oilcan.ground.columns import MACHINE
from oilcan.ground.errors import DataError
from oilcan.io.stage.files import fresh_file

_PIECE: Final = 1 << 17         # rows
_ROW_GROUP: Final = 1 << 20     # rows; what pyarrow makes of a table that is written at once


def read_table(path: Path, columns: list[str] | None = None, filters: list[tuple[str, str, Any]] | None = None,
               ) -> pd.DataFrame:
    """A Parquet table written by a stage, or the rows of it that `filters` lets through.

    Raises
    ------
    DataError
        If the file is missing, truncated or lacks a column.
    """
    try:
        _check_columns(path, columns)
        return pd.read_parquet(path, columns=columns, filters=filters)
    except FileNotFoundError as err:
        raise DataError(f"{path}: does not exist. Run `dvc repro`.") from err
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError, KeyError, OSError) as err:
        reason = " ".join(str(err).split())
        raise DataError(f"{path}: not readable as Parquet ({reason}). Delete it and run `dvc repro`.") from err


def read_pieces(path: Path, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """A table some rows after the other, index 0..n-1 each, so that it is never whole in memory; no piece is empty.

    Raises
    ------
    DataError
        As `read_table`.
    """
    read_table(path, [])            # its complaints, without its rows
    _check_columns(path, columns)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_PIECE, columns=columns):
            yield pyarrow.Table.from_batches([batch]).to_pandas()


def read_machines(path: Path, first: str, last: str) -> pd.DataFrame:
    """Rows of the machines from `first` to `last`, of a table that is sorted by machine; DataError as `read_table`.

    Row groups of other machines are not read.
    """
    return read_table(path, filters=[(MACHINE, ">=", first), (MACHINE, "<=", last)])


def columns(path: Path) -> list[str]:
    """Columns of a table, in their order; DataError as `read_table`."""
    read_table(path, [])
    return list(pq.read_schema(path).names)


def _check_columns(path: Path, columns: list[str] | None) -> None:
    """Refuse a readable table without a wanted column."""
    absent = sorted(set(columns) - set(pq.read_schema(path).names)) if columns else []
    if absent:
        raise DataError(f"{path}: is a table without {', '.join(map(repr, absent))} (wanted {len(columns or [])} "
                        f"columns). It was made from another data set or version; run `dvc repro` for this one.")


def read_tables(folder: Path, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Parquet tables of a folder by name; DataError as `read_table`."""
    return {name: read_table(folder / f"{name}.parquet") for name in names}


def read_partitions(folder: Path, columns: list[str] | None = None,
                    keep: Callable[[pd.DataFrame], np.ndarray] | None = None) -> pd.DataFrame:
    """A partitioned table as one, index 0..n-1, or the rows that `keep` marks; DataError as `partitions`, `read_table`.

    Rows that are not kept are dropped partition by partition.
    """
    tables = (read_table(part, columns) for part in partitions(folder))
    return pd.concat([table if keep is None else table[keep(table)] for table in tables], ignore_index=True)


def shape(path: Path) -> tuple[int, int]:
    """Rows and columns of a table, by what its file says of itself; DataError as `read_table`."""
    read_table(path, [])
    told = pq.read_metadata(path)
    return int(told.num_rows), int(told.num_columns)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a Parquet table; its index is not kept."""
    with fresh_file(path) as draft:
        table.to_parquet(draft, index=False, compression="zstd")


@contextmanager
def growing_table(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """A Parquet table that takes rows piece by piece, as row groups of their own; the index is not kept.

    A single piece makes the bytes of `write_table`. All pieces have the types of the first; without a piece there is no
    file.
    """
    with ExitStack() as opened:
        writers: list[pq.ParquetWriter] = []

        def append(table: pd.DataFrame) -> None:
            if not writers:
                arrow = pyarrow.Table.from_pandas(table, preserve_index=False)
                draft = opened.enter_context(fresh_file(path))
                writers.append(opened.enter_context(pq.ParquetWriter(draft, arrow.schema, compression="zstd")))
            else:
                arrow = pyarrow.Table.from_pandas(table, schema=writers[0].schema, preserve_index=False)
            writers[0].write_table(arrow)

        yield append


@contextmanager
def table_in_pieces(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """A Parquet table that takes rows piece by piece, and has the bytes that `write_table` gives all rows at once.

    About a row group of rows is held in memory. All pieces have the types of the first.
    """
    waiting: list[pd.DataFrame] = []
    with growing_table(path) as write:

        def take(piece: pd.DataFrame) -> None:
            waiting.append(piece)
            while sum(map(len, waiting)) > _ROW_GROUP:
                rows = pd.concat(waiting, ignore_index=True)
                waiting[:] = [rows.iloc[_ROW_GROUP:].copy()]        # a view would keep the whole
                write(rows.iloc[:_ROW_GROUP])

        yield take
        if waiting:
            write(pd.concat(waiting, ignore_index=True))


def write_pieces(pieces: Iterable[pd.DataFrame], path: Path) -> int:
    """Write rows as `table_in_pieces` does; how many there were."""
    rows = 0
    with table_in_pieces(path) as take:
        for piece in pieces:
            take(piece)
            rows += len(piece)
    return rows


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write Parquet tables under their names."""
    for name, table in tables.items():
        write_table(table, folder / f"{name}.parquet")


def write_partitions(groups: Iterable[pd.DataFrame], folder: Path) -> None:
    """Write a table partition by partition, numbered from 0."""
    for number, group in enumerate(groups):
        write_table(group, folder / partition_name(number))


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a small table as CSV, floats to six significant digits."""
    with fresh_file(path) as draft:
        table.to_csv(draft, index=False, float_format="%.6g", lineterminator="\n")


def write_csvs(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write small tables under their names, as `write_csv`."""
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")


def read_csvs(folder: Path) -> dict[str, pd.DataFrame]:
    """The small tables of a folder by their names, as `write_csvs` left them."""
    return {path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))}


def partitions(folder: Path) -> list[Path]:
    """The part files of a partitioned table, in order.

    Raises
    ------
    DataError
        If the folder has no part file.
    """
    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        raise DataError(f"{folder}: holds no part-*.parquet. Run `dvc repro`.")
    return parts


def partition_name(number: int) -> str:
    """File name of a partition."""
    return f"part-{number:04d}.parquet"
