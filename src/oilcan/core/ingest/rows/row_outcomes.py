"""What became of every raw row of a table: kept, excluded, refused, or an identical duplicate."""

from typing import Final, Literal

import numpy as np

Kind = Literal["excluded", "refused", "identical"]
KEPT: Final = 0
IDENTICAL_DUPLICATE: Final = "duplicate, identical"
CONFLICTING_DUPLICATE: Final = "duplicate key, other content"


class RowVerdicts:
    """One verdict per row, the first one given; the counts therefore add up to the rows read.

    Parameters
    ----------
    rows
        Number of rows of the table.

    Examples
    --------
    >>> verdicts = RowVerdicts(3)
    >>> verdicts.decide([False, True, True], "refused", "volt: not a number")
    >>> verdicts.decide([False, False, True], "excluded", "known artefact")
    >>> verdicts.kept.tolist(), verdicts.reasons("refused"), verdicts.reasons("excluded")
    ([True, False, False], {'volt: not a number': 2}, {})
    """

    def __init__(self, rows: int) -> None:
        self._code = np.zeros(rows, dtype=np.int32)
        self._verdicts: list[tuple[Kind, str]] = []

    def decide(self, where: object, kind: Kind, reason: str) -> None:
        """Give the rows under the mask `where` a verdict, if they have none yet."""
        mask = np.asarray(where, dtype=bool) & (self._code == KEPT)
        if mask.any():
            if (kind, reason) not in self._verdicts:
                self._verdicts.append((kind, reason))
            self._code[mask] = self._verdicts.index((kind, reason)) + 1

    @property
    def kept(self) -> np.ndarray:
        """Rows without a verdict, as a mask."""
        return self._code == KEPT

    def positions(self, kind: Kind) -> np.ndarray:
        """Positions of the rows with a verdict of this kind, in order."""
        codes = [at + 1 for at, verdict in enumerate(self._verdicts) if verdict[0] == kind]
        return np.flatnonzero(np.isin(self._code, codes))

    def reason_at(self, position: int) -> str:
        """Reason of the verdict on one row."""
        return self._verdicts[self._code[position] - 1][1]

    def reasons(self, kind: Kind) -> dict[str, int]:
        """Reason -> number of rows, for verdicts of one kind."""
        counts = np.bincount(self._code, minlength=len(self._verdicts) + 1)
        return {reason: int(counts[at + 1]) for at, (k, reason) in enumerate(self._verdicts) if k == kind}

    def first(self, reason: str) -> int:
        """Position of the first row refused for this reason."""
        return int(np.argmax(self._code == self._verdicts.index(("refused", reason)) + 1))

    def count(self, kind: Kind) -> int:
        """Number of rows with a verdict of this kind."""
        return sum(self.reasons(kind).values())
