"""Which features carry no information on training rows? Constant ones, (almost) empty ones, and copies of others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.usable import ALMOST_NEVER


@dataclass(frozen=True)
class Screen:
    """What the training rows of one partition hold, per feature: how many values, extremes, a digest."""

    rows: int
    present: np.ndarray
    low: np.ndarray
    high: np.ndarray
    digests: tuple[str, ...]

    @classmethod
    def of(cls, matrix: np.ndarray) -> "Screen":
        """Of the features of training rows, shape (n, features)."""
        there = ~np.isnan(matrix)
        columns = np.ascontiguousarray(matrix.T)
        return cls(
            len(matrix), there.sum(axis=0),
            np.where(there, matrix, np.inf).min(axis=0, initial=np.inf),
            np.where(there, matrix, -np.inf).max(axis=0, initial=-np.inf),
            tuple(hashlib.blake2b(column.tobytes(), digest_size=16).hexdigest() for column in columns),
        )  # fmt: skip


def useful(plan: FeaturePlan, screens: Sequence[Screen]) -> list[str]:
    """Names of the features to keep, in order; of identical ones, the first.

    Parameters
    ----------
    screens
        One per partition.

    Examples
    --------
    >>> from oilcan.core.features.plan import Feature
    >>> names = ("a", "same_as_a", "constant")
    >>> features = tuple(Feature(name, "level", name, "level", None, "bar", "", name) for name in names)
    >>> plan = FeaturePlan("pumps", 1, "cycle", features, ())
    >>> matrix = np.array([[1.0, 1.0, 5.0], [2.0, 2.0, 5.0]], dtype=np.float32)
    >>> useful(plan, [Screen.of(matrix)])
    ['a']
    """
    rows = sum(screen.rows for screen in screens)
    present = np.sum([screen.present for screen in screens], axis=0)
    low = np.min([screen.low for screen in screens], axis=0)
    high = np.max([screen.high for screen in screens], axis=0)
    seen: set[tuple[str, ...]] = set()
    kept = []
    for at, name in enumerate(plan.names):
        digest = tuple(screen.digests[at] for screen in screens)
        if present[at] >= ALMOST_NEVER * rows and low[at] < high[at] and digest not in seen:
            seen.add(digest)
            kept.append(name)
    return kept
