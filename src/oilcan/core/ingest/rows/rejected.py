"""Refused rows as they are kept aside: file, row number, reason and raw content, personal cells blanked."""

import json
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from oilcan.contract import Table
from oilcan.contract.table_words import Label
from oilcan.core.ingest.cleaned import Cleaned

_BLANKED: Final = "(personal)"


class Line(NamedTuple):
    """A refused row; `number` is that of its file where a table is read in parts."""

    number: int
    table: str
    file: str
    row: int
    reason: str
    content: str


def rejected_lines(cleaned: Cleaned) -> list[Line]:
    """Refused rows of a table in the order of its files, those first that could not be cut; personal cells blanked."""
    hidden = _personal_labels(cleaned.spec)
    cut = [Line(piece.number, cleaned.name, piece.place, bad.row, bad.reason,
                json.dumps({"text": _BLANKED if hidden else bad.text}))
           for piece in cleaned.pieces for bad in piece.malformed]  # fmt: skip
    starts = np.cumsum([0, *(len(piece.frame) for piece in cleaned.pieces)])
    return cut + [_line(cleaned, starts, int(at), hidden) for at in cleaned.verdicts.positions("refused")]


def _line(cleaned: Cleaned, starts: np.ndarray, position: int, hidden: set[Label]) -> Line:
    at = int(np.searchsorted(starts, position, side="right")) - 1
    piece, row = cleaned.pieces[at], int(position - starts[at])
    content = json.dumps(_content(piece.frame, row, hidden), ensure_ascii=False)
    return Line(piece.number, cleaned.name, piece.place, int(piece.rows[row]), cleaned.verdicts.reason_at(position),
                content)


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
