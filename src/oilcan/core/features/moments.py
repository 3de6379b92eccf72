"""What is known of stretches of readings: count and mean, or spread, extremes and trend too.

Welford's recursion (Welford 1962) takes readings in; stretches are joined by the formulas of Chan, Golub and LeVeque
(1983). Nothing is ever subtracted from a long running sum, so a far-off earlier reading costs no digits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import isnan
from typing import Final, Self, TypeVar

import numpy as np

TINY: Final = float(np.finfo(np.float64).tiny)      # divides in place of a count of 0
_OF_ALL: Final = frozenset({"count", "t_mean", "t_square"})     # fields that sensors share where no reading is missing
_EXTREMES: Final = frozenset({"low", "high"})                   # fields that an empty stretch does not have


@dataclass(frozen=True)
class Means:
    """Count and mean of stretches of readings: for who needs no more, at a third of the cost of `Moments`.

    Parameters
    ----------
    count
        Number of readings there (or the sum of what they count, where they do not count the same), shape (n, sensors),
        or (n, 1) where all sensors share it.
    mean
        Their mean, shape (n, sensors).
    """

    count: np.ndarray
    mean: np.ndarray

    @classmethod
    def empty(cls, n: int, sensors: int, *, shared: int) -> Self:
        """Of stretches without a reading; `shared` is 1 if no reading is missing, else the number of sensors."""
        return cls(*(np.full((n, shared if field.name in _OF_ALL else sensors),
                             np.nan if field.name in _EXTREMES else 0.0) for field in fields(cls)))

    def take(self, at: np.ndarray, valid: np.ndarray) -> Self:
        """The stretches at these positions; empty where not valid."""
        out, gone = self.of(np.where(valid, at, 0)), np.flatnonzero(~valid)
        if len(gone):
            hollow = self.empty(1, self.mean.shape[1], shared=self.count.shape[1])
            for field in fields(self):
                getattr(out, field.name)[gone] = getattr(hollow, field.name)
        return out

    def part(self, some: slice) -> Self:
        """Of neighbouring stretches, as views."""
        return type(self)(*(array[some] for array in vars(self).values()))

    def of(self, at: np.ndarray) -> Self:
        """Of some stretches; `take` gathers rows faster than an index does."""
        return type(self)(*(array.take(at, axis=0) for array in vars(self).values()))

    def column(self, at: int) -> Self:
        """Of one sensor, shape (n,) each."""
        return type(self)(*(array[:, at if array.shape[1] > 1 else 0] for array in vars(self).values()))

    def joined(self, other: Self, *, out: Self | None = None) -> Self:
        """Of both stretches together; `out`, which may be `other`, takes the result and saves its memory."""
        share = other.count / np.maximum(self.count + other.count, TINY)
        into = {} if out is None else vars(out)
        return type(self)(*self._joined(other, share, other.mean - self.mean, into))

    def _joined(self, other: Self, share: np.ndarray, gap: np.ndarray, into: dict[str, np.ndarray]
                ) -> tuple[np.ndarray, ...]:
        """The fields in order, from the other's share of the count and the gap between the means."""
        return (np.add(self.count, other.count, out=into.get("count")),
                np.add(self.mean, gap * share, out=into.get("mean")))

    def advance(self, raw: np.ndarray, tick: np.ndarray, there: np.ndarray | float) -> None:  # noqa: ARG002  a mean has no trend
        """One reading more for each stretch, in place; `there` is what it counts, 0 a missing one."""
        value = _value(raw, there)
        self.count[...] += there
        self.mean[...] += (value - self.mean) * (there / np.maximum(self.count, TINY))

    @staticmethod
    def followed(known: list[float], readings: Iterable[tuple[float, float, float]]) -> tuple[float, ...]:
        """What is known of one stretch of one sensor, after more readings (value, time, what it counts)."""
        count, mean = known
        for raw, _, there in readings:
            count += there
            mean += ((raw if there > 0 else 0.0) - mean) * (there / max(count, TINY))
        return count, mean


