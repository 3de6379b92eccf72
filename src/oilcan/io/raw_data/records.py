"""Are all records of a delimited file read? Physical lines are counted apart from the parser.

A quotation mark that is never closed makes a parser swallow the records behind it without a word.
Here the lines of the file are counted, and every quoted cell that goes over several lines is looked
at. Cutting and typing the cells is `delimited`'s work.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

_CHUNK: Final = 1 << 24
_MOST_SHOWN: Final = 3
_LINE: Final = re.compile(rb"[^\r\n]+")


class Span(NamedTuple):
    """Bytes of a record that goes over several lines; `closed` is False if the file ends inside it."""

    start: int
    end: int
    closed: bool


def count_lines(content: bytes) -> int:
    r"""Lines that hold at least one character; ended by \n, \r\n or \r.

    Examples
    --------
    >>> count_lines(b"a,b\r\n\r\n1,2\n3,4"), count_lines(b"\n\n")
    (3, 0)
    """
    if b"\r" not in content and b"\n\n" not in content and not content.startswith(b"\n"):
        return content.count(b"\n") + int(not content.endswith(b"\n") and len(content) > 0)
    lines, before = 0, True                         # whether the byte before ended a line
    for start in range(0, len(content), _CHUNK):
        chunk = np.frombuffer(content, dtype=np.uint8, count=min(_CHUNK, len(content) - start), offset=start)
        ends = (chunk == 10) | (chunk == 13)
        lines += int(np.count_nonzero(ends[:-1] & ~ends[1:])) + int(before and not ends[0])
        before = bool(ends[-1])
    return lines


class LineCount:
    r"""Lines of a file that comes in blocks, counted as `count_lines` counts them.

    Examples
    --------
    >>> count = LineCount()
    >>> for block in (b"a,b\r", b"\n\r\n1,2", b"\n3,4"):
    ...     count.add(block)
    >>> count.lines
    3
    """

    def __init__(self) -> None:
        self.lines, self._before = 0, True          # whether the byte before ended a line

    def add(self, block: bytes) -> None:
        """Count the lines that begin in a block."""
        if not block:
            return
        ended = block[-1] in b"\r\n"
        if b"\r" not in block and b"\n\n" not in block:
            self.lines += block.count(b"\n") - int(ended) - int(block[:1] == b"\n") + int(
                block[:1] == b"\n" and len(block) > 1) + int(self._before and block[:1] != b"\n")
        else:
            byte = np.frombuffer(block, dtype=np.uint8)
            ends = (byte == 10) | (byte == 13)
            self.lines += int(np.count_nonzero(ends[:-1] & ~ends[1:])) + int(self._before and not ends[0])
        self._before = ended


def has_line(content: bytes, start: int) -> bool:
    """Whether any line with a character follows from byte `start` on."""
    return _LINE.search(content, start) is not None


def wide_spans(content: bytes, separator: str, quote: str) -> Iterator[Span]:
    r"""Records with a quoted cell that goes over the end of its line.

    A quotation mark opens a cell only as its first character; two of them inside a quoted cell stand
    for one. These are the parser's own rules.

    Examples
    --------
    >>> list(wide_spans(b'a,"b\nc",d\ne,3/4" torn,f\n', ",", '"'))
    [Span(start=0, end=9, closed=True)]
    """
    whole, closing = _line_forms(separator, quote)
    start = -1
    for line in re.finditer(rb"[^\r\n]*" + re.escape(quote.encode()) + rb"[^\r\n]*", content):
        if start < 0 and not whole.fullmatch(content, line.start(), line.end()):
            start = line.start()
        elif start >= 0 and closing.fullmatch(content, line.start(), line.end()):
            yield Span(start, line.end(), closed=True)
            start = -1
    if start >= 0:
        yield Span(start, len(content), closed=False)


def first_record_end(content: bytes, separator: str, quote: str | None) -> int:
    """Number of bytes of the first record, its line end not counted."""
    line = _LINE.search(content)
    if line is None:
        return 0
    if quote and not _line_forms(separator, quote)[0].fullmatch(line[0]):
        return next(wide_spans(content, separator, quote)).end
    return line.end()


def swallowed(content: bytes, separator: str, quote: str | None, width: int, records: int) -> list[str]:
    """What is wrong with the quotation marks of a file, one line each; empty if every record is read.

    A quoted cell over several lines is refused if its lines, cut without regard to quotation marks,
    look like whole records: its quotation mark was never meant to open a cell, or never closed.

    Parameters
    ----------
    content
        The file, in UTF-8.
    separator, quote
        Of cells; None if quotation marks mean nothing.
    width
        Cells of a whole record.
    records
        Number of records that the parser found, header and refused ones included.
    """
    lines = count_lines(content)
    if quote is None or (records == lines and not open_at_end(content, separator, quote)):
        return [] if records == lines else [_miscounted(records, lines)]
    spans = list(wide_spans(content, separator, quote))
    wrong = [(span, problem) for span in spans if (problem := _problem(content, span, separator, width))]
    problems = [f"line {_line_number(content, span.start)}: {problem}" for span, problem in wrong[:_MOST_SHOWN]]
    problems += [f"and {len(wrong) - _MOST_SHOWN} more such cells"] if len(wrong) > _MOST_SHOWN else []
    wanted = lines - sum(count_lines(content[span.start:span.end]) - 1 for span in spans)
    return problems or ([_miscounted(records, wanted)] if wanted != records else [])


def _line_forms(separator: str, quote: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Forms of a line that leaves no quote open, and of one that closes the quote opened before it."""
    sep, mark = re.escape(separator.encode()), re.escape(quote.encode())
    rest = rb"(?:[^%s]++|%s%s)*+%s[^%s]*+" % (mark, mark, mark, mark, sep)      # of a cell, behind its opening mark
    cell = rb"(?:%s%s|[^%s%s][^%s]*+|)" % (mark, rest, mark, sep, sep)
    return re.compile(rb"%s(?:%s%s)*" % (cell, sep, cell)), re.compile(rb"%s(?:%s%s)*" % (rest, sep, cell))


def open_at_end(content: bytes, separator: str, quote: str) -> bool:
    """Whether the last line leaves a quotation mark open."""
    end = len(content)
    while end and content[end - 1] in b"\r\n":      # `rstrip` would copy the file
        end -= 1
    line = content[max(content.rfind(b"\n", 0, end), content.rfind(b"\r", 0, end)) + 1:end]
    return quote.encode() in line and not _line_forms(separator, quote)[0].fullmatch(line)


def _problem(content: bytes, span: Span, separator: str, width: int) -> str | None:
    if not span.closed:
        return "a quotation mark opens a cell that is still open at the end of the file"
    lines = _LINE.findall(content, span.start, span.end)
    looks_whole = [line.count(separator.encode()) + 1 >= width for line in lines]
    inner = looks_whole[1:-1]
    if looks_whole[0] and (2 * sum(inner) >= len(inner) if inner else looks_whole[-1]):
        last = _line_number(content, span.end)
        return f"a quoted cell goes on to line {last}, and its lines look like {len(lines)} records of their own"
    return None


def _line_number(content: bytes, at: int) -> int:
    before = content[:at]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _miscounted(found: int, wanted: int) -> str:
    return f"cut into {found:,} records, but {wanted:,} stand in it"
