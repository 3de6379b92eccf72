"""What reads without fault and still looks wrong: reported, never decided here."""

from collections.abc import Iterator

import pandas as pd

from oilcan.contract import Table
from oilcan.core.ingest.cells.casting import is_typed_number, tidy
from oilcan.core.ingest.cells.numbers import DOUBTFUL, Grouping, grouping
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.ground.columns import TIME, UNTIL

Place = tuple[str, int, str]        # column, number and name of the file


def groupings(table: Cleaned) -> Iterator[tuple[Place, Grouping]]:
    """How the decimal marks of numbers stand in each file, as far as no word of the contract says what they are."""
    for name, column in table.spec.columns.items():
        labels = column.raw_labels(name)
        if column.type not in {"number", "integer"} or len(labels) != 1 or column.thousands or table.spec.thousands:
            continue
        for piece in table.pieces:
            if labels[0] in piece.grouped:
                yield (name, piece.number, piece.place), DOUBTFUL
            elif labels[0] in piece.frame and not is_typed_number(piece.frame[labels[0]]):
                cells = tidy(piece.frame[labels[0]], table.spec.missing)
                yield (name, piece.number, piece.place), grouping(cells, table.spec.decimal)


def thousands(spec: Table, known: dict[Place, Grouping]) -> list[str]:
    """A line for each column whose decimal mark may separate thousands, with the first file of that kind."""
    mark, other = spec.decimal, "," if spec.decimal == "." else "."
    first: dict[str, str] = {}
    for (name, _, place), found in known.items():
        if found.is_doubtful:
            first.setdefault(name, place)
    return [f"{name}: in {place} every {mark!r} stands before exactly three digits, and other cells have none; if it "
            f"separates thousands, say `thousands: {mark!r}` and `decimal: {other!r}`" for name, place in first.items()]


def ends(table: Cleaned) -> Iterator[str]:
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
