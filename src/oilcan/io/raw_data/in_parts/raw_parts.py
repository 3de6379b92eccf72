"""Raw telemetry and truth too large for the memory, sorted into parts of whole machines on disk.

One pass over the files counts the records of each machine; a second one writes each record, as it stands in its file,
into the part of its machine. A part holds about `ROWS_AT_ONCE` records, or those of one machine.
"""

import shutil
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.ipc
import pyarrow.parquet

from oilcan.contract import Contract, Table
from oilcan.contract.table_words import ROW_NUMBER, Label
from oilcan.core.ingest.frames import RawPiece, RawTables
from oilcan.core.ingest.tables import machine_names
from oilcan.ground.columns import MACHINE
from oilcan.ground.needs import Need
from oilcan.io.raw_data import later_months, reading
from oilcan.io.raw_data.delimited import TEXT_TYPES
from oilcan.io.raw_data.in_parts.parquet_pieces import ParquetPieces
from oilcan.io.raw_data.in_parts.text_pieces import TextPieces, can_be_cut

MOST_IN_MEMORY: Final = 1 << 22     # records of telemetry and truth; more of them are sorted into parts
ROWS_AT_ONCE: Final = 1 << 19       # records of a part
_BYTES_OF_A_ROW: Final = 64         # of text, to guess the number of its records
_BYTES_OF_A_CELL: Final = 32        # in memory at the peak; 24 (Parquet) and 32 (text) were measured
_BYTES_ON_DISK: Final = 16
_MOST_PARTS: Final = 500            # files that are open together
_LARGE: Final = ("telemetry", "truth")
_ROW: Final = "row"


