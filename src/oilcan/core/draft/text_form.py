"""How is a text file written? Separator, comments, lines above the header, the header itself, a row of units."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from oilcan.core.draft.units import is_unit

_VALUE: Final = re.compile(r"[+-]?\d[\d.,:/\-+TZ ]*|[+-]?\d[\d.,]*[eE][+-]?\d+")
_COMMENTS: Final = ("#", "%", "!", "//")
_FITTING: Final = 0.8               # least share of records with the usual number of cells


@dataclass(frozen=True)
class TextForm:
    """The words of a contract that say how a file is cut, and what its header and its row of units hold.

    `lines_above` counts the lines above the first row of data, a record over several lines as one.
    """

    separator: str
    header: bool
    names: tuple[str, ...]
    skip_lines: int = 0
    skip_rows: int = 0
    comment: str | None = None
    units: tuple[str, ...] = ()
    lines_above: int = 0


def find_form(lines: Sequence[str]) -> TextForm:
    r"""The form of a file's first lines.

    Examples
    --------
    >>> form = find_form(["# logger 7", "time;volt", "s;V", "1;2,5", "2;2,6"])
    >>> form.separator, form.comment, form.names, form.units, form.skip_rows
    (';', '#', ('time', 'volt'), ('s', 'V'), 1)
    >>> find_form(["1 2 3", "4 5 6"]).header
    False
    """
    start = next((at for at, line in enumerate(lines) if line.strip()), 0)
    stated, is_stated = ",", False
    if lines[start].lower().startswith("sep=") and len(lines[start]) > 4:
        stated, is_stated, start = lines[start][4], True, start + 1
    first = next((line for line in lines[start:] if line.strip()), "")
    comment = next((mark for mark in _COMMENTS if first.startswith(mark)), None)
    kept = [(at, line) for at, line in enumerate(lines[start:], start)
            if line.strip() and not (comment and line.startswith(comment))]
    separator = stated if is_stated else _separator([line for _, line in kept])
    records = _records(kept, separator)
    width = _usual(records)
    at = next((at for at, (_, _, cells) in enumerate(records) if len(cells) == width), 0)
    line, last, head = records[at] if records else (0, 0, [""])
    header = _is_header(head, [cells for _, _, cells in records[at + 1:at + 6]])
    below = records[at + 1][2] if header and len(records) > at + 1 else []
    is_units = _is_unit_row(below, [cells for _, _, cells in records[at + 2:at + 6]])
    above = (records[at + 1][1] if is_units else last) if header else line - 1
    above -= sum(last - first for first, last, _ in records[:at + 1])       # a header over several lines is one row
    skipped = line - 1 if at or is_stated else 0
    return TextForm(separator, header, tuple(name.strip() for name in head), skipped, int(is_units), comment,
                    tuple(below) if is_units else (), above)


def split_cells(line: str, separator: str) -> list[str]:
    """Cells of one line.

    Examples
    --------
    >>> split_cells('M1;"stopped; no oil";4,2', ";"), split_cells("1  0.5 -3", "blank")
    (['M1', 'stopped; no oil', '4,2'], ['1', '0.5', '-3'])
    """
    if separator == "blank":
        return line.split()
    return next(csv.reader(io.StringIO(line), delimiter=separator), [])


def _records(lines: Sequence[tuple[int, str]], separator: str) -> list[tuple[int, int, list[str]]]:
    """First and last line (from 1) and cells of each record; quoted cells may go over several lines."""
    if separator == "blank":
        return [(at + 1, at + 1, line.split()) for at, line in lines]
    reader = csv.reader((line + "\n" for _, line in lines), delimiter=separator)
    records, before = [], 0
    for cells in reader:
        records.append((lines[before][0] + 1, lines[reader.line_num - 1][0] + 1, cells))
        before = reader.line_num
    return records


def _separator(lines: Sequence[str]) -> str:
    """The one that cuts most lines into the same number of cells; of several the one with most cells."""
    best, most = ",", 1
    for separator in (";", "\t", "|", ",", "blank"):
        counts = Counter(len(split_cells(line, separator)) for line in lines)
        width, times = counts.most_common(1)[0] if counts else (1, 0)
        if width > most and times >= _FITTING * len(lines):
            best, most = separator, width
    return best


def _usual(records: Sequence[tuple[int, int, list[str]]]) -> int:
    return Counter(len(cells) for _, _, cells in records).most_common(1)[0][0] if records else 1


def _is_header(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Words above data; a first or last cell may be empty, as for pandas' index or behind trailing separators."""
    words = [cell.strip() for cell in cells]
    if not any(words) or any(_VALUE.fullmatch(word) for word in words if word):
        return False
    if all(word and word[0].isalpha() for word in words):
        return True
    return any(_VALUE.fullmatch(cell.strip()) for row in below for cell, word in zip(row, words, strict=False) if word)


def _is_unit_row(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    words = [cell.strip() for cell in cells]
    if not any(words) or not below:
        return False
    is_known = [is_unit(word.strip("[]()")) or word in {"-", ""} for word in words]
    over_numbers = [any(len(row) > at and _VALUE.fullmatch(row[at].strip()) for row in below)
                    for at, word in enumerate(words) if word]
    return any(is_unit(word.strip("[]()")) for word in words) and sum(is_known) >= len(words) / 2 and any(over_numbers)
