"""How cost grows with the fleet: the slope in log-log, and lines through the measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def slope(machines: Sequence[float], costs: Sequence[float]) -> float:
    """Exponent of a power law by least squares in log-log: 1 if twice the machines cost twice as much.

    The cost of starting is part of it, so small fleets make it smaller.

    Examples
    --------
    >>> round(slope([100, 1000], [5.0, 50.0]), 3)
    1.0
    """
    return float(np.polyfit(np.log(machines), np.log(costs), 1)[0])


@dataclass(frozen=True)
class Line:
    """Cost = start + each * machines, neither below 0."""

    start: float
    each: float

    @classmethod
    def through(cls, machines: Sequence[float], costs: Sequence[float]) -> "Line":
        """Least squares, each point weighed by 1 / cost: a small fleet counts as much as a large one.

        Examples
        --------
        >>> line = Line.through([100, 1000], [5.0, 41.0])
        >>> round(line.start, 3), round(line.each, 3), round(line.at(10_000), 1)
        (1.0, 0.04, 401.0)
        """
        from scipy.optimize import nnls

        weight = 1.0 / np.maximum(np.asarray(costs, dtype=float), 1e-9)
        design = np.column_stack([np.ones(len(machines)), machines]) * weight[:, None]
        (start, each), _ = nnls(design, np.ones(len(machines)))
        return cls(float(start), float(each))

    def at(self, machines: float) -> float:
        """The cost of a fleet of this size."""
        return self.start + self.each * machines
