"""Small statistics that quality checks, exploration and monitoring share."""

from typing import Final

import numpy as np

MAD_TO_SD: Final = 1.4826       # median absolute deviation -> standard deviation, for normal data


def stability_index(current: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Population stability index of shares by bin, natural logarithm: sum of (c - r) log(c / r) over the last axis.

    Parameters
    ----------
    current, reference
        Shares above 0, shape (..., bins); the caller replaces empty bins.

    Examples
    --------
    >>> round(float(stability_index(np.array([0.6, 0.4]), np.array([0.5, 0.5]))), 4)
    0.0405
    """
    return np.asarray(((current - reference) * np.log(current / reference)).sum(axis=-1))
