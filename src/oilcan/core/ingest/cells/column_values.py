"""One column of all files of a table, cast to its type; wrong and missing cells are noted."""

import numpy as np
import pandas as pd

from oilcan.core.ingest.cells.casting import Cast, cast, cast_identifier
from oilcan.core.ingest.cells.instants import cast_instants
from oilcan.core.ingest.cells.raw_cells import raw_cells
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.ground.columns import IDENTIFIERS


def column_values(cleaned: Cleaned, name: str, zone: str) -> pd.Series:
    """One column of all files, cast; wrong and missing cells refuse their row."""
    spec = cleaned.spec.columns[name]
    cells = [raw_cells(piece, name, spec, cleaned.spec) for piece in cleaned.pieces]
    if spec.type == "instant":
        done, problems = cast_instants([part.values for part in cells], spec, cleaned.spec, zone)
        cleaned.problems += [f"{name}: {problem}" for problem in problems]
    else:
        as_type = cast_identifier if name in IDENTIFIERS else cast
        done = _join([as_type(part.values, spec, cleaned.spec) for part in cells])
    values = done.values
    cleaned.refuse(done.wrong | np.concatenate([part.wrong for part in cells]), f"{name}: {done.why}")
    is_absent = np.repeat([part.is_absent for part in cells], [len(part.values) for part in cells])
    if is_absent.any():
        cleaned.absent[name] = int(is_absent.sum())
    if not spec.nullable:
        is_missing = values.isna().to_numpy()
        cleaned.refuse(is_missing & ~is_absent if is_absent.any() else is_missing, f"{name}: missing")
    return values


def _join(casts: list[Cast]) -> Cast:
    values = casts[0].values.reset_index(drop=True)
    if len(casts) > 1:
        values = pd.concat([done.values for done in casts], ignore_index=True)
    return Cast(values, np.concatenate([done.wrong for done in casts]), casts[-1].why)
