"""What came from outside, made fit for every database: whole numbers in 64 bits, text without half characters."""

from typing import Final, overload

from oilcan.ground.errors import DataError

_LEAST, _GREATEST = -(2**63), 2**63 - 1
LONGEST: Final = 200                    # characters of a name


@overload
def clamped(value: int) -> int: ...
@overload
def clamped(value: None) -> None: ...
def clamped(value: int | None) -> int | None:
    """The nearest whole number that a column can hold: a bound of an interval, an id that may not exist.

    Examples
    --------
    >>> clamped(2**80) == 2**63 - 1
    True
    """
    return None if value is None else min(max(value, _LEAST), _GREATEST)


def plain(text: str, longest: int = 2_000) -> str:
    """Text that every database takes: no NUL, no half characters, not endless.

    Examples
    --------
    >>> plain(chr(0xD800) + "b" * 9, longest=3)
    '?bb'
    """
    return text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def is_name(text: str) -> bool:
    """Is it fit to be a machine id or a kind of record?

    Examples
    --------
    >>> is_name("press 7"), is_name("")
    (True, False)
    """
    return 0 < len(text) <= LONGEST and text.isprintable()


def check_name(what: str, text: str) -> None:
    """Refuse what is no name.

    Raises
    ------
    DataError
        If it is empty, too long or not plain text.
    """
    if not is_name(text):
        raise DataError(f"{what}: {text[:40]!r} is not valid (wanted 1 to {LONGEST} printable characters).")
