"""The rows that one target is learned from, as one value."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from oilcan.core.model.picked_rows import PickedRows
from oilcan.ground.columns import owner
from oilcan.training.targets import Target


@dataclass(frozen=True)
class Stacked:
    """Matrices one below the other, read by position and never copied as a whole.

    Examples
    --------
    >>> Stacked((np.zeros((2, 1)), np.ones((2, 1))))[np.array([3, 0])].tolist()
    [[1.0], [0.0]]
    """

    parts: tuple[np.ndarray | PickedRows, ...]      # (n_i, n_features)

    def __getitem__(self, at: np.ndarray) -> np.ndarray:
        out = np.empty((len(at), self.parts[0].shape[1]), dtype=self.parts[0].dtype)
        start = 0
        for part in self.parts:
            here = (at >= start) & (at < start + len(part))
            out[here] = part[at[here] - start]
            start += len(part)
        return out


Matrix = np.ndarray | PickedRows | Stacked


@dataclass(frozen=True)
class Sample:
    """Rows with what a target needs of them.

    Attributes
    ----------
    values
        Outcome, NaN where unknown, shape (n,); a life that outlasted the cap of its task has the cap.
    is_seen
        Rows whose own outcome was seen, on which quality is measured, shape (n,).
    machines
        Machine of each row as an integer, shape (n,).
    matrix
        Features, shape (n, n_features), float32.
    """

    target: Target
    values: np.ndarray
    is_seen: np.ndarray
    machines: np.ndarray
    matrix: Matrix

    @classmethod
    def of(cls, target: Target, rows: pd.DataFrame, matrix: Matrix) -> "Sample":
        """Rows as in rows.parquet, with their features."""
        return cls(target, target.values(rows), target.seen(rows), machine_codes(rows), matrix)

    def take(self, at: np.ndarray) -> "Sample":
        """The rows at some positions.

        Examples
        --------
        >>> rows = pd.DataFrame({"machine_id": list("abb"), "target_x": [0.0, 1.0, 0.0]})
        >>> Sample.of(Target("x", "label"), rows, np.zeros((3, 1))).take(np.array([1, 2])).machines.tolist()
        [1, 1]
        """
        return replace(self, values=self.values[at], is_seen=self.is_seen[at], machines=self.machines[at],
                       matrix=self.matrix[at])

    def features(self) -> np.ndarray:
        """The matrix in one piece."""
        return self.matrix if isinstance(self.matrix, np.ndarray) else self.matrix[np.arange(len(self.values))]


def machine_codes(rows: pd.DataFrame) -> np.ndarray:
    """Machines, or groups of independent rows, as integers in order of their ids, shape (n,).

    Examples
    --------
    >>> machine_codes(pd.DataFrame({"machine_id": ["b", "a", "b"]})).tolist()
    [1, 0, 1]
    """
    return np.asarray(pd.factorize(rows[owner(rows)], sort=True)[0])