@contextmanager
def opened(
    contract: Contract, folder: Path, live: Path, scratch: Path, *, hash_key: bytes
) -> Iterator[tuple[RawTables, Iterator[RawTables] | None]]:
    """Raw tables of a contract, and those of telemetry and truth in parts if they are large.

    Parameters
    ----------
    contract, folder, live
        As for `reading.read_raw`, with its errors.
    scratch
        A folder for the parts, removed at the end.
    hash_key
        Secret of the keyed hash, for machines whose identifiers are hashed.

    Yields
    ------
    What `ingest` takes: tables in memory, and parts; None if everything is in memory, because it is small or the
    contract has a word that needs the whole table (`whole_words`).

    Raises
    ------
    DataError
        If the memory or the disk that this takes is not there, before anything is read.
    """
    large: list[str] = [name for name in _LARGE if name in contract.tables]
    names = [name for name in large if not whole_words(contract, name)]
    rows = {name: _rows(contract, name, folder, live) for name in large}
    if "telemetry" not in names or sum(rows.values()) <= MOST_IN_MEMORY:
        _check_memory(contract, {name: number for name, number in rows.items() if sum(rows.values()) > MOST_IN_MEMORY})
        yield reading.read_raw(contract, folder, live), None
        return
    _check_memory(contract, {name: number for name, number in rows.items() if name not in names})
    _check_disk(contract, {name: rows[name] for name in names}, scratch.parent)
    files: dict[str, _Files] = {name: _Files(contract.tables[name], hash_key) for name in names}  # type: ignore[index]  # names of tables
    tables = reading.read_raw(contract, folder, live, {name: each.read for name, each in files.items()})
    for name, each in files.items():
        each.adopt(tables.pop(name))
    try:
        yield tables, _parts(files, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def whole_words(contract: Contract, name: str) -> list[str]:
    """Words of the contract because of which a table is read whole."""
    table = contract.tables[name]  # type: ignore[index]  # a name of its tables
    machine = table.columns[MACHINE].source
    by_row = ROW_NUMBER in machine if isinstance(machine, list) else machine == ROW_NUMBER
    words = {"join": table.join, "pivot": table.pivot, "all_machines": table.all_machines, "from: row_number": by_row,
             "failures: {from: end_of_life}": contract.failures.source == "end_of_life",
             "format, separator, comment or encoding": not (table.format == "parquet" or can_be_cut(table))}
    return [word for word, is_there in words.items() if is_there]


def _rows(contract: Contract, name: str, folder: Path, live: Path) -> int:
    """About how many records the files of a table hold; files that cannot be read are judged when they are read."""
    rows, table = 0, contract.tables[name]  # type: ignore[index]  # a name of its tables
    patterns = [*table.files, *table.test_files, later_months.collected_file(name)]
    for path in {path for place in (folder, *later_months.month_parts(live)) for pattern in patterns
                 for path in place.glob(pattern) if path.is_file()}:
        try:
            rows += pyarrow.parquet.read_metadata(path).num_rows
        except (pyarrow.ArrowException, OSError):
            rows += path.stat().st_size // _BYTES_OF_A_ROW
    return rows


def _check_memory(contract: Contract, rows: Mapping[str, int]) -> None:
    """Refuse tables that are read whole and do not fit into the memory that is free."""
    words = sorted({word for name in rows for word in whole_words(contract, name)})
    Need(f"datasets/{contract.name}.yaml",
         f"about {sum(rows.values()):,} records of {' and '.join(rows)} must be read whole because of "
         f"{', '.join(map(repr, words))}, which",
         "Write the files so that they need none of these words, and they are read in parts; or take a host with more "
         "memory.", memory=_cells(contract, rows) * _BYTES_OF_A_CELL).check()


def _check_disk(contract: Contract, rows: Mapping[str, int], folder: Path) -> None:
    """Refuse tables whose parts do not fit on the disk."""
    Need(str(folder.parent),
         f"about {sum(rows.values()):,} records of {' and '.join(rows)} are sorted here by machine, which",
         "Make room.", disk=_cells(contract, rows) * _BYTES_ON_DISK).check(folder)


def _cells(contract: Contract, rows: Mapping[str, int]) -> int:
    return sum(number * len(table.columns) for name, table in contract.tables.items()
               if (number := rows.get(name)) is not None)


@dataclass
class _File:
    """A raw file of a table: what reads it, and what its pieces have in common."""

    source: ParquetPieces | TextPieces
    is_test: bool = False
    part: str = ""
    number: int = 0
    schema: pyarrow.Schema | None = None
    missing: set[str] = field(default_factory=set)     # columns that lack a cell anywhere in the file

    def piece(self, cells: pyarrow.Table, rows: np.ndarray, *, first: bool = True) -> RawPiece:
        """Some records as `ingest` takes them; `first` if no other piece names those that could not be cut."""
        frame = pd.DataFrame(index=range(len(rows))) if not cells.num_columns else cells.to_pandas(
            types_mapper=TEXT_TYPES.get, ignore_metadata=True, split_blocks=True)
        for name in self.missing & set(frame.columns):      # as pandas has the whole column
            kind = frame[name].dtype
            if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_integer_dtype(kind):
                frame[name] = frame[name].astype(object if pd.api.types.is_bool_dtype(kind) else "float64")
        frame.columns = pd.Index([self.source.wanted[int(name)] for name in frame.columns], dtype="object")
        return RawPiece(
            self.source.file, frame, rows, self.is_test, self.source.malformed if first else (), self.source.grouped,
            self.part, isinstance(self.source, ParquetPieces) and self.source.is_collected, self.number)


class _Files:
    """The files of one table, and the number of records of each machine."""

    def __init__(self, table: Table, hash_key: bytes) -> None:
        self.table, self._hash_key = table, hash_key
        self.files: list[_File] = []
        self.counts: Counter[str] = Counter()

    def read(
        self, path: Path, file: str, table: Table, *, is_test: bool = False, is_collected: bool = False
    ) -> _File:
        """Survey a file; takes the place of reading it."""
        source: Any = ParquetPieces(path, file, table, is_collected) if table.format == "parquet" or is_collected \
            else TextPieces(path, file, table)
        read, counts = _File(source, is_test), Counter[str]()

        def begin() -> Callable[[pyarrow.Table], None]:
            counts.clear()
            return lambda piece: counts.update(self._counted(read, piece))

        if isinstance(source, ParquetPieces):
            source.survey(begin, self._labels(source))
        else:
            source.survey(begin)
        self.counts += counts
        return read

    def adopt(self, files: list[Any]) -> None:
        """Number the files in the order in which they were read."""
        self.files = files
        for number, file in enumerate(files):
            file.number = number

    def _counted(self, file: _File, piece: pyarrow.Table) -> dict[str, int]:
        codes, machines = self.machines(file, piece)
        counts: dict[str, int] = {}
        for machine, rows in zip(machines, np.bincount(codes + 1, minlength=len(machines) + 1)[1:], strict=True):
            if isinstance(machine, str):
                counts[machine] = counts.get(machine, 0) + int(rows)
        return counts

    def machines(self, file: _File, piece: pyarrow.Table) -> tuple[np.ndarray, list[Any]]:
        """Place of the machine of each record in the list, -1 for none; canonical machines, missing if not named."""
        labels = self._labels(file.source)
        cells = piece.select([str(at) for at, label in enumerate(file.source.wanted) if label in labels])
        if cells.num_columns != 1:
            codes, names = pd.factorize(self._names(file, cells, piece.num_rows))
            return codes, list(names)
        known = cells.column(0).combine_chunks().dictionary_encode()        # few names, many rows
        codes = known.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        unique = pyarrow.table([known.dictionary], names=cells.column_names)
        return codes, self._names(file, unique, unique.num_rows).tolist()

    def _names(self, file: _File, cells: pyarrow.Table, rows: int) -> pd.Series:
        return machine_names(file.piece(cells, np.arange(rows), first=False), self.table, self._hash_key)

    def _labels(self, source: ParquetPieces | TextPieces) -> list[Label]:
        """What the machine of a record is made from; the file may lack some of them."""
        collected = isinstance(source, ParquetPieces) and source.is_collected
        return [MACHINE] if collected else self.table.columns[MACHINE].raw_labels(MACHINE)


def _parts(files: Mapping[str, _Files], scratch: Path) -> Iterator[RawTables]:
    """Write the records into parts, then give one part after the other."""
    first_machines = _cut(sum((each.counts for each in files.values()), Counter()))
    for name, each in files.items():
        for file in each.files:
            _sort(each, file, first_machines, scratch / name)
    for part in range(len(first_machines) + 1):
        yield {name: list(_pieces(each, scratch / name, part)) for name, each in files.items()}


def _cut(counts: Counter[str]) -> list[str]:
    """The first machine of each part but the first one."""
    most = max(ROWS_AT_ONCE, sum(counts.values()) // _MOST_PARTS)
    cuts, rows = [], 0
    for machine in sorted(counts):
        if rows and rows + counts[machine] > most:
            cuts.append(machine)
            rows = 0
        rows += counts[machine]
    return cuts


def _sort(files: _Files, file: _File, first_machines: list[str], folder: Path) -> None:
    """Append the records of a file to the parts of their machines; those that name no machine go into the first."""
    with ExitStack() as open_files:
        writers: dict[int, pyarrow.ipc.RecordBatchStreamWriter] = {}
        for rows, cells in file.source.pieces():
            file.schema = cells.schema
            file.missing |= {name for name in cells.column_names if cells[name].null_count}
            codes, machines = files.machines(file, cells)
            of_machine = [bisect_right(first_machines, name) if isinstance(name, str) else 0 for name in machines]
            part = np.array([*of_machine, 0])[codes]
            cells = cells.append_column(_ROW, pyarrow.array(rows))
            for number in np.unique(part):
                mine = part == number
                if number not in writers:
                    writers[number] = _writer(folder / f"{number:04d}", file, cells.schema, open_files)
                writers[number].write_table(cells if mine.all() else cells.filter(pyarrow.array(mine)))


def _writer(folder: Path, file: _File, schema: pyarrow.Schema, open_files: ExitStack) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
    sink = open_files.enter_context((folder / f"{file.number:06d}").open("wb"))
    return open_files.enter_context(pyarrow.ipc.new_stream(sink, schema, options=options))


def _pieces(files: _Files, folder: Path, part: int) -> Iterator[RawPiece]:
    """What a part holds of each file; at least one piece, and in the first part all records that could not be cut."""
    given = False
    for file in files.files:
        path = folder / f"{part:04d}" / f"{file.number:06d}"
        if path.exists():
            with path.open("rb") as stream, pyarrow.ipc.open_stream(stream) as reader:
                cells = reader.read_all()
            path.unlink()
            rows = cells[_ROW].to_numpy()
            yield file.piece(cells.drop_columns([_ROW]), rows, first=part == 0)
            given = True
        elif (part == 0 and file.source.malformed) or (file is files.files[-1] and not given):
            empty = pyarrow.schema([(str(at), pyarrow.string()) for at in range(len(file.source.wanted))])
            yield file.piece((file.schema or empty).empty_table(), np.empty(0, dtype=np.int64), first=part == 0)
            given = True
