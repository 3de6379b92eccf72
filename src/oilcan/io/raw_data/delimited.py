"""Delimited text files: compressed or not, with or without header, byte-order mark or quotes."""

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.csv

from oilcan.contract import Table
from oilcan.core.ingest.frames import Malformed
from oilcan.ground.columns import MACHINE
from oilcan.ground.errors import DataError

TEXT: Final = pd.StringDtype(na_value=np.nan)
TEXT_TYPES: Final[dict[Any, Any]] = {pyarrow.string(): TEXT, pyarrow.large_string(): TEXT}
_GZIP: Final = b"\x1f\x8b"


def read_delimited(path: Path, file: str, table: Table) -> tuple[pd.DataFrame, np.ndarray, tuple[Malformed, ...]]:
    """Listed columns of a text file, the numbers of its rows, and the rows that could not be cut.

    Number columns come typed where every cell of the file is a number, else as text.

    Parameters
    ----------
    path, file
        The file, and its name in messages.
    table
        How it is written, and which columns are wanted.

    Raises
    ------
    DataError
        If the file is truncated, unreadable, of another encoding, or its columns are not as listed.
    """
    content = _blanks_to_tabs(_utf8(_bytes(path, file), table, file), table)
    separator = "\t" if table.separator == "blank" else table.separator
    first = _first_row(content, separator, file)
    labels: list[Any] = list(first) if table.header else list(range(len(first)))
    wanted = wanted_columns(table, labels, file)
    try:
        arrow, skipped = _parse(content, table, separator, len(first), wanted, labels, typed=True)
    except pyarrow.ArrowInvalid:
        arrow, skipped = _parse(content, table, separator, len(first), wanted, labels, typed=False)
    frame = arrow.to_pandas(types_mapper=TEXT_TYPES.get)
    frame.columns = pd.Index(wanted, dtype="object")
    numbers = np.arange(1, len(frame) + len(skipped) + 1)
    malformed = tuple(
        Malformed(row, f"wrong number of cells (found {bad.actual_columns}, wanted {bad.expected_columns})", bad.text)
        for row, bad in skipped
    )
    return frame, np.delete(numbers, [row - 1 for row, _ in skipped]), malformed


def wanted_columns(table: Table, held: list[Any], file: str) -> list[str | int]:
    """Labels of the listed columns in a file, in the contract's order; every difference is told.

    Parameters
    ----------
    table, file
        The contract's table, and the file's name in messages.
    held
        The file's own labels: names, or positions without a header.
    """
    listed = [name if column.source is None else column.source for name, column in table.columns.items()]
    if not table.columns:
        return held
    twins = sorted(name for name, times in Counter(held).items() if times > 1)
    missing = [label for label in listed if label not in held and not _is_position(label, held)]
    positions = {held[label] for label in listed if isinstance(label, int) and _is_position(label, held)}
    extra = [label for label in held if label not in listed and label not in positions]
    lines = [f"{file}: column {label!r} is missing (found {_short(held)})" for label in missing]
    lines += [f"{file}: two columns are called {label!r}; give one another name" for label in twins]
    if extra and table.unlisted == "refuse":
        lines.append(f"{file}: columns {_short(extra)} are not listed; list them, or say `unlisted: ignore`")
    if lines:
        raise DataError("\n".join(lines))
    return list(dict.fromkeys(listed))


def _is_position(label: str | int, held: list[Any]) -> bool:
    return isinstance(label, int) and 0 <= label < len(held)


def _short(labels: list[Any]) -> str:
    return ", ".join(repr(label) for label in labels[:12]) + (f", ... ({len(labels)})" if len(labels) > 12 else "")


def _bytes(path: Path, file: str) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP) else content
    except (EOFError, gzip.BadGzipFile, zlib.error) as err:
        raise DataError(f"{file}: gzip is truncated or damaged ({err}); get the file again") from err
    except OSError as err:
        raise DataError(f"{file}: not readable ({err.strerror or err}); check its permissions") from err


def _utf8(content: bytes, table: Table, file: str) -> bytes:
    """The file in UTF-8 without byte-order mark."""
    if content.startswith(b"PAR1"):
        raise DataError(f"{file}: is a Parquet file; say `format: parquet` in the contract")
    try:
        text = content.decode(table.encoding)
    except LookupError as err:
        raise DataError(f"{file}: unknown encoding {table.encoding!r}; see Python's list of codecs") from err
    except UnicodeDecodeError as err:
        line = content[: err.start].count(b"\n") + 1
        raise DataError(f"{file}: not {table.encoding} in line {line} (found byte 0x{content[err.start]:02x}); "
                        f"say `encoding:` in the contract, e.g. latin-1") from err
    if "\x00" in text[:4096]:
        raise DataError(f"{file}: holds no text (found NUL bytes); another format, or UTF-16 (say `encoding: utf-16`)?")
    is_plain = table.encoding.lower().replace("_", "-") in {"utf-8", "utf8", "ascii"} and not text.startswith("\ufeff")
    return (content if is_plain else text.removeprefix("\ufeff").encode()).lstrip(b"\r\n")


def _blanks_to_tabs(content: bytes, table: Table) -> bytes:
    if table.separator != "blank":
        return content
    return b"\n".join(re.sub(rb"[ \t]+", b"\t", line.strip()) for line in content.splitlines())


def _first_row(content: bytes, separator: str, file: str) -> list[str]:
    head = io.StringIO(content[: 1 << 20].decode(errors="replace"), newline="")
    row = next((row for row in csv.reader(head, delimiter=separator) if row), None)
    if row is None:
        raise DataError(f"{file}: is empty; get the file again")
    return [name.strip() for name in row]


def _parse(
    content: bytes, table: Table, separator: str, width: int, wanted: list[str | int], labels: list[Any], *, typed: bool
) -> tuple[pyarrow.Table, list[tuple[int, Any]]]:
    """The wanted columns, and (row number, row) of rows with a wrong number of cells."""
    skipped: list[tuple[int, Any]] = []

    def note(row: Any) -> str:
        skipped.append((row.number - int(table.header), row))
        return "skip"

    at = [str(label if _is_position(label, labels) else labels.index(label)) for label in wanted]
    numbers = _number_labels(table) if typed else set()
    types = {where: pyarrow.float64() if label in numbers else pyarrow.string()
             for where, label in zip(at, wanted, strict=True)}
    arrow = pyarrow.csv.read_csv(
        pyarrow.BufferReader(content),
        read_options=pyarrow.csv.ReadOptions(
            column_names=[str(number) for number in range(width)], skip_rows=int(table.header),
            use_threads=False, block_size=max(1 << 22, len(content) // 8)),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=separator, newlines_in_values=True, invalid_row_handler=note),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types, include_columns=at, null_values=table.missing, strings_can_be_null=False,
            quoted_strings_can_be_null=True, decimal_point=table.decimal),
    )
    return arrow, skipped


def _number_labels(table: Table) -> set[str | int]:
    """Columns to be read as numbers; identifiers stay as they are written."""
    return {
        name if column.source is None else column.source
        for name, column in table.columns.items()
        if column.type in {"number", "integer"} and name != MACHINE
    }
