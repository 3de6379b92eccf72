"""Does a single feature separate the classes? Then it was probably recorded after the event."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.ground.thinned import every_kth

SUSPICIOUS_AUC: Final = 0.995
_MAX_ROWS: Final = 20_000
_MIN_CLASS: Final = 5           # fewer rows of a class can be separated by chance


@dataclass(frozen=True)
class Suspicion:
    """A feature that alone separates the classes."""

    feature: str
    target: str
    auc: float

    def as_json(self) -> dict[str, Any]:
        """For metrics/detail/train.json."""
        return {"feature": self.feature, "target": self.target, "roc_auc": round(self.auc, 6)}

    def __str__(self) -> str:
        return (f"suspicious: feature {self.feature!r} alone separates {self.target!r} (validation ROC AUC "
                f"{self.auc:.4f}, wanted below {SUSPICIOUS_AUC}). Check whether it is recorded after the event.")


def suspicious_features(matrix: np.ndarray, target: np.ndarray, features: tuple[str, ...], name: str,
                        ) -> list[Suspicion]:
    """Features whose own ROC AUC on validation rows is above `SUSPICIOUS_AUC`, in either direction.

    Parameters
    ----------
    matrix
        Validation rows, shape (n, n_features); a missing value counts as the lowest.
    target
        0 or 1, NaN where unknown, shape (n,).

    Examples
    --------
    >>> target = np.repeat([0.0, 1.0], 10)
    >>> [each.feature for each in suspicious_features(target[:, None], target, ("leak",), "failure")]
    ['leak']
    """
    known = np.flatnonzero(~np.isnan(target))
    known = every_kth(known, _MAX_ROWS)
    positive = target[known] == 1
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if min(n1, n0) < _MIN_CLASS:
        return []
    suspicions = []
    for at, feature in enumerate(features):
        column = np.nan_to_num(matrix[known, at].astype(np.float64), nan=-np.inf)
        ranks = pd.Series(column).rank().to_numpy()
        auc = (ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)    # Mann-Whitney U
        if max(auc, 1 - auc) > SUSPICIOUS_AUC:
            suspicions.append(Suspicion(feature, name, float(max(auc, 1 - auc))))
    return suspicions
