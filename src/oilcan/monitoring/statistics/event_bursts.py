"""How many events of one machine come together?

A fault repeats its error code until it is repaired, so thirty lines of a code may be one fault. How many lines a fault
makes differs from fault to fault, and one reference has seen few of them; so bursts are looked for in the windows that
are judged as well.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Places:
    """Window and machine of each event of one kind.

    Attributes
    ----------
    window, machine
        Position of the window, and a number of the machine, shape (n,) each.
    fleet
        Machines that there are, with events or without.
    """

    window: np.ndarray
    machine: np.ndarray
    fleet: int

    def between(self, first: int, end: int) -> "Places":
        """Those in some windows; positions count from the first of them."""
        inside = self.of((self.window >= first) & (self.window < end))
        return Places(inside.window - first, inside.machine, self.fleet)

    def of(self, chosen: np.ndarray) -> "Places":
        """Some of the events, shape (n,)."""
        return Places(self.window[chosen], self.machine[chosen], self.fleet)

    def burst(self, windows: int, span: int) -> float:
        """Variance of the events of a machine within `span` windows, over their mean; at least 1, as chance has it.

        Parameters
        ----------
        windows
            How many there are; those before the first whole stretch are left out.

        Examples
        --------
        >>> Places(np.array([0, 1, 2, 3]), np.array([7, 7, 7, 7]), fleet=100).burst(4, 4)       # one machine
        3.96
        >>> Places(np.array([0, 1, 2, 3]), np.array([1, 2, 3, 4]), fleet=100).burst(4, 4)       # four machines
        1.0
        """
        stretches = windows // span
        of_stretch = (self.window - (windows - stretches * span)) // max(span, 1)
        known = of_stretch >= 0
        if not stretches or not known.any():
            return 1.0
        _, size = np.unique(np.stack([of_stretch[known], self.machine[known]]), axis=1, return_counts=True)
        mean = size.sum() / (stretches * max(self.fleet, 1))
        return round(max(1.0, float((size**2).sum() / size.sum() - mean)), 6)
