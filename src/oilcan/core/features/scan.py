"""Running count, mean, spread, extremes and trend along segments of a table, without a loop per segment.

Welford's recursion (Welford 1962) makes moments of short stretches, all stretches of similar length
advancing together; neighbouring stretches are joined by the formulas of Chan, Golub and LeVeque
(1983). Nothing is ever subtracted from a long running sum, so a far-off earlier reading costs no digits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from math import isnan
from typing import Final, Self, TypeVar

import numpy as np

AT_ONCE: Final = 2048       # segments that advance together: their state stays in the processor's cache
_FEW: Final = 24            # numbers of all segments that still go on, below which plain numbers are faster than arrays
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
        hollow = self.empty(1, self.mean.shape[1], shared=self.count.shape[1])
        out, gone = self.of(at), np.flatnonzero(~valid)
        for field in fields(self):
            getattr(out, field.name)[gone] = getattr(hollow, field.name)
        return out

    def first(self, n: int) -> Self:
        """Of the first stretches, as views."""
        return type(self)(*(array[:n] for array in vars(self).values()))

    def of(self, at: np.ndarray) -> Self:
        """Of some stretches; `take` gathers rows faster than an index does."""
        return type(self)(*(array.take(at, axis=0) for array in vars(self).values()))

    def column(self, at: int) -> Self:
        """Of one sensor, shape (n,) each."""
        return type(self)(*(array[:, at if array.shape[1] > 1 else 0] for array in vars(self).values()))

    def joined(self, other: Self) -> Self:
        """Of both stretches together."""
        n = self.count + other.count
        return type(self)(n, self.mean + (other.mean - self.mean) * (other.count / np.maximum(n, TINY)))

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
class Moments(Means):
    """All that is known of stretches of readings; shapes as in `Means`.

    Parameters
    ----------
    square
        Sum of squared deviations from the mean.
    low, high
        Extremes; NaN of an empty stretch.
    t_mean, t_square, cross
        Mean time of the readings [ticks], its squared deviations, and the cross products with the values.
    """

    square: np.ndarray
    low: np.ndarray
    high: np.ndarray
    t_mean: np.ndarray
    t_square: np.ndarray
    cross: np.ndarray

    def joined(self, other: Self) -> Self:
        """Of both stretches together."""
        n = self.count + other.count
        share = other.count / np.maximum(n, TINY)
        weight = self.count * share
        gap, t_gap = other.mean - self.mean, other.t_mean - self.t_mean
        return type(self)(
            n, self.mean + gap * share, self.square + other.square + gap * gap * weight,
            np.fmin(self.low, other.low), np.fmax(self.high, other.high),
            self.t_mean + t_gap * share, self.t_square + other.t_square + t_gap * t_gap * weight,
            self.cross + other.cross + gap * t_gap * weight,
        )  # fmt: skip

    def advance(self, raw: np.ndarray, tick: np.ndarray, there: np.ndarray | float) -> None:
        """One reading more for each stretch, in place; `there` is what it counts, 0 a missing one."""
        value = _value(raw, there)
        self.count[...] += there
        share = there / np.maximum(self.count, TINY)
        gap, t_gap = value - self.mean, tick - self.t_mean
        self.mean[...] += gap * share
        self.t_mean[...] += t_gap * share
        left = (value - self.mean) * there
        self.square[...] += gap * left
        self.cross[...] += t_gap * left
        self.t_square[...] += t_gap * (tick - self.t_mean) * there
        np.fmin(self.low, raw, out=self.low)
        np.fmax(self.high, raw, out=self.high)

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


def pieces(values: np.ndarray, ticks: np.ndarray, starts: np.ndarray, weights: np.ndarray | None = None, *,
           kind: type[M]) -> M:
    """Moments of whole segments.

    Parameters
    ----------
    values
        Shape (n, sensors), NaN where missing.
    ticks
        Time of the readings, shape (n,).
    starts
        First position of each segment, ascending; they cover the table.
    weights
        What each reading counts, above 0, shape of `values`; None counts all as 1.
    kind
        `Moments`, or `Means` where no more is needed.

    Examples
    --------
    >>> moments = pieces(np.array([[1.0], [3.0], [10.0]]), np.arange(3.0), starts=np.array([0, 2]), kind=Moments)
    >>> moments.mean.ravel(), moments.high.ravel()
    (array([ 2., 10.]), array([ 3., 10.]))
    """
    there = ~np.isnan(values)
    counts = None if weights is None and there.all() else there * (1.0 if weights is None else weights)
    shared = 1 if counts is None else values.shape[1]
    out = kind.empty(len(starts), values.shape[1], shared=shared)
    for member, first, lengths in _batches(starts, len(values), backwards=False):
        state = kind.empty(len(first), values.shape[1], shared=shared)
        for j in range(lengths[0]):
            alive = int(np.searchsorted(-lengths, -j))      # segments longer than j; they come first
            if alive * values.shape[1] <= _FEW:
                for stretch in range(alive):
                    rest = slice(first[stretch] + j, first[stretch] + lengths[stretch])
                    _go_on(state, stretch, values[rest], ticks[rest], None if counts is None else counts[rest])
                break
            at = first[:alive] + j
            state.first(alive).advance(values[at], ticks[at][:, None], 1.0 if counts is None else counts[at])
        for field in fields(kind):
            getattr(out, field.name)[member] = getattr(state, field.name)
    return out


def _go_on(state: Means, at: int, values: np.ndarray, ticks: np.ndarray, counts: np.ndarray | None) -> None:
    """All readings that follow in one stretch, in place, in plain numbers: of so few, arrays cost more than sums."""
    begun, instants = state.of(np.array([at])), ticks.tolist()
    for sensor in range(values.shape[1]):
        there = [1.0] * len(values) if counts is None else counts[:, sensor].tolist()
        known = [float(value[0]) for value in vars(begun.column(sensor)).values()]
        after = state.followed(known, zip(values[:, sensor].tolist(), instants, there, strict=True))
        for field, value in zip(fields(state), after, strict=True):
            array = getattr(state, field.name)
            array[at, sensor if array.shape[1] > 1 else 0] = value


def running(cells: M, starts: np.ndarray, wanted: np.ndarray, *, backwards: bool) -> M:
    """Moments from the start of each cell's segment to the cell, both included (from it to the end, if backwards).

    Parameters
    ----------
    cells
        Neighbouring stretches of readings.
    starts
        First cell of each segment, ascending; they cover the cells.
    wanted
        Cells at which moments are asked for, without repetition.

    Returns
    -------
    One entry per wanted cell.

    Examples
    --------
    >>> cells = pieces(np.array([[1.0], [3.0], [8.0]]), np.arange(3.0), starts=np.arange(3), kind=Means)
    >>> running(cells, np.array([0]), np.arange(3), backwards=True).mean.ravel()
    array([4. , 5.5, 8. ])
    """
    n, (sensors, shared) = len(cells.count), (cells.mean.shape[1], cells.count.shape[1])
    is_wanted = np.zeros(n, dtype=bool)
    is_wanted[wanted] = True
    out, place, filled = cells.empty(len(wanted), sensors, shared=shared), np.zeros(n, dtype=np.int64), 0
    for _, first, lengths in _batches(starts, n, backwards=backwards):
        state = cells.empty(len(first), sensors, shared=shared)
        for j in range(lengths[0]):
            alive = int(np.searchsorted(-lengths, -j))
            at = first[:alive] + (-j if backwards else j)
            state = state.first(alive).joined(cells.of(at))
            hit = np.flatnonzero(is_wanted[at])
            place[at[hit]] = np.arange(filled, filled + len(hit))
            for field in fields(cells):
                getattr(state, field.name).take(hit, axis=0, out=getattr(out, field.name)[filled : filled + len(hit)],
                                                mode="clip")
            filled += len(hit)
    return out.of(place[wanted])


def running_moments(
    values: np.ndarray, ticks: np.ndarray, starts: np.ndarray, wanted: np.ndarray,
    weights: np.ndarray | None = None, *, backwards: bool = False, kind: type[M],
) -> M:  # fmt: skip
    """Moments from the start of each reading's segment to the reading (from it to the end, if backwards).

    Parameters
    ----------
    values, ticks, starts, weights, kind
        As for `pieces`.
    wanted
        Positions at which moments are asked for, without repetition.

    Examples
    --------
    >>> values, ticks = np.array([[1.0], [3.0], [8.0]]), np.arange(3.0)
    >>> running_moments(values, ticks, starts=np.array([0]), wanted=np.arange(3), kind=Means).mean.ravel()
    array([1., 2., 4.])
    """
    edges = np.union1d(starts, wanted if backwards else wanted[wanted < len(values) - 1] + 1)
    asked = np.searchsorted(edges, wanted, side="right") - 1
    cells = pieces(values, ticks, edges, weights, kind=kind)
    return running(cells, np.searchsorted(edges, starts), asked, backwards=backwards)


def _batches(starts: np.ndarray, n: int, *, backwards: bool) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Which segments, where to begin, how far to go: longest first, lengths within a power of two."""
    lengths = np.diff(np.append(starts, n))
    size = np.frexp(lengths)[1]
    for each in np.unique(size):
        member = np.flatnonzero(size == each)
        member = member[np.argsort(-lengths[member], kind="stable")]
        for few in np.split(member, range(AT_ONCE, len(member), AT_ONCE)):
            yield few, starts[few] + (lengths[few] - 1 if backwards else 0), lengths[few]


