"""Readings of a fleet, counted one after another: what tables are read into and what a service keeps.

Memory is bounded: slots before `first_slot` are forgotten, and readings far ahead of the fleet are not counted but
noted, because a clock that jumps to the year 2200 would otherwise allocate centuries of slots.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.bundle.watch_reference import BINS, WatchReference
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.monitoring.reference.partition_passes import ReadingRows, count_readings, numbers
from oilcan.monitoring.reference.reference_assembling import groups_of
from oilcan.monitoring.statistics.arrival_counts import ArrivalCounts
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.window_axis import WindowAxis

_FEWEST_CLOCKS: Final = 3               # with fewer machines nobody knows whose clock is wrong
_AHEAD: Final = 2                       # windows ahead of the fleet, from where readings are noted only


@dataclass(frozen=True)
class Judges:
    """What readings are counted against."""

    contract: Contract
    plan: FeaturePlan
    reference: WatchReference
    axis: WindowAxis

    def places(self, machines: pd.DataFrame) -> dict[str, int]:
        """Machine -> position of its group in the reference, for machines that the reference does not know."""
        ids = tuple(str(name) for name in machines[MACHINE])
        groups, group_of = groups_of(self.contract, machines, ids)
        known = {name: at for at, name in enumerate(self.reference.groups)}
        return {name: known.get(groups[at], len(self.reference.groups) - 1)
                for name, at in zip(ids, group_of, strict=True)}


class FleetCounts:
    """Cells, arrivals and the newest time of each machine.

    Attributes
    ----------
    cells, arrivals
        Of the readings that were counted.
    ends
        Machine -> exact time of its newest reading, counted or only noted.
    noted
        Machines with readings so far ahead of the fleet that they were not counted.
    """

    def __init__(self, judges: Judges, first_slot: int) -> None:
        self._judges, self._first_slot = judges, first_slot
        self.cells = Cells(len(judges.reference.columns), BINS)
        self.arrivals = ArrivalCounts(judges.axis)
        self.ends: dict[str, int] = {}
        self.noted: set[str] = set()

    def take(self, telemetry: pd.DataFrame, places: Mapping[str, int], received_at: np.ndarray | None = None, *,
             beyond: int | None = None) -> None:
        """Count readings in any order.

        Parameters
        ----------
        telemetry
            machine_id, time and the columns of the contract.
        places
            Machine -> position of its group, from `Judges.places`.
        received_at
            Microseconds UTC, shape (n,); None where it is not known.
        beyond
            Exact time; later readings are noted, not counted. None counts all.
        """
        self.take_rows(ReadingRows.of(telemetry[MACHINE].astype(str).tolist(), exact(telemetry[TIME]),
                                      numbers(telemetry, self._judges.contract)), places, received_at, beyond=beyond)

    def take_rows(self, rows: ReadingRows, places: Mapping[str, int], received_at: np.ndarray | None = None, *,
                  beyond: int | None = None) -> None:
        """The same for rows without a table; see `take`."""
        judges, axis = self._judges, self._judges.axis
        self._note_ends(rows)
        is_far = np.zeros(len(rows.code), dtype=bool) if beyond is None else rows.time > beyond
        self.noted |= {rows.names[at] for at in np.unique(rows.code[is_far]).tolist()}
        kept = (axis.slot_of(rows.time) >= self._first_slot) & ~is_far
        if not kept.any():
            return
        rows = rows.only(kept)
        count_readings(self.cells, rows, judges.reference, judges.plan, axis, places)
        if received_at is not None and not axis.counts_cycles:
            self.arrivals.take(rows.names, rows.code, rows.time, received_at[kept])

    def keep_from(self, slot: int) -> None:
        """Forget what lies before a slot, and count nothing of it any more."""
        axis = self._judges.axis
        if slot > self._first_slot:
            self._first_slot = slot
            self.cells.keep_from(slot)
            self.arrivals.keep_from(int(axis.window_of(np.array([slot]))[0]))

    def settled(self) -> Cells:
        """The cells of machines with readings, in the order of their ids: so sums do not depend on who came first."""
        names = self.cells.machines
        there = self.cells.readings.sum(axis=1) > 0
        order = sorted((at for at in range(len(names)) if there[at]), key=names.__getitem__)
        cells = self.cells.chosen(np.array(order, dtype=np.int64))
        cells.keep_from(self.first_reporting())
        return cells

    def first_reporting(self) -> int:
        """First slot with readings, or the first slot of the cells if there are no readings."""
        reporting = np.flatnonzero(self.cells.readings.any(axis=0))
        return self.cells.first_slot + (int(reporting[0]) if len(reporting) else 0)

    def front(self) -> int | None:
        """Exact time from which on readings are too far ahead of the fleet to be counted; None if nobody knows."""
        axis = self._judges.axis
        present = {name: end for name, end in self.ends.items() if end >= self._first_slot * axis.slot}
        if not present or not clocks_ahead(present, axis)[1]:
            return None
        return clocks_ahead(present, axis)[0] + _AHEAD * (axis.start(1) - axis.start(0))

    def _note_ends(self, rows: ReadingRows) -> None:
        newest = np.full(len(rows.names), rows.time.min(initial=0), dtype=np.int64)
        np.maximum.at(newest, rows.code, rows.time)
        ends = self.ends
        for name, time in zip(rows.names, newest.tolist(), strict=True):
            if name not in ends or time > ends[name]:
                ends[name] = time


def clocks_ahead(ends: Mapping[str, int], axis: WindowAxis) -> tuple[int, frozenset[str]]:
    """Exact time at which the fleet ends together, and the machines that end more than a window later.

    Those may go on alone, or their clock has jumped: then they have no reading in the window after the fleet's end.
    """
    times = np.sort(np.array(list(ends.values()), dtype=np.int64))
    if axis.counts_cycles or len(times) < _FEWEST_CLOCKS:
        return int(times[-1]), frozenset()
    reach = axis.start(1) - axis.start(0)
    together = int(times[times <= times[(len(times) - 1) // 2] + reach][-1])
    return together, frozenset(name for name, time in ends.items() if time > together + reach)
