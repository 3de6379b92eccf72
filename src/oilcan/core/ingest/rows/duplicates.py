"""Rows that share a key with an earlier row: identical ones, and ones with other content."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd


class Duplicates(NamedTuple):
    """Masks over the rows of a sorted table; a kept row is in neither."""

    identical: np.ndarray
    other_content: np.ndarray


def find_duplicates(table: pd.DataFrame, key: Sequence[str]) -> Duplicates:
    """Later rows of a key: those identical to its first row, and those with other content.

    Parameters
    ----------
    table
        Sorted by `key`; among equal keys the row to keep stands first.
    key
        The columns that must be unique together.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": ["a", "a", "a", "b"], "volt": [1.0, 1.0, 2.0, 3.0]})
    >>> repeated = find_duplicates(rows, ["machine_id"])
    >>> repeated.identical.tolist(), repeated.other_content.tolist()
    ([False, True, False, False], [False, False, True, False])
    """
    later = np.zeros(len(table), dtype=bool)
    if len(table) > 1:
        later[1:] = np.logical_and.reduce([_same(table[name].iloc[1:], table[name].iloc[:-1]) for name in key])
    firsts = np.maximum.accumulate(np.where(later, 0, np.arange(len(table))))
    at = np.flatnonzero(later)
    equal = np.ones(len(at), dtype=bool)
    for name in table.columns:
        equal &= _same(table[name].iloc[at], table[name].iloc[firsts[at]])
    identical = np.zeros(len(table), dtype=bool)
    identical[at[equal]] = True
    return Duplicates(identical, later & ~identical)


def _same(left: pd.Series, right: pd.Series) -> np.ndarray:
    """Equal cell by cell, missing equal to missing."""
    left, right = left.reset_index(drop=True), right.reset_index(drop=True)
    equal = left.eq(right).fillna(False).astype(bool)
    return (equal | (left.isna() & right.isna())).to_numpy()
