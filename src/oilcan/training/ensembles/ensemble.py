"""The protocol of a tree ensemble, and the values that training passes to it."""

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np

from oilcan.core.model.trees import TreeModel

SAMPLE: Final = 200     # training rows on which the trees are proven equal to the library's own forecast


@dataclass(frozen=True)
class LearningRows:
    """Rows to learn from: features, outcome, and the weight of each row."""

    matrix: np.ndarray                  # (n, n_features) float32, NaN where missing
    target: np.ndarray                  # (n,)
    weight: np.ndarray | None = None    # (n,); None gives all rows the same weight

    def __len__(self) -> int:
        return len(self.target)

    def take(self, at: np.ndarray) -> "LearningRows":
        """The rows at some positions.

        Examples
        --------
        >>> LearningRows(np.eye(3), np.arange(3.0)).take(np.array([2, 0])).target.tolist()
        [2.0, 0.0]
        """
        return LearningRows(self.matrix[at], self.target[at], None if self.weight is None else self.weight[at])

    def without_empty(self) -> "LearningRows":
        """The same rows with zeros in columns that hold no value: some libraries refuse them, no tree splits on them.

        Examples
        --------
        >>> LearningRows(np.array([[np.nan, 1.0], [np.nan, np.nan]]), np.zeros(2)).without_empty().matrix.tolist()
        [[0.0, 1.0], [0.0, nan]]
        """
        empty = np.isnan(self.matrix).all(axis=0)
        return replace(self, matrix=np.where(empty, np.float32(0.0), self.matrix)) if empty.any() else self


@dataclass(frozen=True)
class Learning:
    """What is learned: everything except the rows.

    Attributes
    ----------
    regression
        Whether the outcome is a number; else it is one of two classes.
    monotone
        Sign of the effect of each feature on the outcome, 0 where free; empty where all are free.
    seed
        Of all random draws.
    shift
        To be added to the log-odds that a boosted classifier learned; see `thinning.choose_rows`.
    jobs
        Threads; the trees do not depend on it.
    """

    regression: bool
    monotone: tuple[int, ...] = ()
    seed: int = 0
    shift: float = 0.0
    jobs: int = 1


class Ensemble(Protocol):
    """A family of trees with its hyper-parameters; anything that treelite reads.

    A boosted ensemble takes `Learning.shift` in place of weights for rows that were left out, and may stop early on
    held-out rows. With several `bags` as many ensembles share the rows, and are averaged.
    """

    @property
    def name(self) -> str:
        """The word in params.yaml."""
        ...

    @property
    def boosted(self) -> bool:
        """Whether each tree corrects those before it."""
        ...

    @property
    def bags(self) -> int:
        """How many ensembles share the rows."""
        ...

    def hyper_parameters(self) -> dict[str, Any]:
        """Plain values for models/model.json."""
        ...

    def with_iterations(self, iterations: int) -> "Ensemble":
        """The same with another number of boosting iterations; itself if it is not boosted."""
        ...

    def fit(self, rows: LearningRows, learning: Learning, held_out: LearningRows | None = None) -> TreeModel:
        """Learn, and keep the trees alone.

        Parameters
        ----------
        held_out
            Rows of other machines, on which boosting watches when to stop. None: it does not stop early.
        """
        ...
