"""What became of every raw row of a table: kept, excluded, refused, or an identical duplicate."""

from typing import Final, Literal, NamedTuple

import numpy as np

Kind = Literal["excluded", "refused", "identical"]
KEPT: Final = 0
IDENTICAL_DUPLICATE: Final = "duplicate, identical"
CONFLICTING_DUPLICATE: Final = "duplicate key, other content"


class Verdict(NamedTuple):
    """A verdict that rows were given.

    `at` is the number of the decision that gave it first. `rank` says how much the wording of the reason knows of its
    rows; `accounts` uses both to join the parts of a table.
    """

    kind: Kind
    reason: str
    at: int
    rank: int = 0


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
        self._verdicts: list[Verdict] = []
        self._decisions = 0

    def decide(self, where: object, kind: Kind, reason: str, rank: int = 0) -> None:
        """Give the rows under the mask `where` a verdict, if they have none yet."""
        self._decisions += 1
        mask = np.asarray(where, dtype=bool) & (self._code == KEPT)
        if mask.any():
            known = [verdict[:2] for verdict in self._verdicts]
            if (kind, reason) not in known:
                known.append((kind, reason))
                self._verdicts.append(Verdict(kind, reason, self._decisions, rank))
            self._code[mask] = known.index((kind, reason)) + 1

    @property
    def kept(self) -> np.ndarray:
        """Rows without a verdict, as a mask."""
        return self._code == KEPT

    def positions(self, kind: Kind) -> np.ndarray:
        """Positions of the rows with a verdict of this kind, in order."""
        codes = [at + 1 for at, verdict in enumerate(self._verdicts) if verdict.kind == kind]
        return np.flatnonzero(np.isin(self._code, codes))

    def reason_at(self, position: int) -> str:
        """Reason of the verdict on one row."""
        return self._verdicts[self._code[position] - 1].reason

    def counts(self) -> dict[Verdict, int]:
        """Verdict -> number of rows, in the order in which they were given first."""
        rows = np.bincount(self._code, minlength=len(self._verdicts) + 1)
        return {verdict: int(rows[at + 1]) for at, verdict in enumerate(self._verdicts)}

    def reasons(self, kind: Kind) -> dict[str, int]:
        """Reason -> number of rows, for verdicts of one kind."""
        return {verdict.reason: rows for verdict, rows in self.counts().items() if verdict.kind == kind}
