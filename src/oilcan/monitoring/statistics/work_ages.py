"""How much planned work is due? Expected from the time since each component was last worked on.

Work on a schedule is regular for a machine and irregular for a calendar week: machines of one age are due together.
Counted against machine-days, a change of the schedule therefore hides in chance for months. Counted against the ages
of the components it shows at once: those that are overdue add to the expectation day by day. The hazard by age is
that of the reference (events over slots at risk in bins of age; Nelson, Hazard plotting for incomplete failure data,
Journal of Quality Technology 1, 1969); the difference of count and expectation has the variance of the expectation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

FEWEST: Final = 10                      # works of known age that a hazard is learned from
_QUANTILES: Final = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class WorkHazard:
    """Chance of planned work on a component in a slot, by the slots since it was last worked on.

    Attributes
    ----------
    edges
        Inner edges of the bins of age [slots]; the last bin is open.
    rates
        By bin, one more than edges.
    """

    edges: tuple[float, ...]
    rates: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "WorkHazard":
        """The inverse of `as_json`."""
        return cls(tuple(values["edges"]), tuple(values["rates"]))

    @classmethod
    def learn(cls, at_risk: np.ndarray, at_work: np.ndarray) -> "WorkHazard | None":
        """From ages of all slots at risk and ages at planned work; None with too few works.

        Examples
        --------
        >>> WorkHazard.learn(np.arange(1000) % 10, np.repeat(9.0, 100)).expected(np.array([8.0, 9.0]))
        array([0., 1.])
        """
        if len(at_work) < FEWEST:
            return None
        edges = np.unique(np.quantile(at_work, _QUANTILES, method="lower"))
        size = len(edges) + 1
        works = np.bincount(np.searchsorted(edges, at_work, side="right"), minlength=size)
        slots = np.bincount(np.searchsorted(edges, at_risk, side="right"), minlength=size)
        return cls(tuple(edges.tolist()), tuple((works / np.maximum(slots, 1)).round(9).tolist()))

    def expected(self, ages: np.ndarray) -> np.ndarray:
        """Works to be expected in slots of these ages; 0 where the age is not known (NaN)."""
        rate = np.asarray(self.rates)[np.searchsorted(np.asarray(self.edges), np.nan_to_num(ages), side="right")]
        return np.where(np.isnan(ages), 0.0, rate)


def ages(machine: np.ndarray, slot: np.ndarray, slots: Sequence[int] | np.ndarray, machines: int) -> np.ndarray:
    """Slots since the last work that lies before each slot, shape (machines, len(slots)); NaN before the first.

    Parameters
    ----------
    machine, slot
        Position of the machine and slot of each work, planned or not, in any order.
    slots
        Consecutive slots.

    Examples
    --------
    >>> ages(np.array([0]), np.array([3]), range(2, 6), 1)
    array([[nan, nan,  1.,  2.]])
    """
    at = np.asarray(slots)
    out = np.full((machines, len(at)), np.nan)
    order = np.lexsort((slot, machine))
    machine, slot = machine[order], slot[order]
    bounds = np.searchsorted(machine, np.arange(machines + 1))
    for number in range(machines):
        mine = slot[bounds[number]: bounds[number + 1]]
        if len(mine):
            before = np.searchsorted(mine, at, side="left") - 1
            out[number] = np.where(before >= 0, at - mine[np.maximum(before, 0)], np.nan)
    return out
