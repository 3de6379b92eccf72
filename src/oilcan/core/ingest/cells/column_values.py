"""One column of all files of a table, cast to its type; wrong and missing cells are noted."""

import numpy as np
import pandas as pd

from oilcan.contract import Column, Table
from oilcan.core.ingest.cells.casting import Cast, cast, cast_identifier
from oilcan.core.ingest.cells.instants import cast_instants
from oilcan.core.ingest.cells.raw_cells import raw_cells
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.frames import RawPiece
from oilcan.ground.columns import IDENTIFIERS


def column_values(cleaned: Cleaned, name: str, zone: str) -> pd.Series:
    """One column of all files, cast; wrong and missing cells refuse their row."""
    spec = cleaned.spec.columns[name]
    cells = [raw_cells(piece, name, spec, cleaned.spec) for piece in cleaned.pieces]
    if spec.type == "instant":
        done = _instants(cleaned, name, [part.values for part in cells], zone)
    else:
        as_type = cast_identifier if name in IDENTIFIERS else cast
        done = _join([as_type(part.values, *as_written(spec, cleaned.spec, piece))
                      for part, piece in zip(cells, cleaned.pieces, strict=True)])
    values = done.values
    cleaned.refuse(done.wrong | np.concatenate([part.wrong for part in cells]), f"{name}: {done.why}", done.rank)
    is_absent = np.repeat([part.is_absent for part in cells], [len(part.values) for part in cells])
    if is_absent.any():
        cleaned.absent[name] = int(is_absent.sum())
    if not spec.nullable:
        is_missing = values.isna().to_numpy()
        cleaned.refuse(is_missing & ~is_absent if is_absent.any() else is_missing, f"{name}: missing")
    return values


def as_written(spec: Column, table: Table, piece: RawPiece) -> tuple[Column, Table]:
    """How the cells of a piece are written: as the contract says, or already in its own units."""
    return (spec.as_canonical(), table.as_canonical()) if piece.is_collected else (spec, table)


def _instants(cleaned: Cleaned, name: str, cells: list[pd.Series], zone: str) -> Cast:
    """Instants of all files; collected ones come last, and say nothing of how the others are written."""
    spec, table = cleaned.spec.columns[name], cleaned.spec
    plain = sum(not piece.is_collected for piece in cleaned.pieces)
    places = [piece.place for piece in cleaned.pieces]
    groups = []
    for mine, files, how in ((cells[:plain], places[:plain], (spec, table, zone)),
                             (cells[plain:], places[plain:], (spec.as_canonical(), table.as_canonical(), "UTC"))):
        if mine:
            done, facts = cast_instants(mine, *how, files)
            cleaned.instants[name, how[0] is spec] = facts, how
            groups.append(done)
    return _join(groups)._replace(why=groups[0].why, rank=groups[0].rank if plain else -1)


def _join(casts: list[Cast]) -> Cast:
    values = casts[0].values.reset_index(drop=True)
    if len(casts) > 1:
        values = pd.concat([done.values for done in casts], ignore_index=True)
    return casts[-1]._replace(values=values, wrong=np.concatenate([done.wrong for done in casts]))
