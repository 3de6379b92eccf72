"""Lives among training readings: where each begins, how long it lasted, and the drift model learned from them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.features.drift.drift_learning import (
    FEWEST,
    first_grid,
    learn_population,
    margin_first,
    next_grid,
    with_unfinished,
)
from oilcan.core.features.drift.drift_model import DriftModel, DriftSums, posterior
from oilcan.core.features.drift.life_sums import life_sums

GAIN: Final = 0.1           # share of the error that the drift must take off what the health index says
BINS: Final = 20            # of the health index, in the forecast that the drift must beat
_ONE_SIDED: Final = 1.645   # standard errors
SHORTEST: Final = 5         # readings that a life needs to teach anything
FEWEST_OF_FOLD: Final = FEWEST // 4     # of the lives that ended, those in a fold of `pays`; about half are there
JUDGED: Final = 5000        # readings of each fold, evenly spread, by which `pays` judges: neighbours say the same


@dataclass(frozen=True)
class LifeReadings:
    """Training readings in order of life and time.

    Parameters
    ----------
    states, precision
        Shapes (n, k), (n,).
    ticks, age
        Time, and age of the life at each reading, shape (n,).
    life
        Number of the life of each reading, rising, shape (n,).
    left
        Remaining life, NaN where it is not known, shape (n,).
    machine
        Number of the machine of each reading.
    """

    states: np.ndarray
    precision: np.ndarray
    ticks: np.ndarray
    age: np.ndarray
    life: np.ndarray
    left: np.ndarray
    machine: np.ndarray

    @property
    def begins(self) -> np.ndarray:
        """Whether a reading is the first of its life."""
        return np.diff(self.life, prepend=-1) != 0

    def only(self, kept: np.ndarray) -> "LifeReadings":
        """Some of the readings."""
        return LifeReadings(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))

    def rotated(self, rotation: np.ndarray) -> "LifeReadings":
        """States in other axes."""
        return LifeReadings(self.states @ rotation, *(getattr(self, name) for name in
                                                      list(self.__dataclass_fields__)[1:]))


def lives_that_ended(readings: LifeReadings) -> int:
    """Number of lives that ended in a failure, and are long enough to learn from."""
    return int(_ends(readings)[2].sum())


def learn_drift(readings: LifeReadings, cap: float | None) -> tuple[DriftModel, np.ndarray]:
    """The drift model, and the rotation of the states that it wants; at least one life must have ended."""
    last, life, is_ended = _ends(readings)

    def sums(of: LifeReadings, taus: np.ndarray) -> DriftSums:
        found = life_sums(of.states, of.precision, of.ticks, of.begins, taus, last[is_ended])
        return found.aged(life[is_ended] - of.age[last[is_ended]], taus)

    taus = first_grid(life[is_ended])
    first = sums(readings, taus)
    rotation = margin_first(learn_population(first, life[is_ended], taus, cap=cap), first, life[is_ended])
    model = learn_population(first.rotated(rotation), life[is_ended], taus, cap=cap)
    taus = next_grid(model)
    model = learn_population(sums(readings, taus).rotated(rotation), life[is_ended], taus, cap=cap, begin=model)
    return with_unfinished(model, life[is_ended], readings.age[last[~is_ended]]), rotation


def pays(readings: LifeReadings, index: np.ndarray, cap: float | None) -> bool:
    """Whether the drift forecasts the remaining life of machines not seen better than the health index does.

    Two folds by machine. The forecast to beat is the mean remaining life of learned readings with a similar
    index; the posterior must take `GAIN` off its error, and by more than chance over machines: a few lives alone show
    such a gain now and then.

    Parameters
    ----------
    index
        Averaged health index at the readings, shape (n,).
    """
    target = np.minimum(readings.left, np.inf if cap is None else cap)
    errors, beaten, machines = [], [], []
    for fold in (0, 1):
        held = readings.machine % 2 == fold
        others = readings.only(~held)
        judged = held & ~np.isnan(target) & ~np.isnan(index)
        known = ~held & ~np.isnan(target) & ~np.isnan(index)
        if lives_that_ended(others) < FEWEST_OF_FOLD or not judged.any() or not known.any():
            return False
        model, rotation = learn_drift(others, cap)
        mine = readings.only(held).rotated(rotation)
        judged = _evenly(judged, JUDGED)
        wanted = np.flatnonzero(judged[held])
        sums = life_sums(mine.states, mine.precision, mine.ticks, mine.begins, np.array(model.time_constants), wanted)
        drift = posterior(model, mine.age[wanted], sums)[:, 0]
        edges = np.quantile(index[known], np.linspace(0, 1, BINS + 1)[1:-1])
        place = np.searchsorted(edges, index[known])
        count = np.bincount(place, minlength=BINS)
        mean = np.bincount(place, target[known], minlength=BINS) / np.maximum(count, 1)
        plain = mean[np.searchsorted(edges, index[judged])]
        usable = ~np.isnan(drift)
        ours, theirs = ((forecast - target[judged])[usable] ** 2 for forecast in (drift, plain))
        errors.append([ours.mean(), theirs.mean()])
        beaten.append((1 - GAIN) ** 2 * theirs - ours)
        machines.append(readings.machine[judged][usable])
    ours, theirs = np.sqrt(np.mean(errors, axis=0))
    return bool(ours < (1 - GAIN) * theirs) and _is_positive(np.concatenate(beaten), np.concatenate(machines))


def _is_positive(values: np.ndarray, machine: np.ndarray) -> bool:
    """Whether a mean is above 0 by more than its error over machines (one side, 95 %).

    Examples
    --------
    >>> _is_positive(np.array([1.0, 1.0, 1.1, 0.9]), np.arange(4)), _is_positive(np.array([9.0, -1.0]), np.arange(2))
    (True, False)
    """
    _, place = np.unique(machine, return_inverse=True)
    count, total = np.bincount(place), np.bincount(place, values)
    mean = values.mean()
    error = np.sqrt(((total - count * mean) ** 2).sum() * len(count) / max(len(count) - 1, 1)) / len(values)
    return bool(mean > _ONE_SIDED * error)


def _evenly(chosen: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the chosen readings, evenly spread over them, shape (n,)."""
    at = np.flatnonzero(chosen)
    out = np.zeros(len(chosen), dtype=bool)
    out[at[np.linspace(0, len(at) - 1, min(most, len(at))).astype(int)]] = True
    return out


def _ends(readings: LifeReadings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Last reading of each life, its length (NaN without a failure), and whether it ended in one."""
    last = np.append(np.flatnonzero(readings.begins)[1:], len(readings.life)) - 1
    first = np.flatnonzero(readings.begins)
    length = np.array([np.nanmedian(total) if np.isfinite(total).any() else np.nan for total in
                       np.split(readings.age + readings.left, first[1:])])
    enough = last - first + 1 >= SHORTEST
    kept = np.flatnonzero(enough)
    last, length = last[kept], length[kept]
    ended = np.isfinite(length) & (length >= readings.age[last])
    return last, length, ended
