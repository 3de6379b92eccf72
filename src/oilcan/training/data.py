"""What training sees and hands on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.columns import MACHINE
from oilcan.core.trees import TreeModel


@dataclass(frozen=True)
class Part:
    """Rows of one part of the split and their features."""

    rows: pd.DataFrame          # as in rows.parquet
    matrix: np.ndarray          # (n, n_features) float32

    def machine_codes(self) -> np.ndarray:
        """Machines as integers in order of their ids, shape (n,)."""
        return np.asarray(pd.factorize(self.rows[MACHINE], sort=True)[0])


@dataclass(frozen=True)
class TrainingData:
    """What training may see: never the test part."""

    train: Part
    validation: Part
    features: tuple[str, ...]
    plan_hash: str
    failures: pd.DataFrame
    machines: pd.DataFrame


@dataclass(frozen=True)
class Grown:
    """Trees of one target, what they say on validation rows, and how well they know training rows.

    `train_quality` is average precision for events, root mean squared error for remaining life.
    """

    trees: TreeModel
    validation: np.ndarray      # (n_validation,)
    n_rows: int
    train_quality: float | None
