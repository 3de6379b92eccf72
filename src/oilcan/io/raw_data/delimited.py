"""Delimited text files: compressed or not, with or without header, byte-order mark or quotes."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.csv

from oilcan.contract import Table
from oilcan.contract.table_words import Label
from oilcan.core.ingest.cells.numbers import fits_groups, looks_grouped, may_be_grouped
from oilcan.core.ingest.frames import Malformed, RawPiece
from oilcan.ground.errors import DataError
from oilcan.io.raw_data import records
from oilcan.io.raw_data.framing import without_frame
from oilcan.io.raw_data.wanted import number_labels, wanted_columns

TEXT: Final = pd.StringDtype(na_value=np.nan)
TEXT_TYPES: Final[dict[Any, Any]] = {pyarrow.string(): TEXT, pyarrow.large_string(): TEXT}
GZIP: Final = b"\x1f\x8b"
_CHUNK: Final = 1 << 24
_HEAD: Final = 1 << 18


def read_delimited(path: Path, file: str, table: Table, *, is_test: bool = False) -> RawPiece:
    """Listed columns of a text file, and the rows that could not be cut.

    Number columns come typed where every cell of the file is a number, else as text. Records are
    counted against the lines of the file: a quotation mark that swallows records is refused.

    Parameters
    ----------
    path, file
        The file, and its name in messages.
    table
        How it is written, and which columns are wanted.
    is_test
        Whether it is one of `test_files`.

    Raises
    ------
    DataError
        If the file is truncated, unreadable, of another encoding, its columns are not as listed, or
        its records cannot be separated.
    """
    return read_content(_utf8(_bytes(path, file), table, file), file, table, is_test=is_test)


def read_content(text: bytes, file: str, table: Table, *, is_test: bool = False) -> RawPiece:
    """The same from the text of a file, in UTF-8 without byte-order mark."""
    content = _blanks_to_tabs(without_frame(text, table), table)
    form = Form.of(table)
    labels, wanted, start = read_header(content, form, table, file)
    try:
        arrow, skipped = _parse_typed_or_text(content, start, form, table, wanted, labels)
    except pyarrow.ArrowInvalid as err:
        _refuse_swallowed(content, form, len(labels), -1, file)
        raise DataError(f"{file}: cannot be cut into cells ({' '.join(str(err).split())}); another format?") from err
    _refuse_swallowed(content, form, len(labels), arrow.num_rows + len(skipped) + int(table.header), file)
    frame = arrow.to_pandas(types_mapper=TEXT_TYPES.get, split_blocks=True, self_destruct=True)
    del arrow
    frame.columns = pd.Index(wanted, dtype="object")
    numbers = np.arange(1, len(frame) + len(skipped) + 1)
    malformed = not_cut(skipped)
    doubtful = [label for label in wanted if pd.api.types.is_float_dtype(frame[label].dtype)
                and may_be_grouped(frame[label].to_numpy())]
    grouped = frozenset(label for label in doubtful if _is_grouped(content, start, form, table, label, labels))
    rows = np.delete(numbers, [row - 1 for row, _ in skipped]) if skipped else numbers
    return RawPiece(file, frame, rows, is_test, malformed, grouped)


def read_header(content: bytes, form: "Form", table: Table, file: str) -> tuple[list[Any], list[Label], int]:
    """Labels of all columns, those of the wanted ones, and the byte at which the records begin."""
    head_end = records.first_record_end(content, form.separator, form.quote)
    first = _first_row(content[:head_end], form, file)
    labels: list[Any] = list(first) if table.header else list(range(len(first)))
    try:
        wanted = wanted_columns(table, labels, file)
    except DataError as err:
        raise DataError(f"{err}{_frame_hint(first, file)}") from None
    return labels, wanted, head_end if table.header else 0


def not_cut(skipped: Sequence[tuple[int, Any]]) -> tuple[Malformed, ...]:
    """Rows with a wrong number of cells."""
    return tuple(
        Malformed(row, f"wrong number of cells (found {bad.actual_columns}, wanted {bad.expected_columns})", bad.text)
        for row, bad in skipped
    )


class Form(NamedTuple):
    """How cells are separated."""

    separator: str
    quote: str | None

    @classmethod
    def of(cls, table: Table) -> "Form":
        """As the contract says."""
        return cls("\t" if table.separator == "blank" else table.separator,
                   None if table.quote == "none" else table.quote)


def _frame_hint(first: Sequence[str], file: str) -> str:
    """A hint for the message where the first line is not a header."""
    if first[0].lower().startswith("sep="):
        return f"\n{file}: the first line names the separator; say `skip_lines: 1`"
    if first[0][:1] in {"#", "%", "!"}:
        return f"\n{file}: the first line looks like a comment; say `comment: {first[0][0]!r}`, or `skip_lines`"
    return ""


def _refuse_swallowed(content: bytes, form: Form, width: int, found: int, file: str) -> None:
    problems = records.swallowed(content, form.separator, form.quote, width, found)
    if problems:
        raise DataError("\n".join(
            f"{file}: {problem}; close the quotation mark, or say `quote: none` in the contract if quotation marks "
            f"are plain text in this file" for problem in problems))


def _is_grouped(content: bytes, start: int, form: Form, table: Table, label: Label, labels: list[Any]) -> bool:
    """Look at the cells of a typed column as they are written: at the first ones, and if need be at all."""
    head_end = content.rfind(b"\n", start, start + _HEAD) + 1
    if head_end > start:
        arrow, _ = _parse(content[:head_end], start, form, table, [label], labels, set())
        if not fits_groups(stripped(arrow).dropna(), table.decimal):
            return False
    arrow, _ = _parse(content, start, form, table, [label], labels, set())
    return looks_grouped(stripped(arrow), table.decimal)


def stripped(arrow: pyarrow.Table) -> pd.Series:
    """Cells of the first column without blanks around them, missing where nothing is left."""
    return arrow.column(0).to_pandas(types_mapper=TEXT_TYPES.get).str.strip().replace("", np.nan)


def _bytes(path: Path, file: str) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except (EOFError, gzip.BadGzipFile, zlib.error) as err:
        raise DataError(f"{file}: gzip is truncated or damaged ({err}); get the file again") from err
    except OSError as err:
        raise DataError(f"{file}: not readable ({err.strerror or err}); check its permissions") from err


def _utf8(content: bytes, table: Table, file: str) -> bytes:
    """The file in UTF-8 without byte-order mark."""
    _refuse_parquet(content, file)
    try:
        is_utf8 = codecs.lookup(table.encoding).name in {"utf-8", "ascii"}
        if is_utf8:
            _check_decodes(content, table.encoding)
        text = content if is_utf8 else content.decode(table.encoding).encode()
    except LookupError as err:
        raise DataError(f"{file}: unknown encoding {table.encoding!r}; see Python's list of codecs") from err
    except UnicodeDecodeError as err:
        line = content[: err.start].count(b"\n") + 1
        raise DataError(f"{file}: not {table.encoding} in line {line} (found byte 0x{content[err.start]:02x}); "
                        f"say `encoding:` in the contract, e.g. latin-1") from err
    except UnicodeError as err:
        raise DataError(f"{file}: not {table.encoding} ({err}); say `encoding:` in the contract") from err
    return _without_mark(text, file)


def checked_head(content: bytes, file: str) -> bytes:
    """The beginning of a UTF-8 file, without byte-order mark; DataError if it is no text."""
    _refuse_parquet(content, file)
    return _without_mark(content, file)


def _refuse_parquet(content: bytes, file: str) -> None:
    if content.startswith(b"PAR1"):
        raise DataError(f"{file}: is a Parquet file; say `format: parquet` in the contract")


def _without_mark(text: bytes, file: str) -> bytes:
    text = text.removeprefix(codecs.BOM_UTF8)
    if b"\x00" in b"".join(text[:4096].lstrip(b"\r\n").splitlines()[:1]):
        raise DataError(f"{file}: holds no text (found NUL bytes); another format, or UTF-16 (say `encoding: utf-16`)?")
    return text


def _check_decodes(content: bytes, encoding: str) -> None:
    """Decode piece by piece, so that the whole text never lies in memory twice."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, len(content), _CHUNK):
        try:
            decoder.decode(content[start:start + _CHUNK], final=start + _CHUNK >= len(content))
        except UnicodeDecodeError as err:           # say where in the file, not where in the piece
            at = min(start + _CHUNK, len(content)) - len(err.object) + err.start
            raise UnicodeDecodeError(err.encoding, content, at, at + 1, err.reason) from None


