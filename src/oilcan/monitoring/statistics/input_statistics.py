"""How far have the readings of a window moved from the reference?

Five numbers a column:

- `shift`: mean deviation of the machines from their own level, each cut off at a few of its usual weekly deviations;
- `together`: sudden steps of several machines in one direction. A step is the change over two slots minus the changes
  just before and after it, so a fault that grows slowly is not a step. Machines with maintenance a slot away do not
  count. At least one machine in twenty, and at least two, must have stepped this far in the same slot: faults
  step machines too, but seldom two at once;
- `largest`: the largest such step of one machine;
- `psi`: population stability index of the deviations, bins from the reference alone;
- `wasserstein`: distance of the two distributions in reference standard deviations.
"""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.judging.robust_statistics import MAD_TO_SD, stability_index
from oilcan.monitoring.statistics.cells import UNIT, Cells

STATISTICS: Final = ("shift", "together", "largest", "psi", "wasserstein")
ALERTING: Final = ("shift", "together", "psi", "wasserstein")      # the largest step of one machine is a notice
OF_MACHINES: Final = ("together", "largest")      # each machine steps by itself; the others see what all share
REACH: Final = 3                        # slots before and after one that its step is estimated from
NEAR: Final = 1                         # slots around work or a failure in which a step is explained by it
LAG: Final = REACH + 1                  # slots after one until its step is known
WINSOR: Final = 2.5                     # usual deviations of a machine's window at which it is cut off
TOGETHER: Final = 0.05                  # share of the machines that `together` asks for
_HALF_ROW: Final = 0.5


@dataclass(frozen=True)
class JumpScale:
    """Usual steps by column: the 99 % and 99.9 % quantile over machines and slots, shape (c,)."""

    usual: np.ndarray
    rare: np.ndarray

    @classmethod
    def learn(cls, steps: np.ndarray) -> "JumpScale":
        """From the steps of the reference, shape (m, t, c); infinite where there are too few to say."""
        usual, rare = np.full(steps.shape[2], np.inf), np.full(steps.shape[2], np.inf)
        for at in range(steps.shape[2]):
            known = np.abs(steps[:, :, at][~np.isnan(steps[:, :, at])])
            if len(known) >= 500:
                usual[at], rare[at] = np.quantile(known, 0.99), np.quantile(known, 0.999)
        return cls(usual, np.maximum(rare, usual + 1e-6))

    def score(self, steps: np.ndarray) -> np.ndarray:
        """Sizes of steps as 0 at the usual one and 1 at the rare one, with the sign of the step; columns last."""
        is_known = np.isfinite(self.usual)
        usual, rare = np.where(is_known, self.usual, 0.0), np.where(is_known, self.rare, 1.0)
        size = np.maximum((np.abs(steps) - usual) / (rare - usual), 0.0)
        return np.where(is_known, np.sign(steps) * size, np.nan)


def slot_means(n: np.ndarray, total: np.ndarray, *, fewest: int) -> np.ndarray:
    """Mean deviation of each cell in reference standard deviations; NaN with fewer readings."""
    return np.where(n >= fewest, total / UNIT / np.maximum(n, 1), np.nan)


def steps_of(means: np.ndarray, is_explained: np.ndarray) -> np.ndarray:
    """Sudden step around each slot, with its sign; NaN where it is unknown or explained.

    Parameters
    ----------
    means
        Shape (m, t, c).
    is_explained
        Slots with a failure or work on the machine, shape (m, t).

    Returns
    -------
    Shape (m, t, c): a step from a slot to the next. The change from the slot before to the slot after, beyond the
    larger of the two changes that adjoin it, as the mean of both slots. A step of size one gives one, a ramp nothing.

    Examples
    --------
    >>> line = np.array([0, 0, 0, 0, 1, 1, 1, 1.0])[None, :, None]
    >>> steps_of(line, np.zeros((1, 8), dtype=bool))[0, :, 0]
    array([nan, nan, nan,  1., nan, nan, nan, nan])
    """
    out = np.full(means.shape, np.nan)
    if means.shape[1] < 2 * REACH + 1:
        return out
    change = means[:, 2:] - means[:, :-2]                               # of slot i + 1
    middle, before, after = change[:, 2:-2], change[:, :-4], change[:, 4:]
    out[:, 3:-3] = np.sign(middle) * np.maximum(np.abs(middle) - np.maximum(np.abs(before), np.abs(after)), 0.0)
    near = is_explained.copy()
    for gap in range(1, NEAR + 1):
        near[:, gap:] |= is_explained[:, :-gap]
        near[:, :-gap] |= is_explained[:, gap:]
    out[near] = np.nan
    out[:, :-1] = (out[:, :-1] + out[:, 1:]) / 2
    out[:, -1] = np.nan
    return out


