"""Input of training, and the result for one target."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.model.picked_rows import PickedRows
from oilcan.core.model.trees import TreeModel
from oilcan.ground.columns import owner
from oilcan.training.sample import Stacked

ENOUGH: Final = 100     # machines whose 90 % quantile has a standard error of about 3 %


@dataclass(frozen=True)
class PartRows:
    """Rows of one part of the split and their features."""

    rows: pd.DataFrame          # as in rows.parquet
    matrix: np.ndarray          # (n, n_features) float32


@dataclass(frozen=True)
class PickedPart:
    """Rows of one part, and the features of those that are learned from."""

    rows: pd.DataFrame          # as in rows.parquet
    matrix: PickedRows


@dataclass(frozen=True)
class TrainingData:
    """What training may see: never the test part."""

    train: PartRows | PickedPart
    validation: PartRows
    features: tuple[str, ...]
    plan_hash: str
    failures: pd.DataFrame
    machines: pd.DataFrame
    left_out: int = 0               # machines of both parts that a large fleet's training does not see

    @property
    def rows(self) -> pd.DataFrame:
        """Rows of both parts."""
        return pd.concat([self.train.rows, self.validation.rows], ignore_index=True)

    @property
    def matrix(self) -> Stacked:
        """Features of `rows`."""
        return Stacked((self.train.matrix, self.validation.matrix))

    @property
    def validates_on_few(self) -> bool:
        """Whether no machine is in both parts, and the validation part has too few of them to draw an interval on."""
        train, validation = (set(part.rows[owner(part.rows)]) for part in (self.train, self.validation))
        return len(validation) < ENOUGH and train.isdisjoint(validation)


@dataclass(frozen=True)
class GrownTrees:
    """Trees of one target, their output on validation rows, and their quality on training rows.

    `train_quality` is average precision for events, root mean squared error for remaining life. `out_of_fold` is the
    output on training rows of trees that learned from other machines, if it was requested.
    """

    trees: TreeModel
    validation: np.ndarray      # (n_validation,)
    n_rows: int
    train_quality: float | None
    out_of_fold: np.ndarray | None = None       # (n_train,)