def _blanks_to_tabs(content: bytes, table: Table) -> bytes:
    if table.separator != "blank":
        return content
    return b"\n".join(re.sub(rb"[ \t]+", b"\t", line.strip()) for line in content.splitlines())


def _first_row(head: bytes, form: Form, file: str) -> list[str]:
    text = io.StringIO(head.decode(errors="replace"), newline="")
    rules: dict[str, Any] = {"quotechar": form.quote} if form.quote else {"quoting": csv.QUOTE_NONE}
    row = next((row for row in csv.reader(text, delimiter=form.separator, **rules) if row), None)
    if row is None:
        raise DataError(f"{file}: is empty; get the file again")
    return [name.strip() for name in row]


def _parse_typed_or_text(
    content: bytes, start: int, form: Form, table: Table, wanted: list[str | int], labels: list[Any]
) -> tuple[pyarrow.Table, list[tuple[int, Any]]]:
    """Numbers typed if all of them can be read, else all columns as text."""
    try:
        return _parse(content, start, form, table, wanted, labels, number_labels(table))
    except pyarrow.ArrowInvalid:
        return _parse(content, start, form, table, wanted, labels, set())


def _parse(
    content: bytes, start: int, form: Form, table: Table, wanted: list[str | int], labels: list[Any],
    numbers: set[str | int],
) -> tuple[pyarrow.Table, list[tuple[int, Any]]]:
    """The wanted columns, and (row number, row) of rows with a wrong number of cells."""
    skipped: list[tuple[int, Any]] = []

    def note(row: Any) -> str:
        skipped.append((row.number, row))
        return "skip"

    types = column_types(wanted, labels, numbers)
    if not records.has_line(content, start):        # a header alone
        return pyarrow.table({where: pyarrow.array([], kind) for where, kind in types.items()}), []
    read_options, further = parse_options(form, table, types, len(labels), note, max(1 << 22, len(content) // 8))
    rest = pyarrow.py_buffer(content).slice(start)
    return pyarrow.csv.read_csv(pyarrow.BufferReader(rest), read_options=read_options, **further), skipped


def column_types(wanted: Sequence[Label], labels: list[Any], numbers: AbstractSet[Label]) -> dict[str, Any]:
    """Type of each wanted column by its place in the file, the numbers typed, the others as text."""
    place = {label: at for at, label in reversed(list(enumerate(labels)))}
    at = [str(place.get(label, label)) for label in wanted]       # a label that is not a name is a position
    return {where: pyarrow.float64() if label in numbers else pyarrow.string()
            for where, label in zip(at, wanted, strict=True)}


def parse_options(
    form: Form, table: Table, types: dict[str, Any], width: int, note: Callable[[Any], str], block_size: int
) -> tuple[pyarrow.csv.ReadOptions, dict[str, Any]]:
    """How pyarrow reads a file of `width` columns; `note` receives the rows of another width."""
    return pyarrow.csv.ReadOptions(
        column_names=[str(number) for number in range(width)], use_threads=False, block_size=block_size,
    ), {
        "parse_options": pyarrow.csv.ParseOptions(
            delimiter=form.separator, quote_char=form.quote or False, newlines_in_values=form.quote is not None,
            invalid_row_handler=note),
        "convert_options": pyarrow.csv.ConvertOptions(
            column_types=types, include_columns=list(types), null_values=table.missing, strings_can_be_null=False,
            quoted_strings_can_be_null=True, decimal_point=table.decimal),
    }
