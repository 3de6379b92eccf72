"""What the alarms of an accepted model promised, and what they cost above that since, with an interval.

A promise is two rates: the share of failures that are missed, and false alarms for a machine and month. They come from
rows by which nothing was chosen, the test part: on the rows by which the threshold was chosen, they look better than
they are. How many failures happen is not part of the promise, because a model cannot prevent it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from oilcan.contract import Costs
from oilcan.core.judging.event_matching import HOURS_PER_MONTH, Tally

_SURE: Final = 1.96             # standard errors: the ends of a 95 % interval


@dataclass(frozen=True)
class AlarmCounts:
    """Counts by machine, each of shape (n_machines,); `months` is the time in which an alarm could be judged."""

    failures: np.ndarray
    missed: np.ndarray
    false_alarms: np.ndarray
    months: np.ndarray

    @classmethod
    def of(cls, tally: Tally) -> "AlarmCounts":
        """Of all rows and failures of a tally."""
        return cls(tally.n_failures, tally.n_failures - tally.detected, tally.false_alarms,
                   tally.exposure / HOURS_PER_MONTH)


@dataclass(frozen=True)
class AlarmPromise:
    """The two rates, and how exactly they are known.

    Attributes
    ----------
    missed_share
        Of the failures.
    false_alarms
        For a machine and month.
    missed_error, false_error, correlation
        Standard errors of these two, and their correlation, machines drawn with replacement (the bootstrap's, in closed
        form); the errors are at least those of a binomial and a Poisson count.
    """

    missed_share: float
    false_alarms: float
    missed_error: float
    false_error: float
    correlation: float

    @classmethod
    def of(cls, counts: AlarmCounts) -> "AlarmPromise | None":
        """From rows by which nothing was chosen; None where no alarm could be judged.

        Half a missed and half an announced failure are added (Jeffreys' prior), so that three of three announced do not
        promise that none is ever missed.
        """
        failures, months = int(counts.failures.sum()), float(counts.months.sum())
        if months <= 0:
            return None
        share, rate = _missed_share(counts), float(counts.false_alarms.sum()) / months
        of_missed = (counts.missed - share * counts.failures) / max(failures, 1)
        of_false = (counts.false_alarms - rate * counts.months) / months
        missed = max(_variance(of_missed, of_missed), share * (1 - share) / (failures + 1)) ** 0.5
        false = max(_variance(of_false, of_false), (float(counts.false_alarms.sum()) + 0.5) / months**2) ** 0.5
        return cls(share, rate, missed, false, _variance(of_missed, of_false) / (missed * false))

    def as_json(self) -> dict[str, float]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, float]) -> "AlarmPromise":
        """What `as_json` gave."""
        return cls(**values)


@dataclass(frozen=True)
class Loss:
    """Cost above the promise, for a machine and month [EUR], and the lower end of its 95 % interval over machines."""

    mean: float
    low: float


def loss_of(counts: AlarmCounts, promise: AlarmPromise, costs: Costs) -> Loss | None:
    """What alarms cost above a promise, for the failures that did happen; None where no alarm can be judged yet.

    Examples
    --------
    >>> costs = Costs(missed_failure_eur=1100.0, false_alarm_eur=10.0, planned_repair_eur=100.0)
    >>> ones = np.ones(10)
    >>> promise = AlarmPromise.of(AlarmCounts(2 * ones, 0 * ones, ones, 2 * ones))
    >>> more_failures = loss_of(AlarmCounts(4 * ones, 0 * ones, ones, 2 * ones), promise, costs)
    >>> missed = loss_of(AlarmCounts(2 * ones, ones, ones, 2 * ones), promise, costs)
    >>> round(more_failures.mean), more_failures.low < 0, round(missed.mean), missed.low > 0
    (-48, True, 476, True)
    """
    months, failures = float(counts.months.sum()), int(counts.failures.sum())
    if months <= 0:
        return None
    price, false_price = costs.missed_failure_eur - costs.planned_repair_eur, costs.false_alarm_eur
    above = ((counts.missed - promise.missed_share * counts.failures) * price
             + (counts.false_alarms - promise.false_alarms * counts.months) * false_price)      # EUR, by machine
    mean, share = float(above.sum()) / months, _missed_share(counts)
    off = above - mean * counts.months
    by_chance = failures * share * (1 - share) * price**2 + float(counts.false_alarms.sum()) * false_price**2
    weight = failures * price / months
    missed, false = weight * promise.missed_error, false_price * promise.false_error
    variance = (max(_variance(off, off), by_chance) / months**2
                + missed**2 + false**2 + 2 * promise.correlation * missed * false)
    return Loss(mean, mean - _SURE * float(np.sqrt(max(variance, 0.0))))


def _missed_share(counts: AlarmCounts) -> float:
    return (float(counts.missed.sum()) + 0.5) / (float(counts.failures.sum()) + 1.0)


def _variance(one: np.ndarray, other: np.ndarray) -> float:
    """Of a sum over machines, if they are drawn with replacement."""
    n = len(one)
    return float(((one - one.mean()) * (other - other.mean())).sum()) * n / max(n - 1, 1)