def decayed_sums(terms: np.ndarray, decay: np.ndarray) -> np.ndarray:
    """S_i = S_(i-1) * decay_i + terms_i along the first axis.

    Rows are cut into about sqrt(n) blocks that advance together; then each block receives what the
    one before it ended with. That is exactly the recursion, in 2 sqrt(n) vector steps.

    Parameters
    ----------
    terms
        Shape (n, k).
    decay
        Shape (n,), in [0, 1]; 0 begins a new machine.

    Examples
    --------
    >>> decayed_sums(np.array([[1.0], [1.0], [1.0]]), np.array([0.0, 0.5, 0.5])).ravel()
    array([1.  , 1.5 , 1.75])
    """
    n, k = terms.shape
    length = max(1, int(np.sqrt(n)))
    blocks = -(-n // length)
    sums = np.zeros((blocks * length, k))
    sums[:n] = terms
    factor = np.zeros(blocks * length)
    factor[:n] = decay
    sums = np.ascontiguousarray(sums.reshape(blocks, length, k).transpose(1, 0, 2))
    factor = np.ascontiguousarray(factor.reshape(blocks, length).T)[:, :, None]
    for j in range(1, length):
        sums[j] += factor[j] * sums[j - 1]
        factor[j] *= factor[j - 1]
    carry = np.zeros((blocks, k))
    for b in range(1, blocks):
        carry[b] = sums[-1, b - 1] + factor[-1, b - 1] * carry[b - 1]
    sums += factor * carry
    return sums.transpose(1, 0, 2).reshape(blocks * length, k)[:n]
