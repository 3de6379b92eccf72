"""Running count, mean, spread, extremes and trend along segments of a table, without a loop per segment.

Short stretches take their readings in, all stretches of similar length advancing together; then neighbouring ones are
joined. The formulas are those of `moments`.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

import numpy as np

from oilcan.core.features.moments import M, Means

AT_ONCE: Final = 2048       # segments that advance together: their state stays in the processor's cache
_FEW: Final = 24            # numbers of all segments that still go on, below which plain numbers are faster than arrays


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
    >>> from oilcan.core.features.moments import Moments
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
            state.part(slice(alive)).advance(values[at], ticks[at][:, None], 1.0 if counts is None else counts[at])
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


def running(cells: M, starts: np.ndarray, *, backwards: bool) -> tuple[M, np.ndarray]:
    """Moments from the start of each cell's segment to the cell, both included (from it to the end, if backwards).

    Parameters
    ----------
    cells
        Neighbouring stretches of readings.
    starts
        First cell of each segment, ascending; they cover the cells.

    Returns
    -------
    One entry per cell, in the order in which they were computed, and the place of each cell among them.

    Examples
    --------
    >>> cells = pieces(np.array([[1.0], [3.0], [8.0]]), np.arange(3.0), starts=np.arange(3), kind=Means)
    >>> found, place = running(cells, np.array([0]), backwards=True)
    >>> found.mean[place].ravel()
    array([4. , 5.5, 8. ])
    """
    n = len(cells.count)
    out = type(cells)(*(np.empty_like(array) for array in vars(cells).values()))
    place, filled = np.empty(n, dtype=np.int64), 0
    for _, first, lengths in _batches(starts, n, backwards=backwards):
        alive = np.searchsorted(-lengths, -np.arange(lengths[0]))       # segments longer than j; they come first
        ends = np.cumsum(alive)
        step = np.repeat(np.arange(lengths[0]), alive)
        at = first[np.arange(ends[-1]) - (ends - alive)[step]] + (-step if backwards else step)
        place[at] = np.arange(filled, filled + len(at))
        state = out.part(slice(filled, filled + len(at)))
        for field in fields(cells):
            getattr(cells, field.name).take(at, axis=0, out=getattr(state, field.name), mode="clip")
        for begin, after, end in zip(ends[:-1] - alive[:-1], ends[:-1], ends[1:], strict=True):
            now = state.part(slice(after, end))
            state.part(slice(begin, begin + end - after)).joined(now, out=now)
        filled += len(at)
    return out, place


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
    found, place = running(cells, np.searchsorted(edges, starts), backwards=backwards)
    return found.of(place[asked])


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