@dataclass(frozen=True)
class MachineWindows:
    """What each machine adds to the statistics of each window; w windows, m machines, c columns.

    Attributes
    ----------
    deviation
        Mean deviation of the window, NaN with too few readings, shape (w, m, c).
    jump
        Steps at the slots of the window as `JumpScale.score` has them, shape (w, m, c, s); NaN where there is none.
    histogram
        Readings by bin, shape (w, m, c, bins).
    """

    deviation: np.ndarray
    jump: np.ndarray
    histogram: np.ndarray

    def window(self, at: int) -> "MachineWindows":
        """One of them."""
        return MachineWindows(self.deviation[at: at + 1], self.jump[at: at + 1], self.histogram[at: at + 1])

    @classmethod
    def of(cls, cells: Cells, is_explained: np.ndarray, scale: JumpScale, first_slots: np.ndarray, *,
           fewest: int, fewest_slot: int) -> "MachineWindows":
        """Windows between consecutive `first_slots`, of which the last only ends one.

        Parameters
        ----------
        is_explained
            As in `steps_of`, for the slots of `cells`.
        """
        steps = scale.score(steps_of(slot_means(cells.n, cells.total, fewest=fewest_slot), is_explained))
        bounds = np.clip(first_slots - cells.first_slot, 0, cells.slots)
        pieces = [slice(*pair) for pair in itertools.pairwise(bounds)]
        n = np.stack([cells.n[:, piece].sum(axis=1) for piece in pieces])
        total = np.stack([cells.total[:, piece].sum(axis=1) for piece in pieces])
        longest = max((piece.stop - piece.start for piece in pieces), default=0)
        jump = np.stack([_padded(steps[:, max(0, piece.start - LAG): max(0, piece.stop - LAG)], longest)
                         for piece in pieces])
        histogram = np.stack([cells.histogram[:, piece].sum(axis=1, dtype=np.int64) for piece in pieces])
        return cls(slot_means(n, total, fewest=fewest), jump, histogram)


def usual_deviation(deviation: np.ndarray) -> np.ndarray:
    """Robust standard deviation of a machine's window by column, shape (c,)."""
    out = np.ones(deviation.shape[-1])
    for at in range(len(out)):
        known = deviation[..., at][~np.isnan(deviation[..., at])]
        out[at] = max(MAD_TO_SD * float(np.median(np.abs(known))), 1e-3) if len(known) else 1.0
    return out


def shared_statistics(windows: MachineWindows, weights: np.ndarray, usual: np.ndarray, edges: np.ndarray,
                      shares: np.ndarray) -> dict[str, np.ndarray]:
    """`shift`, `psi` and `wasserstein` of one window in which machine m counts `weights[., m]` times.

    Parameters
    ----------
    windows
        Of one window, w = 1.
    weights
        Shape (draws, m).
    usual
        From `usual_deviation`.
    edges, shares
        Of the reference.

    Returns
    -------
    Each of shape (draws, c); NaN where no machine says anything.
    """
    deviation = windows.deviation[0]
    cut = np.clip(np.where(np.isnan(deviation), 0.0, deviation), -WINSOR * usual, WINSOR * usual)
    count = weights @ (~np.isnan(deviation)).astype(float)
    shape = windows.histogram.shape[2:]
    total = (weights @ windows.histogram[0].reshape(weights.shape[1], -1).astype(float)).reshape(-1, *shape)
    mean = np.abs(weights @ cut / np.maximum(count, 1))
    return {"shift": np.where(count > 0, mean, np.nan), "psi": psi(total, shares),
            "wasserstein": wasserstein(total, edges, shares)}


