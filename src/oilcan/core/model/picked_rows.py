"""A matrix of features of which some rows were read."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PickedRows:
    """A matrix of which some rows were read, addressed by the position of a row in the whole.

    Attributes
    ----------
    at
        Positions of the rows that were read, ascending, shape (m,).
    read
        Their features, shape (m, n_features).
    n
        Number of rows of the whole.

    Examples
    --------
    >>> rows = PickedRows(np.array([1, 4]), np.array([[10.0], [40.0]]), n=5)
    >>> rows[np.array([4, 1])].tolist(), rows.shape
    ([[40.0], [10.0]], (5, 1))
    """

    at: np.ndarray
    read: np.ndarray
    n: int

    @property
    def shape(self) -> tuple[int, int]:
        """Of the whole."""
        return self.n, self.read.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the features."""
        return self.read.dtype

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, at: np.ndarray) -> np.ndarray:
        place = np.minimum(np.searchsorted(self.at, at), len(self.at) - 1)
        if not np.array_equal(self.at[place], at):
            raise IndexError(f"features of {int((self.at[place] != at).sum()):,} of {len(at):,} rows were not read")
        return self.read[place]
