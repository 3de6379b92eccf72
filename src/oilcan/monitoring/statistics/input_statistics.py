"""How far have the readings of a window moved from the reference?

Five numbers a column:

- `shift`: mean deviation of the machines from their own level, each cut off at a few of its usual weekly deviations;
- `together`: sudden steps of several machines in one direction in the same slot. `machine_steps` scores how rare the
  step of each machine is; the statistic says how surprising it is that so many machines have such scores at once;
- `largest`: the largest such score of one machine;
- `psi`: population stability index of the deviations, bins from the reference alone;
- `wasserstein`: distance of the two distributions in reference standard deviations.
"""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.robust_statistics import MAD_TO_SD, stability_index
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.machine_steps import LAG, StepScale, cut_off, slot_means

STATISTICS: Final = ("shift", "together", "largest", "psi", "wasserstein")
ALERTING: Final = ("shift", "together", "psi", "wasserstein")      # the largest step of one machine is a notice
OF_MACHINES: Final = ("together", "largest")      # each machine steps by itself; the others see what all share
WINSOR: Final = 2.5                     # usual deviations of a machine's window at which it is cut off
_COMMON: Final = 0.2                    # share of the machines up to which steps are a matter of some; beyond, of all
_HALF_ROW: Final = 0.5


@dataclass(frozen=True)
class MachineWindows:
    """What each machine adds to the statistics of each window; w windows, m machines, c columns.

    Attributes
    ----------
    deviation
        Mean deviation of the window, NaN with too few readings, shape (w, m, c).
    jump
        Scores of steps at the slots of the window, see `StepScale`, shape (w, m, c, s); NaN where there is none.
    histogram
        Readings by bin, shape (w, m, c, bins).
    """

    deviation: np.ndarray
    jump: np.ndarray
    histogram: np.ndarray

    def some(self, at: slice) -> "MachineWindows":
        """Some of them, in order."""
        return MachineWindows(self.deviation[at], self.jump[at], self.histogram[at])

    def window(self, at: int) -> "MachineWindows":
        """One of them."""
        return self.some(slice(at, at + 1))

    @classmethod
    def of(cls, cells: Cells, is_explained: np.ndarray, scale: StepScale, first_slots: np.ndarray, *,
           fewest: int, fewest_slot: int) -> "MachineWindows":
        """Windows between consecutive `first_slots`, of which the last only ends one.

        Parameters
        ----------
        is_explained
            As in `steps_of`, for the slots of `cells`.
        """
        steps = scale.scores(slot_means(cells.n, cells.total, fewest=fewest_slot), is_explained)
        steps[cut_off(cells.n, cells.readings, fewest=fewest_slot)] = np.nan
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
    >>> scores = np.array([[3.0, 0.0], [3.0, 5.0], [-9.0, 0.0], [0.0, 0.0]])[None, :, None]
    >>> {name: values.round(1).item() for name, values in step_statistics(scores).items()}
    {'together': 4.8, 'largest': 9.0}
    """
    there = ~np.isnan(jump)
    known, scores = there.any(axis=3).sum(axis=1), np.where(there, jump, 0.0)
    largest = np.where(known > 0, np.abs(scores).max(axis=(1, 3), initial=0.0), np.nan)
    together = np.abs(common_steps(scores)[0]).max(axis=2, initial=0.0)
    return {"together": np.where(known >= 2, together, np.nan), "largest": largest}


def common_steps(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How surprising it is that machines step together, by slot, with the sign of the steps; and how many they are.

    Of m machines k have a step whose chance is at most p. The statistic of Berk and Jones (Goodness-of-fit test
    statistics that dominate the Kolmogorov statistics, Zeitschrift fuer Wahrscheinlichkeitstheorie 47, 1979) is m times
    the divergence of k / m from p; here its largest value over k, in powers of ten, from two machines to a fifth.

    Parameters
    ----------
    scores
        Shape (draws, m, c, s), 0 where a machine says nothing.

    Returns
    -------
    Each of shape (draws, c, s).
    """
    machines = scores.shape[1]
    shape = (len(scores), *scores.shape[2:])        # also of no machine at all
    best, count = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    counts = _counts(machines)
    for sign in (1.0, -1.0) if counts else ():
        by_machine = np.ascontiguousarray(np.moveaxis(scores, 1, -1))
        by_machine *= -sign
        by_machine.partition(counts[-1] - 1, axis=-1)               # then few are sorted: four times as fast
        strongest = np.sort(by_machine[..., : counts[-1]], axis=-1)
        for k in counts:
            chance = np.minimum(10.0 ** strongest[..., k - 1], k / machines)
            share = k / machines
            value = machines * (share * np.log10(share / chance)
                                + (1 - share) * np.log10((1 - share) / (1 - chance)) if share < 1
                                else -np.log10(chance))
            is_more = value > np.abs(best)
            best, count = np.where(is_more, sign * value, best), np.where(is_more, k, count)
    return best, count


def _counts(machines: int) -> list[int]:
    """From two machines to a fifth of all, in steps of about a quarter.

    Examples
    --------
    >>> _counts(3), _counts(50)
    ([2], [2, 3, 4, 5, 6, 7, 8, 10])
    """
    if machines < 2:
        return []
    found = [2]
    while found[-1] + max(1, found[-1] // 4) <= _COMMON * machines:
        found.append(found[-1] + max(1, found[-1] // 4))
    return found


def common_step(jump: np.ndarray) -> tuple[int, float, list[int]]:
    """Slot of the strongest common step of one column, its direction, and the machines, strongest first; (m, s) in."""
    scores = np.nan_to_num(jump)
    best, count = (each[0, 0] for each in common_steps(scores[None, :, None]))
    slot = int(np.abs(best).argmax())
    sign = float(np.sign(best[slot]))
    order = np.argsort(-sign * scores[:, slot], kind="stable")
    return slot, sign, [int(at) for at in order[: int(count[slot])]]


def statistics(windows: MachineWindows, usual: np.ndarray, edges: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """All STATISTICS of each window, shape (w, c, number of STATISTICS); NaN without any machine."""
    if not windows.deviation.shape[1]:
        return np.full((len(windows.deviation), len(usual), len(STATISTICS)), np.nan)
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
