"""What reads without fault and still looks wrong: reported, never decided here."""

from collections.abc import Iterator

import pandas as pd

from oilcan.core.ingest.cells.casting import is_typed_number, tidy
from oilcan.core.ingest.cells.numbers import looks_grouped
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.ground.columns import TIME, UNTIL


def suspicions(table: Cleaned) -> Iterator[str]:
    """One line for each thing that a person should look at."""
    yield from _thousands(table)
    yield from _ends(table)


def _thousands(table: Cleaned) -> Iterator[str]:
    """Numbers whose decimal mark may separate thousands, as far as no word of the contract says what it is."""
    for name, column in table.spec.columns.items():
        labels = column.raw_labels(name)
        if column.type not in {"number", "integer"} or len(labels) != 1 or column.thousands or table.spec.thousands:
            continue
        mark = table.spec.decimal
        files = [piece.place for piece in table.pieces if labels[0] in piece.grouped or (
            labels[0] in piece.frame and not is_typed_number(piece.frame[labels[0]])
            and looks_grouped(tidy(piece.frame[labels[0]], table.spec.missing), mark))]
        if files:
            other = "," if mark == "." else "."
            yield (f"{name}: in {files[0]} every {mark!r} stands before exactly three digits, and other cells have "
                   f"none; if it separates thousands, say `thousands: {mark!r}` and `decimal: {other!r}`")


def _ends(table: Cleaned) -> Iterator[str]:
    """A second instant of failures that is never before the first may be the end of the stop."""
    if table.name != "failures" or UNTIL in table.frame or len(table.frame) == 0 or TIME not in table.frame:
        return
    for name, values in table.frame.items():
        if name == TIME or not isinstance(values.dtype, pd.DatetimeTZDtype):
            continue
        both = values.notna()
        if both.any() and bool((values[both] > table.frame[TIME][both]).all()):
            yield (f"{name}: always lies after `time`; if a stop lasts until then, call the column `until`, and the "
                   f"readings inside the stop are left out")
