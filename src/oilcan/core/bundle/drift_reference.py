"""What did features and forecasts look like when the model was accepted? The reference for drift."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import pydantic

from oilcan.core.bundle.strict_json import STRICT, read_strictly
from oilcan.ground.thinned import every_kth

_ENOUGH: Final = 250_000         # rows; their 5 % quantiles stand within 0.05 % of the shares
_SHARES: Final = tuple(round(share / 20, 2) for share in range(21))     # every 5 %


def some_rows(n: int) -> np.ndarray:
    """Which of n rows the reference is learned from, shape (n,), bool: all, or of many every k-th.

    Examples
    --------
    >>> some_rows(3).tolist(), int(some_rows(600_000).sum())
    ([True, True, True], 200000)
    """
    some = np.zeros(n, dtype=bool)
    every_kth(some, _ENOUGH)[:] = True
    return some


@dataclass(frozen=True)
class Distribution:
    """Quantiles of the known values of one column at `DriftReference.shares`, and the share of missing values.

    There are no quantiles if no value was known.
    """

    __pydantic_config__: ClassVar[pydantic.ConfigDict] = STRICT

    quantiles: tuple[float, ...]
    missing_share: float

    def __post_init__(self) -> None:
        if any(low > high for low, high in zip(self.quantiles, self.quantiles[1:], strict=False)):
            raise ValueError(f"quantiles do not ascend (found {self.quantiles})")
        if not 0 <= self.missing_share <= 1:
            raise ValueError(f"missing_share is not a share (found {self.missing_share}, wanted 0 to 1)")

    @classmethod
    def of(cls, values: np.ndarray, shares: tuple[float, ...] = _SHARES) -> "Distribution":
        """Summary of a sample, shape (n,); NaN and infinities count as missing.

        A quantile is a value that occurs: the inverse of the empirical distribution function.

        Examples
        --------
        >>> Distribution.of(np.array([3.0, 1.0, np.nan, 2.0]), (0.0, 0.5, 1.0))
        Distribution(quantiles=(1.0, 2.0, 3.0), missing_share=0.25)
        """
        known = values[np.isfinite(values)].astype(np.float64)
        quantiles = np.quantile(known, shares, method="inverted_cdf") if len(known) else np.zeros(0)
        return cls(tuple(map(float, quantiles)), 1 - len(known) / max(len(values), 1))


@dataclass(frozen=True)
class DriftReference:
    """Distributions of all features and forecasts on validation rows.

    Attributes
    ----------
    n
        Number of rows.
    shares
        Probabilities of the quantiles, ascending from 0 to 1.
    features, forecasts
        Column -> its distribution, in any order.
    """

    __pydantic_config__: ClassVar[pydantic.ConfigDict] = STRICT

    n: int
    shares: tuple[float, ...]
    features: Mapping[str, Distribution]
    forecasts: Mapping[str, Distribution]

    def __post_init__(self) -> None:
        wrong = [name for name, column in (*self.features.items(), *self.forecasts.items())
                 if column.quantiles and len(column.quantiles) != len(self.shares)]
        if wrong:
            raise ValueError(f"columns without one quantile a share: {wrong} (wanted {len(self.shares)} quantiles)")

    @classmethod
    def learn(cls, features: tuple[str, ...], matrix: np.ndarray, forecasts: Mapping[str, np.ndarray],
              ) -> "DriftReference":
        """Summary of validation rows.

        Parameters
        ----------
        matrix
            Shape (n, n_features), columns in the order of `features`.
        forecasts
            Column -> forecasts of the same rows, each of shape (n,), by a model that has not learned from them.

        Examples
        --------
        >>> reference = DriftReference.learn(("x",), np.arange(21.0)[:, None], {"p_failure": np.zeros(21)})
        >>> reference.n, reference.features["x"].quantiles[:3]
        (21, (0.0, 1.0, 2.0))
        """
        return cls(len(matrix), _SHARES, {name: Distribution.of(matrix[:, at]) for at, name in enumerate(features)},
                   {name: Distribution.of(values) for name, values in forecasts.items()})

    def as_json(self) -> dict[str, Any]:
        """Plain values for drift_reference.json."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, content: bytes, where: str) -> "DriftReference":
        """The inverse of `as_json`, from the bytes of a file.

        Raises
        ------
        IntegrityError
            Listing everything that is not valid.
        """
        return read_strictly(cls, content, where)
