"""Running count, mean, spread, extremes and trend along segments of a table, without a loop per segment.

Welford's recursion (Welford 1962) makes moments of short stretches, all stretches of similar length
advancing together; neighbouring stretches are joined by the formulas of Chan, Golub and LeVeque
(1983). Nothing is ever subtracted from a long running sum, so a far-off earlier reading costs no digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

AT_ONCE: Final = 2048       # segments that advance together: their state stays in the processor's cache
TINY: Final = np.finfo(np.float64).tiny     # divides in place of a count of 0


@dataclass(frozen=True)
class Moments:
    """What is known of a stretch of readings; shape (n, sensors), or (n, 1) where all sensors share it.

    Parameters
    ----------
    count, mean, square
        Number of readings there (or the sum of what they count, where they do not count the same), their mean,
        and the sum of squared deviations from it.
    low, high
        Extremes; NaN of an empty stretch.
    t_mean, t_square, cross
        Mean time of the readings [ticks], its squared deviations, and the cross products with the values.
    """

    count: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    low: np.ndarray
    high: np.ndarray
    t_mean: np.ndarray
    t_square: np.ndarray
    cross: np.ndarray

    @classmethod
    def empty(cls, n: int, sensors: int, *, shared: int) -> "Moments":
        """Of stretches without a reading; `shared` is 1 if no reading is missing, else the number of sensors."""
        wide, narrow = (n, sensors), (n, shared)
        return cls(np.zeros(narrow), np.zeros(wide), np.zeros(wide), np.full(wide, np.nan), np.full(wide, np.nan),
                   np.zeros(narrow), np.zeros(narrow), np.zeros(wide))

    def take(self, at: np.ndarray, valid: np.ndarray) -> "Moments":
        """The stretches at these positions; empty where not valid."""
        hollow = Moments.empty(1, self.mean.shape[1], shared=self.count.shape[1])
        out, gone = self.of(at), np.flatnonzero(~valid)
        for field in fields(self):
            getattr(out, field.name)[gone] = getattr(hollow, field.name)
        return out

    def first(self, n: int) -> "Moments":
        """Of the first stretches, as views."""
        return Moments(*(getattr(self, field.name)[:n] for field in fields(self)))

    def of(self, at: np.ndarray) -> "Moments":
        """Of some stretches; `take` gathers rows faster than an index does."""
        return Moments(*(getattr(self, field.name).take(at, axis=0) for field in fields(self)))

    def column(self, at: int) -> "Moments":
        """Of one sensor, shape (n,) each."""
        arrays = (getattr(self, field.name) for field in fields(self))
        return Moments(*(array[:, at if array.shape[1] > 1 else 0] for array in arrays))

    def joined(self, other: "Moments") -> "Moments":
        """Of both stretches together."""
        n = self.count + other.count
        share = other.count / np.maximum(n, TINY)
        weight = self.count * share
        gap, t_gap = other.mean - self.mean, other.t_mean - self.t_mean
        return Moments(
            n, self.mean + gap * share, self.square + other.square + gap * gap * weight,
            np.fmin(self.low, other.low), np.fmax(self.high, other.high),
            self.t_mean + t_gap * share, self.t_square + other.t_square + t_gap * t_gap * weight,
            self.cross + other.cross + gap * t_gap * weight,
        )  # fmt: skip


def pieces(values: np.ndarray, ticks: np.ndarray, starts: np.ndarray, weights: np.ndarray | None = None) -> Moments:
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

    Examples
    --------
    >>> moments = pieces(np.array([[1.0], [3.0], [10.0]]), np.arange(3.0), starts=np.array([0, 2]))
    >>> moments.mean.ravel(), moments.high.ravel()
    (array([ 2., 10.]), array([ 3., 10.]))
    """
    there = ~np.isnan(values)
    counts = None if weights is None and there.all() else there * (1.0 if weights is None else weights)
    shared = 1 if counts is None else values.shape[1]
    out = Moments.empty(len(starts), values.shape[1], shared=shared)
    for member, first, lengths in _batches(starts, len(values), backwards=False):
        state = Moments.empty(len(first), values.shape[1], shared=shared)
        for j in range(lengths[0]):
            alive = int(np.searchsorted(-lengths, -j))      # segments longer than j; they come first
            at = first[:alive] + j
            _advance(state, alive, values[at], ticks[at][:, None], 1.0 if counts is None else counts[at])
        for field in fields(Moments):
            getattr(out, field.name)[member] = getattr(state, field.name)
    return out


