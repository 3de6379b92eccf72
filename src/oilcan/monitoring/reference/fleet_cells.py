"""What the second pass leaves of a fleet: readings of all machines, and the cells of as many as memory should hold.

Facts about columns (how they rest, step and spread) are learned from cells by machine, slot and column, which take most
of the memory. A large fleet has more machines than these facts need, so they come from some machines of each group.
What belongs to one machine, and what is counted over the whole fleet, comes from all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.bundle.watch_reference import BINS
from oilcan.monitoring.limits.limit_material import kept_machines, slots_of_windows
from oilcan.monitoring.reference.partition_passes import Span
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.resting import stood_still
from oilcan.monitoring.statistics.unit_changes import usual_paces
from oilcan.monitoring.window_axis import WindowAxis

MOST_MACHINES: Final = 800              # whose cells by column are kept
_FEWEST_STRETCHES: Final = 4            # that the level of a column is compared over


@dataclass(frozen=True)
class FleetCells:
    """Counts of the span of a reference.

    Attributes
    ----------
    whole
        Readings and rows set aside of all machines, without columns.
    sampled
        Positions of the machines of `sample` among them, ascending.
    sample
        All counts of some machines of each group; of a small fleet, of all.
    still
        Columns that never moved, of all machines, shape (m, c), bool.
    pace
        Usual increase a slot of all machines and columns, shape (m, c); NaN where there is none.
    """

    whole: Cells
    sampled: np.ndarray
    sample: Cells
    still: np.ndarray
    pace: np.ndarray

    @classmethod
    def of(cls, parts: Iterable[Cells], machines: tuple[str, ...], group_of: Sequence[int], columns: int, span: Span,
           axis: WindowAxis, *, most: int, seed: int) -> "FleetCells":
        """Take over cells of disjoint machines, each part of which is dropped at once.

        Parameters
        ----------
        machines, group_of
            Of the reference, and the position of each one's group.
        most, seed
            Machines in the sample at most, and seed of their choice.
        """
        sampled = kept_machines(group_of, most, seed)
        whole, sample = Cells(0, BINS, list(machines)), Cells(columns, BINS, [machines[at] for at in sampled.tolist()])
        for cells in (whole, sample):
            cells.cover(span.first, span.end)
        still, pace = np.zeros((len(machines), columns), dtype=bool), np.full((len(machines), columns), np.nan)
        chosen = set(sample.machines)
        for part in parts:
            part.cover(span.first, span.end)
            at = whole.codes(part.machines)
            still[at], pace[at] = stood_still(part), usual_paces(part, stretches(part, axis))
            whole.place(part.without_columns())
            sample.place(part.chosen(np.flatnonzero([name in chosen for name in part.machines])))
        return cls(whole, sampled, sample, still, pace)


def stretches(cells: Cells, axis: WindowAxis) -> list[slice]:
    """Slots of the whole windows; of a reference with few, of shorter stretches.

    They differ more, so what is learned from them is the more careful.
    """
    windows = slots_of_windows(cells, axis)
    if len(windows) >= _FEWEST_STRETCHES:
        return windows
    return [slice(at * cells.slots // _FEWEST_STRETCHES, (at + 1) * cells.slots // _FEWEST_STRETCHES)
            for at in range(_FEWEST_STRETCHES)]
