"""Texts of telemetry columns as numbers: the store gives each text one number, the same for every replica."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from oilcan.io.stores.databases.database import Database, Transaction
from oilcan.io.stores.databases.text_limits import plain

MOST: Final = 1_000             # texts of one column; a column with more is not a category
_LONGEST: Final = 2_000         # characters of a text


class Texts:
    """The numbers of texts, column by column, from 0 in the order in which the store first saw them."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._numbers: dict[str, dict[str, int]] = {}       # committed ones only: they never change

    def number(self, tx: Transaction, column: str, texts: Sequence[str],
               new: dict[tuple[str, str], int]) -> list[float]:
        """Numbers of texts, NaN for those beyond the limit; unknown ones get one, in this transaction.

        Parameters
        ----------
        tx
            One that holds the lock of the log.
        new
            Column and text -> number, of those numbered in this transaction before; added to here. Hand it to `learn`
            once the transaction is committed.
        """
        texts, known = [plain(text, _LONGEST) for text in texts], self._numbers.get(column, {})
        if not all(text in known or (column, text) in new for text in texts):
            known = self._listed(tx, column)
            for text in texts:
                if text not in known and (column, text) not in new and len(known) < MOST:
                    tx.run("INSERT INTO texts (text_column, number, text) VALUES (?, ?, ?)",
                           (column, len(known), text))
                    new[column, text] = known[text] = len(known)
        return [known.get(text, new.get((column, text), np.nan)) for text in texts]

    def learn(self, new: Mapping[tuple[str, str], int]) -> None:
        """Remember numbers that were committed."""
        for (column, text), number in new.items():
            self._numbers[column] = self._numbers.get(column, {}) | {text: number}      # another thread may read it

    def decode(self, column: str, numbers: np.ndarray) -> list[str | None]:
        """The text of each number; None for NaN."""
        wanted = {int(number) for number in np.unique(numbers[~np.isnan(numbers)]).tolist()}
        texts = self._by_number(column)
        if not texts.keys() >= wanted:
            self._numbers[column] = self._db.read(lambda tx: self._listed(tx, column))
            texts = self._by_number(column)
        return [None if np.isnan(number) else texts[int(number)] for number in numbers.tolist()]

    def _by_number(self, column: str) -> dict[int, str]:
        return {number: text for text, number in self._numbers.get(column, {}).items()}

    def _listed(self, tx: Transaction, column: str) -> dict[str, int]:
        return {text: number for number, text in tx.rows(
            "SELECT number, text FROM texts WHERE text_column = ? ORDER BY number", (column,))}
