"""How suddenly does a machine step, and how rare is that for one machine in the reference?

A step is the smallest of three changes of the mean (over one slot, two slots, and four slots against seven before),
where all have one sign, divided by the spread within those slots: a fault that grows is no step, as its mean goes on
changing. What the middle machine of the fleet did is taken off. The score of a step is the negative power of ten of its
chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from oilcan.monitoring.statistics.cells import UNIT

BEFORE: Final = 7                       # slots before a step that it is estimated from
AFTER: Final = 4                        # and from it on
LAG: Final = AFTER - 1                  # slots after one until its step is known
RARE: Final = 3.0                       # score of a step that one slot of a machine in a thousand shows
_NESTED: Final = (1, 2)                 # slots on both sides over which the change must be as large
_TRUST: Final = 2.0                     # weight of the usual spread against that of the slots themselves
_PRESENT: Final = 0.5                   # of the slots on a side, below which a step is not judged
_LEFT_OUT: Final = 1                    # slots after a step that may say nothing
_FEWEST_FLEET: Final = 5                # machines below which there is no middle one
_FEWEST_STEPS: Final = 500              # known in the reference, below which nobody knows which are rare
_SCORES: Final = np.arange(0.5, 5.01, 0.25)


@dataclass(frozen=True)
class StepScale:
    """How rare a step is for one machine, by column.

    Attributes
    ----------
    spread
        Usual variance within the slots that a step is estimated from, shape (c,); infinite where too little is known.
    up, down
        Steps at the scores of a fixed grid, shape (c, scores); NaN where the reference is too short for the score.
    """

    spread: np.ndarray
    up: np.ndarray
    down: np.ndarray

    @classmethod
    def learn(cls, means: np.ndarray, is_explained: np.ndarray) -> "StepScale":
        """From the mean deviations of the reference, shape (m, t, c), and its explained slots, (m, t)."""
        change, within = _changes(means)
        spread = np.array([np.median(each[~np.isnan(each)]) if (~np.isnan(each)).sum() >= _FEWEST_STEPS else np.inf
                           for each in np.moveaxis(within, 2, 0)])
        steps = _scaled(change, within, is_explained, np.maximum(spread, 1e-6))
        columns = [each[~np.isnan(each)] for each in np.moveaxis(steps, 2, 0)]
        return cls(spread, *(np.stack([_quantiles(sign * each) for each in columns]) for sign in (1, -1)))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "StepScale":
        """The inverse of `as_json`."""
        spread = np.array([np.inf if value is None else value for value in values["spread"]])
        return cls(spread, *(np.array(values[side], dtype=float) for side in ("up", "down")))

    def as_json(self) -> dict[str, Any]:
        """Plain values; None for infinite and unknown ones."""
        return {"spread": [None if np.isinf(value) else round(float(value), 9) for value in self.spread],
                **{side: [[None if np.isnan(value) else round(float(value), 6) for value in column]
                          for column in getattr(self, side)] for side in ("up", "down")}}

    def scores(self, means: np.ndarray, is_explained: np.ndarray) -> np.ndarray:
        """Scores of the steps with their sign, shape (m, t, c): 3 is one slot of a machine in a thousand."""
        steps = steps_of(means, is_explained, np.maximum(self.spread, 1e-6))
        for at in range(steps.shape[2]):
            step = steps[:, :, at]
            steps[:, :, at] = np.where(step >= 0, _score(step, self.up[at]), -_score(-step, self.down[at]))
        return steps


def _quantiles(steps: np.ndarray) -> np.ndarray:
    """Steps at `_SCORES`, as far as there are enough of them.

    Of n steps the share above a quantile is about 1 / n larger than the quantile says, so the last score is one that up
    to twice as many steps reach. Limits are drawn with the same scores.
    """
    if len(steps) < _FEWEST_STEPS:
        return np.full(len(_SCORES), np.nan)
    known = np.log10(len(steps)) >= _SCORES
    return np.where(known, np.quantile(steps, 1 - 10.0**-_SCORES), np.nan)


def _score(step: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Steps of one direction on the scale of the quantiles, straight on beyond the last; NaN where nobody knows."""
    known = quantiles > 0
    at, score = np.append(0.0, quantiles[known]), np.append(0.0, _SCORES[known])
    at = np.maximum.accumulate(at + 1e-9 * np.arange(len(at)))
    if len(at) < 3:
        return np.full(step.shape, np.nan)
    slope = (score[-1] - score[1]) / max(at[-1] - at[1], 1e-6)
    return np.interp(step, at, score) + slope * np.maximum(step - at[-1], 0.0)


def slot_means(n: np.ndarray, total: np.ndarray, *, fewest: int) -> np.ndarray:
    """Mean deviation of each cell in reference standard deviations; NaN with fewer readings."""
    return np.where(n >= fewest, total / UNIT / np.maximum(n, 1), np.nan)


