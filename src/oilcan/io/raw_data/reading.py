"""Raw files of a data set, read as its contract says; cells are judged later, by `core.ingest`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow
import pyarrow.parquet

from oilcan.contract import Contract, Table
from oilcan.core.ingest.frames import RawPiece
from oilcan.ground.columns import ALARMS
from oilcan.ground.errors import DataError, bullet_list
from oilcan.io.raw_data import delimited, later_months, sheets
from oilcan.io.raw_data.parquet_types import plain_types
from oilcan.io.raw_data.wanted import text_labels, wanted_columns

_REST: Final = Table(grain="one line per test life", files=["-"], header=False, separator="blank", columns={})


Reader = Callable[..., Any]         # called as `_read_file` is; what it returns takes the place of the piece


def read_raw(contract: Contract, folder: Path, live: Path | None = None, readers: Mapping[str, Reader] | None = None,
             ) -> dict[str, list[RawPiece]]:
    """Every raw table of a contract.

    Parameters
    ----------
    contract
        Says which files there are and how they are written.
    folder
        data/raw/<name>/.
    live
        data/live/<name>/, with the parts of later months; None, or a folder that does not exist, for none.
    readers
        By table without joins: what reads its files in another way.

    Returns
    -------
    By table the pieces, one per file, in the order of file names, lives of `test_files` last, then those
    of later months; listed columns only. `test_rul` holds the files of true remaining lives, if the contract has them.

    Raises
    ------
    DataError
        If a file is missing, truncated or unreadable, or a column is missing or not listed. The message
        lists the problems of all files.
    """
    problems: list[str] = []
    if not folder.is_dir():
        raise DataError(f"{folder}: does not exist. {_remedy(contract)}")
    tables: dict[str, list[RawPiece]] = {}
    parts = later_months.month_parts(live)
    for name, table in contract.tables.items():
        read = (readers or {}).get(name, _read_file)
        tables[name] = list(_read_table(name, table.view(None), folder, problems, read))
        for join in table.join:
            of_join = _read_table(f"{name}.join.{join}", table.view(join), folder, problems, _read_file)
            tables[f"{name}.{join}"] = list(of_join)
    if contract.failures.test_rul_files:
        files = _matches("failures.test_rul_files", contract.failures.test_rul_files, folder, problems)
        tables["test_rul"] = list(_read_pieces("test_rul", _REST, folder, files, [], problems, _read_file))
    for name in contract.tables if parts else ():
        _add_months(name, contract, parts, tables, problems, (readers or {}).get(name))
    for part in parts:
        problems += later_months.unread(part, _readable(contract, part))
    if problems:
        raise DataError(bullet_list(
            f"{folder}: the files do not fit datasets/{contract.name}.yaml v{contract.version}. {_remedy(contract)} "
            f"Or change the contract, if the files are right", problems))
    return tables


def _remedy(contract: Contract) -> str:
    return (f"Place the files with `oilcan dataset place {contract.name} --from FOLDER`, fetch them with "
            f"`oilcan dataset fetch {contract.name}`, or see datasets/{contract.name}.yaml: source.")


def _read_table(name: str, table: Table, folder: Path, problems: list[str], read: Reader) -> Iterator[RawPiece]:
    tests = _matches(f"tables.{name}.test_files", table.test_files, folder, problems)
    files = _matches(f"tables.{name}.files", table.files, folder, problems)
    yield from _read_pieces(name, table, folder, [file for file in files if file not in tests], tests, problems, read)


def _add_months(name: str, contract: Contract, parts: list[Path], tables: dict[str, list[RawPiece]],
                problems: list[str], read: Reader | None) -> None:
    """Add what later months hold of a table and of its joins: files as the first ones, then collected ones."""
    table = contract.tables[name]  # type: ignore[index]  # the caller goes through its keys
    for join in (None, *table.join):
        view, pieces = table.view(join), tables[name if join is None else f"{name}.{join}"]
        for part in parts:
            found = later_months.plain_files(part, view.files)
            of_month = _read_pieces(f"{part.name}: {name}", view, part, found, [], problems, read or _read_file)
            pieces += [replace(piece, part=part.name) for piece in of_month]
        for part in parts:
            try:
                collected = later_months.read_collected(part, name, view, read)
            except DataError as err:
                problems += [f"{name}: {err}"] if join is None else []
            else:
                pieces += [] if collected is None else [collected]


def _readable(contract: Contract, part: Path) -> set[str]:
    """Files of a part that a table or a join reads."""
    views = [table.view(join) for table in contract.tables.values() for join in (None, *table.join)]
    names = [*contract.tables, "failures", ALARMS]
    return {file for view in views for file in later_months.plain_files(part, view.files)} | {
        later_months.collected_file(name) for name in names}


def _matches(where: str, patterns: list[str], folder: Path, problems: list[str]) -> list[str]:
    files: set[str] = set()
    for pattern in patterns:
        found = [path.relative_to(folder).as_posix() for path in folder.glob(pattern) if path.is_file()]
        files |= set(found)
        if not found:
            held = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
            shown = ", ".join(held[:6]) + (", ..." if len(held) > 6 else "") or "no files"
            problems.append(f"{where}: no file {pattern!r} (found {shown})")
    return sorted(files)


def _read_pieces(
    name: str, table: Table, folder: Path, files: list[str], tests: list[str], problems: list[str], read: Reader
) -> Iterator[RawPiece]:
    """Pieces that can be read; what cannot be read is a problem, and the next file is tried."""
    for file in [*files, *tests]:
        try:
            piece = read(folder / file, file, table, is_test=file in tests)
        except DataError as err:
            problems += [f"{name}: {line}" for line in str(err).splitlines()]
        else:
            yield piece


def _read_file(path: Path, file: str, table: Table, *, is_test: bool) -> RawPiece:
    if table.format == "parquet":
        return _read_parquet(path, file, table, is_test=is_test)
    read = sheets.read_sheet if table.format == "excel" else delimited.read_delimited
    return read(path, file, table, is_test=is_test)


def _read_parquet(path: Path, file: str, table: Table, *, is_test: bool) -> RawPiece:
    try:
        held = pyarrow.parquet.read_schema(path).names
        wanted = wanted_columns(table, held, file)
        arrow = pyarrow.parquet.read_table(path, columns=[str(name) for name in wanted])
        arrow = plain_types(arrow, set(text_labels(table)), file)
        frame = arrow.to_pandas(types_mapper=delimited.TEXT_TYPES.get, ignore_metadata=True, split_blocks=True,
                                self_destruct=True)
        del arrow
    except (pyarrow.ArrowException, OSError) as err:
        reason = " ".join(str(err).split())
        raise DataError(f"{file}: not readable as Parquet ({reason}); truncated or another format?") from err
    return RawPiece(file, frame, np.arange(1, len(frame) + 1), is_test)
