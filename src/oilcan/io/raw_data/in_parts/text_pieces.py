"""A delimited text file read in pieces, with the cells, records and refusals that `delimited` finds in the whole.

What has to be known of the whole file is found by `TextPieces.survey` in one pass: its encoding, whether its numbers
can be typed, the records that cannot be cut, and whether quotation marks swallow records.
"""

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow
import pyarrow.csv

from oilcan.contract import Table
from oilcan.contract.table_words import Label
from oilcan.core.ingest.cells.numbers import Grouping, grouping, value_grouping
from oilcan.core.ingest.frames import Malformed
from oilcan.ground.errors import DataError
from oilcan.io.raw_data import delimited, records
from oilcan.io.raw_data.framing import without_frame
from oilcan.io.raw_data.wanted import number_labels

BLOCK: Final = 1 << 22
_TAIL: Final = 1 << 20
_MOST_AT_ONCE: Final = 1 << 30      # bytes of a file that is read whole to say what is wrong with it


def can_be_cut(table: Table) -> bool:
    """Whether files of this form are read in pieces; comments, blanks and encodings but UTF-8 need the whole file."""
    try:
        is_utf8 = codecs.lookup(table.encoding).name in {"utf-8", "ascii"}
    except LookupError:
        return False
    return table.format == "csv" and table.separator != "blank" and table.comment is None and is_utf8


@dataclass
class TextPieces:
    """A file, and what `survey` found out about it.

    Attributes
    ----------
    wanted, typed
        Labels of the columns that are read, and those of them that come as numbers.
    malformed
        Records that could not be cut.
    grouped
        Typed columns whose decimal mark may separate thousands.
    """

    path: Path
    file: str
    table: Table
    labels: list[Any] = field(default_factory=list)
    wanted: list[Label] = field(default_factory=list)
    typed: frozenset[Label] = frozenset()
    malformed: tuple[Malformed, ...] = ()
    grouped: frozenset[Label] = frozenset()

    def survey(self, begin: Callable[[], Callable[[pyarrow.Table], None]]) -> None:
        """Read the whole file once, or twice if not all its numbers can be typed.

        Parameters
        ----------
        begin
            Called as a pass begins; what it returns receives every piece.

        Raises
        ------
        DataError
            As `delimited.read_delimited`.
        """
        with _Blocks(self.path, self.file, self.table) as blocks:
            self.labels, self.wanted = blocks.labels, blocks.wanted
        for typed in (frozenset(number_labels(self.table)), frozenset[Label]()):
            self.typed = typed
            take, doubts = begin(), dict.fromkeys((label for label in self.wanted if label in self.typed), Grouping())
            try:
                for _, piece in self.pieces():
                    take(piece)
                    for label, known in doubts.items():
                        if known.fits:
                            values = piece.column(self.wanted.index(label)).to_numpy()
                            doubts[label] = known.joined(value_grouping(values))
            except pyarrow.ArrowInvalid as err:
                if not self.typed:
                    raise self._not_cut(err) from err
            else:
                break
        self.grouped = frozenset(label for label, known in doubts.items() if known.is_doubtful and self._groups(label))

    def pieces(self) -> Iterator[tuple[np.ndarray, pyarrow.Table]]:
        """Numbers and cells of the records that could be cut, in order, a piece at a time."""
        skipped: list[tuple[int, Any]] = []
        last, behind = 0, 0                         # number of the last record given; refused ones before it
        for piece in self._parsed(self.wanted, self.typed, skipped):
            refused = [number for number, _ in skipped[behind:]]
            numbers = np.arange(last + 1, last + piece.num_rows + len(refused) + 1)
            numbers = np.setdiff1d(numbers, refused, assume_unique=True) if refused else numbers
            numbers = numbers[:piece.num_rows]
            last = int(numbers[-1])
            behind += sum(number < last for number in refused)
            yield numbers, piece
        self.malformed = delimited.not_cut(skipped)

    def _parsed(
        self, wanted: list[Label], typed: frozenset[Label], skipped: list[tuple[int, Any]]
    ) -> Iterator[pyarrow.Table]:
        def note(row: Any) -> str:
            skipped.append((row.number, row))
            return "skip"

        form, rows = delimited.Form.of(self.table), 0
        types = delimited.column_types(wanted, self.labels, typed)
        read_options, further = delimited.parse_options(form, self.table, types, len(self.labels), note, BLOCK)
        with _Blocks(self.path, self.file, self.table) as blocks:
            if blocks.has_record():
                stream = pyarrow.PythonFile(blocks, mode="r")
                with closing(pyarrow.csv.open_csv(stream, read_options=read_options, **further)) as reader:
                    for batch in reader:
                        if batch.num_rows:
                            rows += batch.num_rows
                            yield pyarrow.table(batch.columns, names=[str(at) for at in range(batch.num_columns)])
        if not blocks.holds(rows + len(skipped) + int(self.table.header), form):
            self._read_whole()

    def _groups(self, label: Label) -> bool:
        """Look at the cells of a typed column as they are written."""
        known = Grouping()
        for piece in self._parsed([label], frozenset(), []):
            known = known.joined(grouping(delimited.stripped(piece), self.table.decimal))
            if not known.fits:
                return False
        return known.is_doubtful

    def _read_whole(self) -> None:
        """Refuse the file for what is wrong with its quotation marks; nothing if cells only go over several lines."""
        if self.path.stat().st_size > _MOST_AT_ONCE:
            raise DataError(f"{self.file}: quoted cells go over several lines, or a quotation mark is never closed; a "
                            f"file of this size cannot be checked for that. Cut it into files below 1 GiB, or say "
                            f"`quote: none` in the contract if quotation marks are plain text in it")
        delimited.read_delimited(self.path, self.file, self.table)

    def _not_cut(self, err: pyarrow.ArrowInvalid) -> DataError:
        if self.path.stat().st_size <= _MOST_AT_ONCE:
            delimited.read_delimited(self.path, self.file, self.table)
        return DataError(f"{self.file}: cannot be cut into cells ({' '.join(str(err).split())}); another format?")


