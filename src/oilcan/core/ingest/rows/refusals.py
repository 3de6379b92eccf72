"""Messages about refused rows: failures that would be lost, and tables of which too many rows are refused."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from oilcan.core.ingest.rows.accounts import Account
from oilcan.core.ingest.rows.row_outcomes import CONFLICTING_DUPLICATE

_NO_FAILURE_LOST: Final = frozenset({"unknown machine", CONFLICTING_DUPLICATE})


def lost_failures(table: Account) -> list[str]:
    """A breach for each reason that refuses a row of the failures table, however few they are.

    A lost failure turns the rows before it into healthy ones. Rows of unknown machines, and rows that
    repeat a key, lose none.
    """
    counts = table.counts()
    reasons = {reason: number for reason, number in counts["refused"].items() if reason not in _NO_FAILURE_LOST}
    return [f"{table.name}: {number:,} of {counts['read']:,} failures would be lost, refused for {reason!r}, first in "
            f"{_first_example(table, reason)}; fix these rows, or leave them out with `exclude`"
            for reason, number in reasons.items()]


def _first_example(table: Account, reason: str) -> str:
    first = next(line for line in table.rejected if line.reason == reason)
    content = first.content if len(first.content) <= 160 else first.content[:157] + "..."
    return f"{first.file} row {first.row}: {content}"


def too_many_refused(table: Account, max_rejected_share: float, machines: Sequence[str] = ()) -> list[str]:
    """One line per reason, with a first example, if more than the allowed share of rows is refused.

    `machines` are those of the telemetry; some are shown beside unknown ones.
    """
    counts = table.counts()
    refused, read = sum(counts["refused"].values()), counts["read"]
    if refused <= max_rejected_share * read:
        return []
    lines = [f"{table.name}: {refused:,} of {read:,} rows refused ({refused / read:.1%}, allowed at most "
             f"{max_rejected_share:.1%}), of which"]
    for reason, number in counts["refused"].items():
        lines.append(f"{table.name}: {number:,} for {reason!r}, first in {_first_example(table, reason)}")
    if table.unknown_machines:
        lines.append(f"{table.name}: {unknown_machines_hint(table.unknown_machines, machines)}")
    if CONFLICTING_DUPLICATE in counts["refused"]:
        lines.append(f"{table.name}: several rows of a machine have the same time; does the clock stand in another "
                     f"column (`from: [Date, Clock]`), or is each tag a row of its own (`pivot`)?")
    return lines


def unknown_machines_hint(unknown: Sequence[str], machines: Sequence[str]) -> str:
    """What to do about machines that no other table knows, and which of them differ from a known one in form alone.

    Examples
    --------
    >>> unknown_machines_hint(["p-07", "X1"], ["P-07", "P-08"])
    "unknown are 'p-07', 'X1', the telemetry has 'P-07', 'P-08'; 'p-07' differs from 'P-07' only in case, blanks, \
zeros in front or form of its letters: write identifiers alike in all files, or say `map`; \
a name that means every machine belongs in `all_machines`"
    """
    known = {_plain_name(name): name for name in machines}
    alike = [(name, known[_plain_name(name)]) for name in unknown if _plain_name(name) in known]
    form = "".join(f"{name!r} differs from {other!r} only in case, blanks, zeros in front or form of its letters: "
                   for name, other in alike[:1])
    return (f"unknown are {_some(unknown)}, the telemetry has {_some(machines)}; {form}write identifiers alike "
            f"in all files, or say `map`; a name that means every machine belongs in `all_machines`")


def _plain_name(name: str) -> str:
    """A name without what programs tend to change: case, blanks, marks, leading zeros, a trailing `.0`."""
    letters = "".join(unicodedata.normalize("NFKD", name).casefold().split())
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"\.0+$", "", letters))


def _some(names: Sequence[str]) -> str:
    return ", ".join(repr(str(name)) for name in names[:3]) + (f", ... ({len(names)})" if len(names) > 3 else "")
