"""What is usual for a machine of this kind? A reason compares a reading with it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import pydantic

from oilcan.core.bundle.strict_json import STRICT, read_strictly
from oilcan.core.features.plan import FeaturePlan

_FEW: Final = 100       # with fewer known rows of a kind of machine, the values of all machines are used


@dataclass(frozen=True)
class Normals:
    """Medians of all features; one set for each kind of machine if sensors differ by kind.

    Attributes
    ----------
    column
        Position of the feature that holds the kind's code; None where there is one normal for all.
    medians
        Shape (kinds + 1, n_features), the last row for all machines; NaN for a feature without known values.
    """

    column: int | None
    medians: np.ndarray

    @classmethod
    def learn(cls, plan: FeaturePlan, matrix: np.ndarray) -> "Normals":
        """From validation rows, shape (n, n_features); the kind is the category that explains most sensors.

        Examples
        --------
        >>> plan = FeaturePlan("pumps", 1, "cycle", (), ())
        >>> Normals.learn(plan, np.array([[1.0, 5.0], [2.0, np.nan], [9.0, 5.0]])).medians
        array([[2., 5.]])
        """
        common = Counter(reference.column for reference in plan.fleet).most_common(1)
        name = f"{common[0][0]}_code" if common else ""
        if name not in plan.names:
            return cls(None, _medians(matrix)[None, :])
        column = plan.names.index(name)
        kinds = next(len(entry.values) for entry in plan.categories if entry.column == common[0][0])
        overall, rows = _medians(matrix), []
        for kind in range(kinds):
            own = matrix[matrix[:, column] == kind]
            rows.append(np.where((~np.isnan(own)).sum(axis=0) >= _FEW, _medians(own), overall))
        return cls(column, np.stack([*rows, overall]))

    def of(self, matrix: np.ndarray) -> np.ndarray:
        """The normal of each value of rows, shape (n, n_features)."""
        if self.column is None:
            return np.broadcast_to(self.medians, matrix.shape)
        kind, kinds = matrix[:, self.column], len(self.medians) - 1
        known = (kind >= 0) & (kind < kinds)
        return self.medians[np.where(known, kind, kinds).astype(np.int64)]

    def as_json(self) -> dict[str, Any]:
        """Plain values for normals.json; null for a feature without known values."""
        return {"column": self.column,
                "medians": [[None if np.isnan(value) else float(value) for value in row] for row in self.medians]}

    @classmethod
    def read(cls, content: bytes, where: str) -> "Normals":
        """The inverse of `as_json`, from the bytes of a file.

        Raises
        ------
        IntegrityError
            Listing everything that is not valid.
        """
        written = read_strictly(_Written, content, where)
        return cls(written.column, np.array(written.medians, dtype=np.float64))


@dataclass(frozen=True)
class _Written:
    """Normals as JSON has them."""

    __pydantic_config__: ClassVar[pydantic.ConfigDict] = STRICT

    column: int | None
    medians: tuple[tuple[float | None, ...], ...]

    def __post_init__(self) -> None:
        widths = sorted({len(row) for row in self.medians})
        if len(widths) != 1:
            raise ValueError(f"rows of medians have different lengths (found {widths}, wanted one)")
        if self.column is None and len(self.medians) != 1:
            raise ValueError(f"medians are of {len(self.medians)} kinds, but no column holds the kind (wanted one row)")
        if self.column is not None and not 0 <= self.column < widths[0]:
            raise ValueError(f"column is not the position of a feature (found {self.column}, wanted 0 to "
                             f"{widths[0] - 1})")


def _medians(matrix: np.ndarray) -> np.ndarray:
    """Lower medians, shape (n_features,): a value that was there, so counts stay whole."""
    there = (~np.isnan(matrix)).sum(axis=0)
    ordered = np.vstack([np.sort(matrix, axis=0), np.full((1, matrix.shape[1]), np.nan)])      # NaN comes last
    middle = np.where(there > 0, (there - 1) // 2, len(matrix))
    return np.asarray(ordered[middle, np.arange(matrix.shape[1])], dtype=np.float64)