@dataclass(frozen=True)
class Spreads(Means):
    """Spread and extremes too: for who needs no trend, at half the cost of `Moments`. Shapes as in `Means`.

    Parameters
    ----------
    square
        Sum of squared deviations from the mean.
    low, high
        Extremes; NaN of an empty stretch.
    """

    square: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def _joined(self, other: Self, share: np.ndarray, gap: np.ndarray, into: dict[str, np.ndarray]
                ) -> tuple[np.ndarray, ...]:
        both = super()._joined(other, share, gap, into)
        between = gap * gap * (self.count * share)
        return (*both, np.add(self.square + other.square, between, out=into.get("square")),
                np.fmin(self.low, other.low, out=into.get("low")), np.fmax(self.high, other.high, out=into.get("high")))

    def advance(self, raw: np.ndarray, tick: np.ndarray, there: np.ndarray | float) -> None:  # noqa: ARG002  as in `Means`
        """One reading more for each stretch, in place; `there` is what it counts, 0 a missing one."""
        self._taken_in(raw, there)

    def _taken_in(self, raw: np.ndarray, there: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """The reading's share of the count, and how far it is from the new mean."""
        value = _value(raw, there)
        self.count[...] += there
        share = there / np.maximum(self.count, TINY)
        gap = value - self.mean
        self.mean[...] += gap * share
        left = (value - self.mean) * there
        self.square[...] += gap * left
        np.fmin(self.low, raw, out=self.low)
        np.fmax(self.high, raw, out=self.high)
        return share, left

    @staticmethod
    def followed(known: list[float], readings: Iterable[tuple[float, float, float]]) -> tuple[float, ...]:
        """What is known of one stretch of one sensor, after more readings (value, time, what it counts)."""
        return Moments.followed([*known, 0.0, 0.0, 0.0], readings)[: len(known)]


@dataclass(frozen=True)
class Moments(Spreads):
    """All that is known of stretches of readings; shapes as in `Means`.

    Parameters
    ----------
    t_mean, t_square, cross
        Mean time of the readings [ticks], its squared deviations, and the cross products with the values.
    """

    t_mean: np.ndarray
    t_square: np.ndarray
    cross: np.ndarray

    def _joined(self, other: Self, share: np.ndarray, gap: np.ndarray, into: dict[str, np.ndarray]
                ) -> tuple[np.ndarray, ...]:
        weight, t_gap = self.count * share, other.t_mean - self.t_mean
        return (
            *super()._joined(other, share, gap, into),
            np.add(self.t_mean, t_gap * share, out=into.get("t_mean")),
            np.add(self.t_square + other.t_square, t_gap * t_gap * weight, out=into.get("t_square")),
            np.add(self.cross + other.cross, gap * t_gap * weight, out=into.get("cross")),
        )  # fmt: skip

    def advance(self, raw: np.ndarray, tick: np.ndarray, there: np.ndarray | float) -> None:
        """One reading more for each stretch, in place; `there` is what it counts, 0 a missing one."""
        share, left = self._taken_in(raw, there)
        t_gap = tick - self.t_mean
        self.t_mean[...] += t_gap * share
        self.cross[...] += t_gap * left
        self.t_square[...] += t_gap * (tick - self.t_mean) * there

    @staticmethod
    def followed(known: list[float], readings: Iterable[tuple[float, float, float]]) -> tuple[float, ...]:
        """What is known of one stretch of one sensor, after more readings (value, time, what it counts)."""
        count, mean, square, low, high, t_mean, t_square, cross = known
        for raw, tick, there in readings:
            value = raw if there > 0 else 0.0
            count += there
            share = there / max(count, TINY)
            gap, t_gap = value - mean, tick - t_mean
            mean += gap * share
            t_mean += t_gap * share
            left = (value - mean) * there
            square += gap * left
            cross += t_gap * left
            t_square += t_gap * (tick - t_mean) * there
            low = low if low <= raw or isnan(raw) else raw
            high = high if high >= raw or isnan(raw) else raw
        return count, mean, square, low, high, t_mean, t_square, cross


M = TypeVar("M", bound=Means)


def _value(raw: np.ndarray, there: np.ndarray | float) -> np.ndarray:
    return raw if isinstance(there, float) else np.where(there > 0, raw, 0.0)