def running(cells: Moments, starts: np.ndarray, wanted: np.ndarray, *, backwards: bool) -> Moments:
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
    >>> cells = pieces(np.array([[1.0], [3.0], [8.0]]), np.arange(3.0), starts=np.arange(3))
    >>> running(cells, np.array([0]), np.arange(3), backwards=True).mean.ravel()
    array([4. , 5.5, 8. ])
    """
    n, (sensors, shared) = len(cells.count), (cells.mean.shape[1], cells.count.shape[1])
    is_wanted = np.zeros(n, dtype=bool)
    is_wanted[wanted] = True
    out, place, filled = Moments.empty(len(wanted), sensors, shared=shared), np.zeros(n, dtype=np.int64), 0
    for _, first, lengths in _batches(starts, n, backwards=backwards):
        state = Moments.empty(len(first), sensors, shared=shared)
        for j in range(lengths[0]):
            alive = int(np.searchsorted(-lengths, -j))
            at = first[:alive] + (-j if backwards else j)
            state = state.first(alive).joined(cells.of(at))
            hit = np.flatnonzero(is_wanted[at])
            place[at[hit]] = np.arange(filled, filled + len(hit))
            for field in fields(Moments):
                getattr(state, field.name).take(hit, axis=0, out=getattr(out, field.name)[filled : filled + len(hit)],
                                                mode="clip")
            filled += len(hit)
    return out.of(place[wanted])


def running_moments(
    values: np.ndarray, ticks: np.ndarray, starts: np.ndarray, wanted: np.ndarray,
    weights: np.ndarray | None = None, *, backwards: bool = False,
) -> Moments:  # fmt: skip
    """Moments from the start of each reading's segment to the reading (from it to the end, if backwards).

    Parameters
    ----------
    values, ticks, starts, weights
        As for `pieces`.
    wanted
        Positions at which moments are asked for, without repetition.

    Examples
    --------
    >>> values, ticks = np.array([[1.0], [3.0], [8.0]]), np.arange(3.0)
    >>> running_moments(values, ticks, starts=np.array([0]), wanted=np.array([0, 1, 2])).mean.ravel()
    array([1., 2., 4.])
    """
    edges = np.union1d(starts, wanted if backwards else wanted[wanted < len(values) - 1] + 1)
    asked = np.searchsorted(edges, wanted, side="right") - 1
    return running(pieces(values, ticks, edges, weights), np.searchsorted(edges, starts), asked, backwards=backwards)


def _batches(starts: np.ndarray, n: int, *, backwards: bool) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Which segments, where to begin, how far to go: longest first, lengths within a power of two."""
    lengths = np.diff(np.append(starts, n))
    size = np.frexp(lengths)[1]
    for each in np.unique(size):
        member = np.flatnonzero(size == each)
        member = member[np.argsort(-lengths[member], kind="stable")]
        for few in np.split(member, range(AT_ONCE, len(member), AT_ONCE)):
            yield few, starts[few] + (lengths[few] - 1 if backwards else 0), lengths[few]


def _advance(state: Moments, alive: int, raw: np.ndarray, tick: np.ndarray, there: np.ndarray | float) -> None:
    """One reading more for the first `alive` segments, in place; `there` is what it counts, 0 a missing one."""
    now = state.first(alive)
    value = raw if isinstance(there, float) else np.where(there > 0, raw, 0.0)
    now.count[...] += there
    share = there / np.maximum(now.count, TINY)
    gap, t_gap = value - now.mean, tick - now.t_mean
    now.mean[...] += gap * share
    now.t_mean[...] += t_gap * share
    left = (value - now.mean) * there
    now.square[...] += gap * left
    now.cross[...] += t_gap * left
    now.t_square[...] += t_gap * (tick - now.t_mean) * there
    np.fmin(now.low, raw, out=now.low)
    np.fmax(now.high, raw, out=now.high)


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