def step_statistics(jump: np.ndarray) -> dict[str, np.ndarray]:
    """`together` and `largest` of windows, from the scored steps of their machines.

    Parameters
    ----------
    jump
        Shape (draws, m, c, s), NaN where a machine says nothing.

    Returns
    -------
    Each of shape (draws, c).

    Examples
    --------
    >>> scores = np.array([[3.0, 0.0], [2.0, 5.0], [-9.0, 0.0], [0.0, 0.0]])[None, :, None]
    >>> {name: values.item() for name, values in step_statistics(scores).items()}
    {'together': 2.0, 'largest': 9.0}
    """
    there = ~np.isnan(jump)
    known, scores = there.any(axis=3).sum(axis=1), np.where(there, jump, 0.0)
    largest = np.where(known > 0, np.abs(scores).max(axis=(1, 3), initial=0.0), np.nan)
    if jump.shape[1] < 2:
        return {"together": np.full(known.shape, np.nan), "largest": largest}
    wanted = max(2, round(TOGETHER * jump.shape[1]))
    together = np.abs(common_steps(scores, wanted)).max(axis=2, initial=0.0)
    return {"together": np.where(known >= wanted, together, np.nan), "largest": largest}


def common_steps(scores: np.ndarray, wanted: int) -> np.ndarray:
    """How far at least so many machines have stepped in one direction, by slot, with the sign; (draws, m, c, s) in."""
    up = np.partition(scores, -wanted, axis=1)[:, -wanted]
    down = np.partition(scores, wanted - 1, axis=1)[:, wanted - 1]
    return np.where(up >= -down, np.maximum(up, 0.0), np.minimum(down, 0.0))


def common_step_slot(jump: np.ndarray) -> int:
    """Slot of the strongest common step of one column, shape (m, s)."""
    scores = np.nan_to_num(jump)[None, :, None]
    wanted = min(len(jump), max(2, round(TOGETHER * len(jump))))
    return int(np.abs(common_steps(scores, wanted))[0, 0].argmax())


def statistics(windows: MachineWindows, usual: np.ndarray, edges: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """All STATISTICS of each window, shape (w, c, number of STATISTICS)."""
    rows = []
    for at in range(len(windows.deviation)):
        one = windows.window(at)
        every = np.ones((1, one.deviation.shape[1]))
        found = shared_statistics(one, every, usual, edges, shares) | step_statistics(one.jump)
        rows.append(np.stack([found[name][0] for name in STATISTICS], axis=1))
    return np.stack(rows)


def psi(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Population stability index of counts by bin against the shares of the reference, natural logarithm.

    A bin that is empty in either counts as half a row, so the result is finite.

    Parameters
    ----------
    counts
        Shape (..., c, bins).
    shares
        Shape (c, bins).

    Examples
    --------
    >>> psi(np.array([[50.0, 50.0]]), np.array([[0.5, 0.5]])).tolist()
    [0.0]
    """
    n = counts.sum(axis=-1, keepdims=True)
    half = _HALF_ROW / np.maximum(n, 1)
    current = np.maximum(counts / np.maximum(n, 1), half)
    reference = np.maximum(shares, half)
    return np.where(n[..., 0] > 0, stability_index(current, reference), np.nan)


def wasserstein(counts: np.ndarray, edges: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """First Wasserstein distance in reference standard deviations, between the outer edges of the bins.

    The integral of the difference of the two distribution functions, which are known at the edges and taken as
    straight between them; what lies beyond the outer edges is not measured.

    Examples
    --------
    >>> edges, shares = np.array([[0.0, 1.0]]), np.array([[0.5, 0.0, 0.5]])
    >>> wasserstein(np.array([[0.0, 0.0, 10.0]]), edges, shares).tolist()
    [0.5]
    """
    n = counts.sum(axis=-1, keepdims=True)
    gap = np.cumsum(counts / np.maximum(n, 1) - shares, axis=-1)[..., :-1]
    width = np.diff(edges, axis=-1)
    value = (np.abs(gap[..., 1:] + gap[..., :-1]) / 2 * width).sum(axis=-1)
    return np.where(n[..., 0] > 0, value, np.nan)


def _padded(steps: np.ndarray, slots: int) -> np.ndarray:
    """Steps with the columns before the slots, filled up with NaN; (m, t, c) in, (m, c, slots) out."""
    out = np.full((steps.shape[0], steps.shape[2], slots), np.nan)
    out[:, :, : steps.shape[1]] = steps.transpose(0, 2, 1)
    return out
