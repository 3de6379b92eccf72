"""Fewer rows where all of them say no more than some."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def every_kth(rows: "np.ndarray", most: int) -> "np.ndarray":
    """Every k-th row with the least k that leaves at most `most` rows: all machines and all times stay among them.

    Parameters
    ----------
    rows
        Shape (n, ...); only the first axis counts.
    most
        At least 1.

    Examples
    --------
    >>> import numpy as np
    >>> every_kth(np.arange(7), 3).tolist(), every_kth(np.arange(2), 3).tolist()
    ([0, 3, 6], [0, 1])
    """
    return rows[:: max(1, -(-len(rows) // most))]
