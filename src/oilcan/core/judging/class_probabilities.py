"""Probabilities of the classes of a `class` task, from the forecasts of each class against the others."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

LEAST: Final = 1e-6             # a probability of 0 for what came true costs log(1e6), not infinity


def class_probabilities(columns: Mapping[str, Any], task: str, classes: Sequence[str]) -> np.ndarray:
    """Probability of each class, shape (n, n_classes), rows that sum to 1 unless all forecasts are 0.

    Parameters
    ----------
    columns
        `p_<task>__<class>` of the classes that have a forecast, each shape (n,); at least one. The others
        have probability 0.

    Examples
    --------
    >>> forecasts = {"p_valve__good": np.array([0.6]), "p_valve__worn": np.array([0.2])}
    >>> class_probabilities(forecasts, "valve", ["good", "worn", "stuck"]).round(2).tolist()
    [[0.75, 0.25, 0.0]]
    """
    known = {name: np.asarray(columns[f"p_{task}__{name}"], dtype=np.float64) for name in classes
             if f"p_{task}__{name}" in columns}  # fmt: skip
    n = len(next(iter(known.values())))
    p = np.column_stack([known.get(name, np.zeros(n)) for name in classes])
    return np.asarray(p / np.maximum(p.sum(axis=1, keepdims=True), LEAST))
