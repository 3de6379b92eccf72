"""However hostile a file is: every record in it is read, refused by its number, or the file is refused."""

import gzip
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import hypothesis.strategies as st
import pytest

from oilcan.contract import Column, Table
from oilcan.ground.errors import DataError
from oilcan.io.raw_data.delimited import read_delimited

WIDTH = 3
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters='"\r\n;\x00'), max_size=6)
CELL = st.one_of(PLAIN, st.sampled_from(['3/4" torn', "a;b", "two\nlines", "cr\r\nlf", 'say ""', "x\x00y", " ", "ä"]))
RECORDS = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12)
END = st.sampled_from(["\n", "\r\n", "\r"])
ENCODING = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
SETTINGS = hypothesis.settings(deadline=None, max_examples=80)


def table(encoding="utf-8", quote='"'):
    columns = {name: Column(type="text", unit="none", description="cell") for name in ("a", "b", "c")}
    return Table(grain="row", files=["x.csv"], separator=";", encoding=encoding, quote=quote, columns=columns)


def read(content, spec):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(content)
        piece = read_delimited(path, "x.csv", spec)
        return piece.frame, piece.rows, piece.malformed


def written(record):
    """A record as a careful program writes it: quoted where it must be."""
    return ";".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' if re.search('[";\r\n]', cell) else cell
                    for cell in record)


def lines_in(text):
    return sum(1 for line in re.split(r"[\r\n]+", text) if line)


@SETTINGS
@hypothesis.given(rows=RECORDS, end=END, encoding=ENCODING, packed=st.booleans())
def test_a_well_written_file_is_read_record_by_record_or_refused_with_a_line(rows, end, encoding, packed):
    text = end.join(["a;b;c", *map(written, rows)]) + end
    content = text.encode(encoding)
    try:
        frame, _, malformed = read(gzip.compress(content) if packed else content, table(encoding))
    except DataError as err:
        assert re.search(r"line \d+: a quoted cell|NUL bytes", str(err))  # noqa: PT017  # a refusal is one of two answers
        return
    assert (len(frame), len(malformed)) == (len(rows), 0)
    assert [tuple(row) for row in frame.itertuples(index=False)] == rows


@SETTINGS
@hypothesis.given(rows=RECORDS, end=END, marks=st.lists(st.integers(0, 200), max_size=4),
                  tail=st.sampled_from(["", "\n", "\x00" * 9, '"', "\n\n"]), short=st.booleans())
@hypothesis.example(rows=[("0", "00000", ""), ('3/4" torn', "a;b", "a;b"), ("00000", "000000", "000000")], end="\r\n",
                    marks=[1, 29, 76], tail="", short=False)  # a mark between the carriage return and the line feed
def test_stray_quotation_marks_swallow_nothing(rows, end, marks, tail, short):
    lines = ["a;b;c", *(";".join(re.sub("[;\r\n]", " ", cell) for cell in row) for row in rows)]
    if short:
        lines.append("only two;cells")
    text = end.join(lines)
    for mark in marks:                              # somewhere below the header
        at = 5 + len(end) + mark % max(1, len(text) - 5 - len(end) + 1)
        text = text[:at] + '"' + text[at:]
    text += tail
    counted = lines_in(text) - 1
    try:
        frame, numbers, malformed = read(text.encode(), table())
    except DataError as err:
        assert re.search(r"line \d+: a quot|NUL bytes", str(err))  # noqa: PT017  # a refusal is one of two answers
        return
    cells = [cell for row in frame.itertuples(index=False) for cell in row if isinstance(cell, str)]
    hidden = [*cells, *(bad.text for bad in malformed)]
    inside = sum(len(re.findall(r"[\r\n]+", cell)) for cell in cells)      # a quotation mark ends each cell
    inside += sum(len(re.findall(r"[\r\n]+(?=[^\r\n])", bad.text)) for bad in malformed)
    assert len(frame) + len(malformed) == len(numbers) + len(malformed) <= counted
    assert counted - (len(frame) + len(malformed)) <= inside
    for cell in hidden:
        inner = [line for line in re.split(r"[\r\n]+", cell) if line][1:-1]
        assert not inner or sum(line.count(";") + 1 >= WIDTH for line in inner) * 2 < len(inner) or \
            re.split(r"[\r\n]+", cell)[0].count(";") + 1 < WIDTH


@SETTINGS
@hypothesis.given(rows=RECORDS, end=END)
def test_without_quoting_every_line_is_a_record(rows, end):
    lines = [";".join(re.sub("[;\r\n]", " ", cell) for cell in row) for row in rows]
    frame, numbers, malformed = read(end.join(["a;b;c", *lines]).encode(), table(quote="none"))
    assert (len(frame), malformed) == (len(rows), ())
    assert numbers.tolist() == list(range(1, len(rows) + 1))
    assert [";".join(row) for row in frame.itertuples(index=False)] == lines


def test_a_quote_open_at_the_end_is_refused_with_its_line():
    with pytest.raises(DataError, match=r"x\.csv: line 3: a quotation mark opens a cell that is still open at the end"):
        read(b'a;b;c\n1;2;3\n4;5;"six\n', table())


def test_lines_that_look_like_records_inside_a_quoted_cell_are_refused_with_their_line():
    with pytest.raises(DataError, match="line 2: a quoted cell goes on to line 4, and its lines look like 3 records"):
        read(b'a;b;c\n1;2;"leak\n4;5;6\n7;8;3/4" torn\n', table())


def test_a_remark_over_several_lines_is_one_record():
    frame, _, _ = read(b'a;b;c\n1;2;"first line\nsecond line\nthird"\n4;5;6\n', table())
    assert frame["c"].tolist() == ["first line\nsecond line\nthird", "6"]
