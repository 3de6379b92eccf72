"""Columns of the same records in other files, joined by key or by the order of the records."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from oilcan.core.ingest.cells.column_values import column_values
from oilcan.core.ingest.cells.raw_cells import records
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.frames import RawPiece
from oilcan.core.ingest.rows.duplicates import find_duplicates
from oilcan.core.ingest.rows.row_outcomes import CONFLICTING_DUPLICATE, IDENTICAL_DUPLICATE, RowVerdicts


def joined_columns(
    cleaned: Cleaned, join: str, pieces: Sequence[RawPiece], columns: dict[str, pd.Series], zone: str
) -> dict[str, pd.Series]:
    """Columns of one join, one value for each raw record of the table; missing where there is no partner.

    Parameters
    ----------
    cleaned
        The table; the verdicts on the records of the join are kept in `cleaned.joined`.
    join, pieces
        Name and files of the join.
    columns
        The table's own columns, with the keys.
    zone
        Of instants without an offset.
    """
    how, view = cleaned.spec.join[join], cleaned.spec.view(join)
    part = Cleaned(f"{cleaned.name}.{join}", view, pieces, RowVerdicts(sum(len(piece.frame) for piece in pieces)))
    cleaned.joined.append(part)
    values = {name: column_values(part, name, zone) for name in view.columns}
    for wrong, reason, rank in part.refusals:
        part.verdicts.decide(wrong, "refused", reason, rank)
    cleaned.problems += [f"join {join}: {name}: {problem}" for (name, _), (facts, how) in part.instants.items()
                         for problem in facts.problems(*how)]
    at = _by_order(cleaned, part, join) if how.by == "row_order" else _by_key(part, values, columns, list(how.labels()))
    own = [name for name in view.columns if cleaned.spec.columns[name].join == join]
    for name in own:
        taken = values[name].reindex(np.where(at < 0, len(part.verdicts.kept), at)).reset_index(drop=True)
        if not cleaned.spec.columns[name].may_be_missing():
            cleaned.refuse(taken.isna().to_numpy(), f"{name}: missing in join {join}")
        values[name] = taken
    return {name: values[name] for name in own}


def _by_order(cleaned: Cleaned, part: Cleaned, join: str) -> np.ndarray:
    """Record of the join for each record of the table, -1 where that one was refused."""
    ours, theirs = [records(piece) for piece in cleaned.pieces], [records(piece) for piece in part.pieces]
    if sum(ours) != sum(theirs) or (len(ours) == len(theirs) and ours != theirs):
        cleaned.problems.append(f"join {join}: the order of the records joins only files with as many records (found "
                                f"{_counts(part)}, wanted {_counts(cleaned)})")
        return np.full(len(cleaned.verdicts.kept), -1)
    kept = np.flatnonzero(part.verdicts.kept)
    return _found(pd.Index(_numbers(part)[kept]).get_indexer(pd.Index(_numbers(cleaned))), kept)


def _by_key(
    part: Cleaned, values: dict[str, pd.Series], columns: dict[str, pd.Series], keys: list[str]
) -> np.ndarray:
    kept = np.flatnonzero(part.verdicts.kept)
    theirs = pd.DataFrame({name: values[name] for name in values}).iloc[kept].reset_index(drop=True)
    order = theirs.sort_values(keys, kind="stable").index.to_numpy()
    repeated = find_duplicates(theirs.iloc[order].reset_index(drop=True), keys)
    for is_repeated, kind, reason in ((repeated.identical, "identical", IDENTICAL_DUPLICATE),
                                  (repeated.other_content, "refused", CONFLICTING_DUPLICATE)):
        mask = np.zeros(len(part.verdicts.kept), dtype=bool)
        mask[kept[order[is_repeated]]] = True
        part.verdicts.decide(mask, kind, reason)  # type: ignore[arg-type]  # one of the two words above
    single = np.flatnonzero(part.verdicts.kept)
    right = pd.DataFrame({name: values[name].iloc[single] for name in keys}).assign(place=np.arange(len(single)))
    left = pd.DataFrame({name: columns[name] for name in keys})
    at = _found(left.merge(right, on=keys, how="left")["place"].fillna(-1).to_numpy(dtype=np.int64), single)
    partner = np.zeros(len(part.verdicts.kept), dtype=bool)
    partner[at[at >= 0]] = True
    part.verdicts.decide(~partner, "excluded", "no such row in the table it belongs to")
    return at


def _found(place: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return np.where(place < 0, -1, kept[np.maximum(place, 0)]) if len(kept) else np.full(len(place), -1)


def _numbers(cleaned: Cleaned) -> np.ndarray:
    """Number of each record that could be cut, counted over all files."""
    starts = np.cumsum([0, *(records(piece) for piece in cleaned.pieces)])
    return np.concatenate([piece.rows + start for piece, start in zip(cleaned.pieces, starts, strict=False)])


def _counts(cleaned: Cleaned) -> str:
    return ", ".join(f"{records(piece):,} in {piece.place}" for piece in cleaned.pieces[:6])
