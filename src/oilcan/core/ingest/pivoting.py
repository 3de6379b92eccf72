"""A long table, one record per tag, as rows with one column per tag.

The columns keep one value per raw record: the first record of a row stands for the whole row and
carries the values of its tags, `Cleaned.owner` says which record that is.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.core.ingest.cells.casting import cast, tidy
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.rows.row_outcomes import CONFLICTING_DUPLICATE, IDENTICAL_DUPLICATE


@dataclass(frozen=True)
class Tagged:
    """Values of one tag, with the positions of their raw records, ascending."""

    name: str
    at: np.ndarray
    values: pd.Series


def tagged_values(cleaned: Cleaned) -> list[Tagged]:
    """Cast the value of each record by the column of its tag; wrong cells and unknown tags are noted."""
    pivot, spec = cleaned.spec.pivot, cleaned.spec
    assert pivot is not None  # noqa: S101  # for mypy; the caller asks first
    tag = pd.concat([tidy(piece.frame[pivot.tag], spec.missing) for piece in cleaned.pieces], ignore_index=True)
    raw = pd.concat([piece.frame[pivot.value] for piece in cleaned.pieces], ignore_index=True)
    tagged = []
    for name, column in spec.columns.items():
        if column.from_tag is None:
            continue
        at = np.flatnonzero(tag == column.from_tag)
        values = raw.iloc[at].reset_index(drop=True)
        if column.map:
            text = tidy(values, spec.missing)
            values = text.where(~text.isin(list(column.map)), text.map(column.map)).astype("str")
        done = cast(values, column, spec)
        wrong = np.zeros(len(tag), dtype=bool)
        wrong[at] = done.wrong
        cleaned.refuse(wrong, f"{name}: {done.why}")
        tagged.append(Tagged(name, at, done.values))
    _judge_tags(cleaned, tag)
    return tagged


def _judge_tags(cleaned: Cleaned, tag: pd.Series) -> None:
    listed = [column.from_tag for column in cleaned.spec.columns.values() if column.from_tag is not None]
    unlisted = tag.notna() & ~tag.isin(listed)
    if unlisted.any() and cleaned.spec.unlisted == "refuse":
        names = sorted(tag[unlisted].unique())
        shown = ", ".join(repr(name) for name in names[:12]) + (f", ... ({len(names)})" if len(names) > 12 else "")
        cleaned.problems.append(f"tags {shown} are not listed; give each a column with `from_tag`, or say "
                                f"`unlisted: ignore`")
    cleaned.verdicts.decide(unlisted, "excluded", "tag not listed")
    cleaned.refuse(tag.isna().to_numpy(), "tag: missing")


def pivot_rows(cleaned: Cleaned, columns: dict[str, pd.Series], tagged: list[Tagged], key: list[str]) -> None:
    """Add a column for each tag to `columns` and fill `cleaned.owner`.

    Of records with the same key and tag the first counts; later ones are identical duplicates, or
    refused where their value differs. A row without a value that must not be missing is refused.

    Parameters
    ----------
    columns
        One value per raw record; verdicts on the records are given already.
    key
        Columns that name a row.
    """
    n = len(cleaned.verdicts.kept)
    owner = np.arange(n)
    kept = np.flatnonzero(cleaned.verdicts.kept)
    row = pd.DataFrame({name: columns[name].iloc[kept] for name in key}).groupby(key, sort=False).ngroup().to_numpy()
    _, first, of_row = np.unique(row, return_index=True, return_inverse=True)
    owner[kept] = kept[first[of_row]]
    cleaned.owner = owner
    for part in tagged:
        is_kept = cleaned.verdicts.kept[part.at]
        at, values = part.at[is_kept], part.values[is_kept].reset_index(drop=True)
        _, first, again = np.unique(owner[at], return_index=True, return_inverse=True)
        is_later = first[again] != np.arange(len(at))
        earlier = values.iloc[first[again]].reset_index(drop=True)
        same = (values.eq(earlier).fillna(False).astype(bool) | (values.isna() & earlier.isna())).to_numpy()
        cleaned.verdicts.decide(_mask(n, at[is_later & same]), "identical", IDENTICAL_DUPLICATE)
        cleaned.verdicts.decide(_mask(n, at[is_later & ~same]), "refused", CONFLICTING_DUPLICATE)
        columns[part.name] = values[~is_later].set_axis(owner[at[~is_later]]).reindex(range(n))
        if not cleaned.spec.columns[part.name].may_be_missing():
            is_missing = columns[part.name].isna().to_numpy()[owner] & cleaned.verdicts.kept
            cleaned.verdicts.decide(is_missing, "refused", f"{part.name}: missing")


def _mask(n: int, at: np.ndarray) -> np.ndarray:
    mask = np.zeros(n, dtype=bool)
    mask[at] = True
    return mask
