"""Refused rows: stored with their content and counted; one message reports them if there are too many."""

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Table
from oilcan.contract.table_words import Label
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.rows.row_outcomes import CONFLICTING_DUPLICATE

COLUMNS: Final = ["table", "file", "row", "reason", "content"]

_BLANKED: Final = "(personal)"
_NO_FAILURE_LOST: Final = frozenset({"unknown machine", CONFLICTING_DUPLICATE})


def counts_of(cleaned: Cleaned) -> dict[str, Any]:
    """What became of the records of a table; read = kept + excluded + refused + identical duplicates.

    Where there are any: `absent_columns`, rows of files without an optional column; `rows` that a long
    table became; `copied_to_all_machines`, rows made of those about every machine; `joined`, the same
    counts for the records of each join.
    """
    malformed = [bad for piece in cleaned.pieces for bad in piece.malformed]
    refused = cleaned.verdicts.reasons("refused")
    for bad in malformed:
        refused[bad.reason] = refused.get(bad.reason, 0) + 1
    counts: dict[str, Any] = {
        "read": len(cleaned.verdicts.kept) + len(malformed),
        "kept": int(cleaned.verdicts.kept.sum()),
        "excluded": cleaned.verdicts.reasons("excluded"),
        "refused": refused,
        "duplicates_identical": cleaned.verdicts.count("identical"),
        "out_of_order": cleaned.out_of_order,
    }
    further = {"absent_columns": cleaned.absent, "copied_to_all_machines": cleaned.copies,
               "rows": len(cleaned.frame) if cleaned.owner is not None else 0,
               "joined": {part.name: counts_of(part) for part in cleaned.joined}}  # fmt: skip
    return counts | {word: value for word, value in further.items() if value}


def rejected_rows(tables: Sequence[Cleaned]) -> pd.DataFrame:
    """Refused rows of all tables with file, row number, reason and raw content, personal cells blanked."""
    lines = [
        line
        for cleaned in tables
        for line in [*_malformed(cleaned), *(_line(cleaned, at) for at in cleaned.verdicts.positions("refused"))]
    ]
    return pd.DataFrame(lines, columns=COLUMNS).astype({name: "int64" if name == "row" else "str" for name in COLUMNS})


def lost_failures(cleaned: Cleaned) -> list[str]:
    """A breach for each reason that refuses a row of the failures table, however few they are.

    A lost failure turns the rows before it into healthy ones. Rows of unknown machines, and rows that
    repeat a key, lose none.
    """
    reasons = {reason: number for reason, number in counts_of(cleaned)["refused"].items()
               if reason not in _NO_FAILURE_LOST}
    read = counts_of(cleaned)["read"]
    return [f"{cleaned.name}: {number:,} of {read:,} failures would be lost, refused for {reason!r}, first in "
            f"{_first_example(cleaned, reason)}; fix these rows, or leave them out with `exclude`"
            for reason, number in reasons.items()]


def _first_example(cleaned: Cleaned, reason: str) -> str:
    examples = [line for line in _malformed(cleaned) if line[3] == reason]
    _, file, row, _, content = examples[0] if examples else _line(cleaned, cleaned.verdicts.first(reason))
    return f"{file} row {row}: {content if len(content) <= 160 else content[:157] + '...'}"


def too_many_refused(cleaned: Cleaned, max_rejected_share: float, machines: Sequence[str] = ()) -> list[str]:
    """One line per reason, with a first example, if more than the allowed share of rows is refused.

    `machines` are those of the telemetry; some are shown beside unknown ones.
    """
    counts = counts_of(cleaned)
    refused, read = sum(counts["refused"].values()), counts["read"]
    if refused <= max_rejected_share * read:
        return []
    lines = [f"{cleaned.name}: {refused:,} of {read:,} rows refused ({refused / read:.1%}, allowed at most "
             f"{max_rejected_share:.1%}), of which"]
    for reason, number in counts["refused"].items():
        lines.append(f"{cleaned.name}: {number:,} for {reason!r}, first in {_first_example(cleaned, reason)}")
    if cleaned.unknown_machines:
        lines.append(f"{cleaned.name}: {unknown_machines_hint(cleaned.unknown_machines, machines)}")
    if CONFLICTING_DUPLICATE in counts["refused"]:
        lines.append(f"{cleaned.name}: several rows of a machine have the same time; does the clock stand in another "
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


def _malformed(cleaned: Cleaned) -> list[tuple[str, str, int, str, str]]:
    hidden = bool(_personal_labels(cleaned.spec))
    return [
        (cleaned.name, piece.place, bad.row, bad.reason, json.dumps({"text": _BLANKED if hidden else bad.text}))
        for piece in cleaned.pieces
        for bad in piece.malformed
    ]


def _line(cleaned: Cleaned, position: int) -> tuple[str, str, int, str, str]:
    starts = np.cumsum([0, *(len(piece.frame) for piece in cleaned.pieces)])
    at = int(np.searchsorted(starts, position, side="right")) - 1
    piece, row = cleaned.pieces[at], int(position - starts[at])
    content = json.dumps(_content(piece.frame, row, _personal_labels(cleaned.spec)), ensure_ascii=False)
    return cleaned.name, piece.place, int(piece.rows[row]), cleaned.verdicts.reason_at(position), content


def _personal_labels(spec: Table) -> set[Label]:
    return {label for name, column in spec.columns.items() if column.personal is not None
            for label in (name, *column.raw_labels(name))}  # fmt: skip


def _content(frame: pd.DataFrame, row: int, hidden: set[Label]) -> dict[str, Any]:
    return {str(name): _BLANKED if name in hidden else _plain(frame[name].iloc[row]) for name in frame.columns}


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return None
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return str(value) if isinstance(value, np.floating) and np.isinf(value) else value.item()
    return value if isinstance(value, (str, bool, int, float)) else str(value)

