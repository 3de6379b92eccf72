"""JSON from outside -> arrays: strict, whole columns at a time, every refused row with its reason."""

from collections.abc import Collection, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from oilcan.io.stores.databases import text_limits
from oilcan.io.stores.databases.text_limits import LONGEST
from oilcan.serving.ground.refusal import Refusal, shown

_NUMBERS: Final = frozenset({int, float, type(None)})
_LARGEST: Final = float(np.finfo(np.float32).max)
_NAMED: Final = 5               # wrong names listed at most
NAME: Final = f"1 to {LONGEST} printable characters"
Row = dict[str, Any]


def read_body(body: bytes, allowed: Collection[str], *, where: str = "body") -> Row:
    """A JSON object with no key that is not allowed.

    Raises
    ------
    Refusal
        400 if it is not JSON (NaN and Infinity are not), 422 if it is no object or has an unknown key.

    Examples
    --------
    >>> read_body(b'{"rows": []}', {"rows"})
    {'rows': []}
    >>> read_body(b'{"rows": NaN}', {"rows"})
    Traceback (most recent call last):
    oilcan.serving.ground.refusal.Refusal: body: found unexpected character...
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as err:
        raise Refusal(400, where, found=str(err), wanted="JSON (RFC 8259: no NaN, no Infinity, depth below 1,024)",
                      do="Fix the body.") from None
    return known_keys(content, allowed, where)


def known_keys(content: Any, allowed: Collection[str], where: str) -> Row:
    """`content`, if it is an object that has no other keys than these; Refusal 422 otherwise."""
    if not isinstance(content, dict):
        raise Refusal(422, where, found=kind_of(content), wanted="an object", do="Look at /openapi.json.")
    strangers = sorted(content.keys() - set(allowed))
    if strangers:
        raise Refusal(422, where, found=f"unknown fields {some(strangers)}", wanted=f"some of {sorted(allowed)}"
                      if len(allowed) < 20 else "the fields of the contract", do="Fix the spelling, or take them out.")
    return content


def row_list(content: Any, where: str, most: int) -> list[Any]:
    """`content`, if it is a list of at least one and at most so many rows; 422 or 413 otherwise."""
    if not isinstance(content, list) or not content:
        raise Refusal(422, where, found="an empty list" if content == [] else kind_of(content),
                      wanted="a list of one row or more", do="Look at /openapi.json.")
    if len(content) > most:
        raise Refusal(413, where, found=f"{len(content):,} rows", wanted=f"at most {most:,}",
                      do="Send smaller batches.")
    return content


class Wrong(NamedTuple):
    """Where in its row something is wrong, and {found, wanted}."""

    place: str
    reason: Row


class NumberRows:
    """Rows of numbers: by name, every name there; or lists in the order of the names. Null where one is not known.

    Parameters
    ----------
    names
        In the order of the columns of the array.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._get = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        self._order = list(names)

    def read(self, rows: list[Any], where: str) -> tuple[np.ndarray, list[Row], list[int]]:
        """Numbers of the good rows, what is wrong with the others, and which rows are good.

        Returns
        -------
        float32 (good rows, names), one entry {row, where, found, wanted} per refused row, positions of good rows.
        """
        values, refused, good = [], [], []
        for at, row in enumerate(rows):
            taken = self._take(row)
            if type(taken) is Wrong:
                refused.append({"row": at, "where": f"{where}[{at}]{taken.place}"} | taken.reason)
            else:
                values.append(taken)
                good.append(at)
        return np.array(values, dtype=np.float32).reshape(len(good), len(self._order)), refused, good

    def _take(self, row: Any) -> "np.ndarray | Wrong":
        values: Sequence[Any]
        if type(row) is dict and len(row) == len(self._names):      # so no name is too many if none is missing
            try:
                values = self._get(row)
            except KeyError:
                return self._wrong_names(row)
        elif type(row) is list and len(row) == len(self._order):
            values = row
        else:
            return self._wrong_names(row)
        if not _NUMBERS.issuperset(map(type, values)):
            at = next(at for at, value in enumerate(values) if type(value) not in _NUMBERS)
            return Wrong(f".{self._order[at]}", {"found": kind_of(values[at]), "wanted": "a number or null"})
        numbers = np.array(values, dtype=np.float64)
        if np.abs(numbers).max(initial=0.0) <= _LARGEST:       # False for NaN too: then look at each
            return numbers
        large = np.flatnonzero(np.abs(numbers) > _LARGEST)
        if not len(large):
            return numbers
        return Wrong(f".{self._order[large[0]]}", {"found": f"the number {numbers[large[0]]:g}",
                                                   "wanted": "at most 3.4e38 in size"})

    def _wrong_names(self, row: Any) -> "Wrong":
        if isinstance(row, list):
            return Wrong("", {"found": f"{len(row)} values", "wanted": f"{len(self._order)}, one for each feature"})
        if not isinstance(row, dict):
            return Wrong("", {"found": kind_of(row), "wanted": "an object or a list"})
        strangers, missing = sorted(row.keys() - self._names), sorted(self._names - row.keys())
        reasons = [f"unknown {some(strangers)}"] * bool(strangers) + [f"missing {some(missing)}"] * bool(missing)
        return Wrong("", {"found": "; ".join(reasons), "wanted": "every feature of GET /v1/model, null if not known"})


def is_name(content: Any) -> bool:
    """Whether it is a text that can name something: a machine, a code, a bundle; `NAME` is the rule in words.

    Examples
    --------
    >>> is_name("press 7"), is_name(""), is_name(7)
    (True, False, False)
    """
    return type(content) is str and text_limits.is_name(content)


def kind_of(content: Any) -> str:
    """What a JSON value is, in JSON's words.

    Examples
    --------
    >>> kind_of([]), kind_of("a"), kind_of(True), kind_of(None)
    ('a list', "the text 'a'", 'true or false', 'null')
    """
    if isinstance(content, str):
        return f"the text {shown(content, 40)!r}"
    words = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    return words[type(content)] if type(content) in words else f"the number {shown(str(content), 40)}"


def some(names: Sequence[str]) -> str:
    """A few names and how many more there are.

    Examples
    --------
    >>> some(list("abcdefg"))
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    listed = ", ".join(repr(shown(name, 60)) for name in names[:_NAMED])
    return listed + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