def cut_off(n: np.ndarray, readings: np.ndarray, *, fewest: int) -> np.ndarray:
    """Steps that may as well be a fault that grows: of the slots from one on, more than one says nothing.

    Such a slot has readings, but too few that count: heat, or another condition that the reference does not know,
    leaves them out. A day without any reading, as at a weekend, is no such slot.

    Parameters
    ----------
    n
        Readings that count, by machine, slot and column, shape (m, t, c).
    readings
        All readings by machine and slot, shape (m, t).
    fewest
        Readings below which the mean of a slot is not known.

    Returns
    -------
    Shape (m, t, c), bool.

    Examples
    --------
    >>> n, readings = np.array([24, 24, 3, 3, 24, 0, 0])[None, :, None], np.array([[24, 24, 24, 24, 24, 0, 0]])
    >>> cut_off(n, readings, fewest=12)[0, :, 0].tolist()
    [True, True, True, False, False, False, False]
    """
    left_out = (readings[:, :, None] > 0) & (n < fewest)
    count, slots = np.zeros(n.shape, dtype=np.int8), n.shape[1]
    for gap in range(min(AFTER, slots)):
        count[:, : slots - gap] += left_out[:, gap:]
    return count > _LEFT_OUT


def steps_of(means: np.ndarray, is_explained: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Sudden step at the beginning of each slot, with its sign, in standard deviations of slots that stand still.

    Parameters
    ----------
    means
        Shape (m, t, c).
    is_explained
        Slots with a failure or work on the machine, shape (m, t); a step in one, or in the next, is explained.
    spread
        Usual variance within the slots before and after, shape (c,).

    Returns
    -------
    Shape (m, t, c); NaN where a step is unknown or explained.

    Examples
    --------
    >>> line = np.array([0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3])[None, :, None]
    >>> steps_of(line, np.zeros((1, 11), dtype=bool), np.ones(1))[0, 7, 0].round(2)
    np.float64(3.67)
    >>> ramp = np.array([0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])[None, :, None]
    >>> steps_of(ramp, np.zeros((1, 11), dtype=bool), np.ones(1))[0, 7, 0].round(2)
    np.float64(1.08)
    """
    return _scaled(*_changes(means), is_explained, spread)


def _scaled(change: np.ndarray, within: np.ndarray, is_explained: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """`steps_of`, from what `_changes` returns."""
    steps = change / np.sqrt((within + _TRUST * spread) / (1 + _TRUST))
    near = is_explained.copy()
    near[:, 1:] |= is_explained[:, :-1]
    steps[near] = np.nan
    if len(steps) >= _FEWEST_FLEET:
        steps -= _middle(steps)
    return steps


def _middle(steps: np.ndarray) -> np.ndarray:
    """Median of the machines by slot and column, 0 where none says anything; (m, t, c) in, (t, c) out."""
    known = (~np.isnan(steps)).sum(axis=0)
    ordered = np.sort(steps, axis=0)                                    # NaN last
    low, high = (np.take_along_axis(ordered, np.maximum(at, 0)[None], axis=0)[0]
                 for at in ((known - 1) // 2, known // 2 - (known == 0)))
    return np.where(known > 0, (low + high) / 2, 0.0)


def _changes(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest change of the mean at each slot over three reaches, and the variance within; shape (m, t, c) each."""
    before, after = _Block.of(means, -BEFORE, 0), _Block.of(means, 0, AFTER)
    change = after.mean - before.mean
    sign, size = np.sign(change), np.abs(change)
    for reach in _NESTED:
        size = np.minimum(size, sign * (_Block.of(means, 0, reach).mean - _Block.of(means, -reach, 0).mean))
    within = (before.squares + after.squares) / np.maximum(before.n + after.n - 2, 1)
    is_known = (before.n >= _PRESENT * BEFORE) & (after.n >= _PRESENT * AFTER)
    return np.where(is_known, sign * np.maximum(size, 0.0), np.nan), np.where(is_known, within, np.nan)


@dataclass(frozen=True)
class _Block:
    """Slots from `low` to before `high` of each slot: how many are known, their mean and squares about it."""

    n: np.ndarray
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, means: np.ndarray, low: int, high: int) -> "_Block":
        n, total, squares = (np.zeros(means.shape) for _ in range(3))
        slots = means.shape[1]
        for gap in range(low, high):
            here, there = slice(max(0, -gap), min(slots, slots - gap)), slice(max(0, gap), min(slots, slots + gap))
            values = means[:, there]
            known = ~np.isnan(values)
            values = np.where(known, values, 0.0)
            n[:, here] += known
            total[:, here] += values
            squares[:, here] += values * values
        mean = np.where(n > 0, total / np.maximum(n, 1), np.nan)
        return cls(n, mean, np.maximum(squares - total * np.nan_to_num(mean), 0.0))
