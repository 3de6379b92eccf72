"""Lines of a text file that are not records: above the header, right below it, and comments."""

import re
from typing import Final

from oilcan.contract import Reading

_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")


def without_frame(content: bytes, table: Reading) -> bytes:
    r"""The file with every line emptied that is neither header nor record, so that lines keep their numbers.

    `skip_lines` lines go first; then lines that begin with `comment`; then, below the header,
    `skip_rows` lines that hold a character.

    Parameters
    ----------
    content
        The file in UTF-8, without byte-order mark.
    table
        How it is written.

    Examples
    --------
    >>> table = Reading(files=["a.csv"], skip_lines=1, comment="#", skip_rows=1)
    >>> without_frame(b"Logger 7\n# hall 2\ntime,volt\ns,V\n1,230\n", table)
    b'\n\ntime,volt\n\n1,230\n'
    """
    rest = 0
    for _ in range(table.skip_lines):
        rest = _after_line(content, rest)
    content = _emptied(content[:rest]) + content[rest:]
    if table.comment is not None:
        mark = re.escape(table.comment.encode())
        content = re.sub(rb"(?m:(?<=\r)|^)" + mark + rb"[^\r\n]*", b"", content)
    if not table.skip_rows:
        return content
    head = first = _after_record(content, 0) if table.header else 0
    for _ in range(table.skip_rows):
        head = _after_record(content, head)
    return content[:first] + _emptied(content[first:head]) + content[head:]


def _after_line(content: bytes, start: int) -> int:
    return _LINE.match(content, start).end()  # type: ignore[union-attr]  # the pattern matches anything


def _after_record(content: bytes, start: int) -> int:
    """End of the next line that holds a character."""
    end = _after_line(content, start)
    while end > start and not content[start:end].strip(b"\r\n"):
        start, end = end, _after_line(content, end)
    return end


def _emptied(lines: bytes) -> bytes:
    """The same number of lines, all empty: numbers of later lines stay what they are."""
    return re.sub(rb"[^\r\n]+", b"", lines)
