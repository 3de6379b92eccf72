"""Slots of machines that records mark: failures and work, and everything after a part was replaced."""

import numpy as np

from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import COMPONENT, MACHINE, TIME
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.counts_by_window import FleetEvents
from oilcan.monitoring.window_axis import WindowAxis


def explained(cells: Cells, events: FleetEvents, axis: WindowAxis) -> np.ndarray:
    """Slots in which a machine failed or was worked on, shape (m, t)."""
    out = np.zeros((len(cells.machines), cells.slots), dtype=bool)
    place = {name: at for at, name in enumerate(cells.machines)}
    for frame in (events.failures, events.maintenance):
        if not len(frame):
            continue
        slot = axis.slot_of(exact(frame[TIME])) - cells.first_slot
        machine = np.array([place.get(name, -1) for name in frame[MACHINE]])
        inside = (machine >= 0) & (slot >= 0) & (slot < cells.slots)
        out[machine[inside], slot[inside]] = True
    return out


def since_replaced(cells: Cells, events: FleetEvents, axis: WindowAxis, parts: tuple[str, ...], last: int
                   ) -> np.ndarray:
    """Slots of machines from the replacement of a part on, shape (m, t).

    Parameters
    ----------
    parts
        Components whose maintenance record says so.
    last
        Exact time at which the reference ends; older records are part of it.
    """
    out = np.zeros((len(cells.machines), cells.slots), dtype=bool)
    work = events.maintenance
    if not parts or not len(work):
        return out
    work = work[work[COMPONENT].isin(parts) & (exact(work[TIME]) > last)]
    place = {name: at for at, name in enumerate(cells.machines)}
    for name, slot in zip(work[MACHINE], axis.slot_of(exact(work[TIME])).tolist(), strict=True):
        if name in place:
            out[place[name], max(0, slot - cells.first_slot):] = True
    return out
