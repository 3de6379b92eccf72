"""Readings as the families see them: normalised sensors, the health index, and what its readings count."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ProcessedReadings:
    """Readings of the sensors of a plan, the health index last.

    Parameters
    ----------
    values
        Shape (n, sensors), NaN where missing.
    precision
        What a reading of the health index counts, shape (n,); None where all count 1, as other sensors do.
    state_precision
        What a reading of the hidden state counts, shape (n,); None where all count 1.
    """

    values: np.ndarray
    precision: np.ndarray | None = None
    state_precision: np.ndarray | None = None

    def weights(self, columns: Sequence[int]) -> np.ndarray | None:
        """What readings of some columns count, shape (n, columns); None where all count 1."""
        health = self.values.shape[1] - 1
        if self.precision is None or health not in columns:
            return None
        return weights_of(self.precision, [column == health for column in columns])

    def where(self, kept: np.ndarray) -> "ProcessedReadings":
        """Some of the readings; `kept` has shape (n,), bool."""
        return ProcessedReadings(self.values[kept], *(None if each is None else each[kept]
                                              for each in (self.precision, self.state_precision)))


def weights_of(precision: np.ndarray, is_health: Sequence[bool]) -> np.ndarray:
    """Weights of some columns, shape (..., columns): 1, but for those of the health index."""
    return np.where(is_health, precision[..., None], 1.0)