class _Blocks:
    """Bytes of the records of a file, checked and counted as they are read."""

    def __init__(self, path: Path, file: str, table: Table) -> None:
        self._file, self._encoding = file, table.encoding
        self._decoder = codecs.getincrementaldecoder(table.encoding)()
        self._count, self._newlines, self._tail = records.LineCount(), 0, b""
        self.closed = False
        self._opened = ExitStack()
        try:
            self._stream: Any = self._opened.enter_context(path.open("rb"))
            if self._stream.peek(2)[:2] == delimited.GZIP:
                self._stream = self._opened.enter_context(gzip.GzipFile(fileobj=self._stream))
            head = without_frame(delimited.checked_head(self._checked(BLOCK), file), table)
            self.labels, self.wanted, start = delimited.read_header(head, delimited.Form.of(table), table, file)
        except OSError as err:
            self.close()
            raise DataError(f"{file}: not readable ({err.strerror or err}); check its permissions") from err
        except DataError:
            self.close()
            raise
        self._count.add(head)
        self._tail = head[-_TAIL:]
        self._rest = head[start:]

    def __enter__(self) -> "_Blocks":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._opened.close()
        self.closed = True

    def has_record(self) -> bool:
        """Whether a line follows the header."""
        while not self._rest.strip(b"\r\n"):
            block = self._block()
            if not block:
                return False
            self._rest += block
        return True

    def read(self, size: int = BLOCK) -> bytes:
        """Up to `size` bytes more."""
        block = self._rest or self._block(size)
        self._rest = block[size:]
        return block[:size]

    def holds(self, found: int, form: delimited.Form) -> bool:
        """Whether so many records are all that the lines of the file can be."""
        return found == self._count.lines and (form.quote is None or not records.open_at_end(
            self._tail, form.separator, form.quote))

    def _block(self, size: int = BLOCK) -> bytes:
        block = self._checked(size)
        self._count.add(block)
        self._tail = block[-_TAIL:] if len(block) >= _TAIL else (self._tail + block)[-_TAIL:]
        return block

    def _checked(self, size: int) -> bytes:
        try:
            block = self._stream.read(size)
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as err:
            line = self._newlines + err.object[:err.start].count(b"\n") + 1
            raise DataError(f"{self._file}: not {self._encoding} in line {line} (found byte "
                            f"0x{err.object[err.start]:02x}); say `encoding:` in the contract, e.g. latin-1") from err
        except (EOFError, gzip.BadGzipFile, zlib.error) as err:
            raise DataError(f"{self._file}: gzip is truncated or damaged ({err}); get the file again") from err
        self._newlines += block.count(b"\n")
        return block



