"""The counts of the monitoring, as a fold over the store's log, and the verdict on the newest windows.

After a start, a change of the bundle, or whenever a fold could not give what a reading of the tables gives (a clock
that jumped, a machine that is described after it has reported), the counts are made from the tables of the store, up to
an entry of the log, and the fold goes on from there.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.core.bundle.bundle import Bundle
from oilcan.ground.columns import MACHINE
from oilcan.ground.errors import DataError
from oilcan.io.stores import Store
from oilcan.io.stores.log_entries import Cursor, Entry
from oilcan.io.stores.values import Readings
from oilcan.monitoring.fleet_counts import FleetCounts, clocks_ahead
from oilcan.monitoring.reference.partition_passes import ReadingRows, numbers
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.monitoring.watch_report import WatchReport
from oilcan.monitoring.watching import FleetObservation, slots_before
from oilcan.operations.watching.monitor import judge
from oilcan.operations.watching.source_counts import Counted, count_source, forecast_rows, observed
from oilcan.operations.watching.watched_model import Monitor
from oilcan.operations.watching.watched_tables import StoreTables, readings_table, watched_numbers

LOOKED_AT: Final = 8                    # newest whole windows that a verdict rests on
_AT_ONCE: Final = 25                    # machines


@dataclass(frozen=True)
class Verdict:
    """What the monitoring knows.

    Attributes
    ----------
    report
        None if there is no whole window yet.
    counted, seen
        What it was judged from.
    current
        Number of the window that runs; None before the first reading.
    upto
        The last entry of the log that is in it.
    """

    report: WatchReport | None
    counted: Counted | None
    seen: FleetObservation | None
    current: int | None
    upto: Cursor


class LiveCounts:
    """Counts of one bundle; owned by the monitoring's thread.

    Attributes
    ----------
    cursor
        The last entry of the log that is counted; None before the counts were made.
    """

    def __init__(self, watch: Monitor, store: Store) -> None:
        self.watch, self._store = watch, store
        self._watcher = watch.watcher()
        self.cursor: Cursor | None = None
        self._counted: Counted | None = None
        self._static: dict[str, dict[str, Any]] = {}
        self._places: dict[str, int] = {}

    @property
    def counts(self) -> FleetCounts | None:
        """The counts; None before the first reading."""
        return None if self._counted is None else self._counted.counts

    def rebuild(self) -> None:
        """Make the counts from the tables of the store."""
        self.cursor = None
        cursor = self._store.end()
        source = StoreTables(self._store, self.watch.bundle.contract, upto=self._store.last_reading(cursor))
        self._static = {row[MACHINE]: row for row in source.machines.to_dict("records")}
        self._places = self.watch.judges.places(source.machines)
        ends = source.ends()
        try:
            self._counted = (count_source(self.watch, source, self._first_slot(clocks_ahead(ends, self.watch.axis)[0]),
                                          None, _AT_ONCE) if ends else None)
        except DataError:                       # readings came and retention has taken them all
            self._counted = None
        self.cursor = cursor

    def fold(self, entries: Sequence[Entry]) -> None:
        """Count entries that follow the cursor."""
        if self.cursor is None or not entries:
            return
        if self._counted is None or self._describe(entries):
            self.rebuild()
            return
        readings = [entry.readings for entry in entries if len(entry.readings)]
        if readings:
            received = np.repeat([entry.received_at for entry in entries], [len(entry.readings) for entry in entries])
            counts = self._counted.counts
            counts.take_rows(self._rows(readings), self._places, received, beyond=counts.front())
            counts.arrivals.settle()
        self.cursor = entries[-1].cursor
        self._forget()

    def verdict(self, shadow: Bundle | None = None) -> Verdict:
        """Judge the newest whole windows."""
        if self._counted is not None and (self._counted.counts.noted
                                          or clocks_ahead(self._counted.counts.ends, self.watch.axis)[1]):
            self.rebuild()
        if self.cursor is None or self._counted is None:
            return Verdict(None, None, None, None, self.cursor or Cursor())
        axis, counted = self.watch.axis, self._newest(self._counted)
        current = int(axis.window_of(axis.slot_of(np.array([counted.newest])))[0])
        last = axis.last_whole(counted.newest + axis.slot)
        begin = counted.counts.first_reporting()
        first = max(last - LOOKED_AT + 1, int(axis.window_of(np.array([begin]))[0]))
        first += int(axis.first_slot(first) < begin)
        if first > last:
            return Verdict(None, counted, None, current, self.cursor)
        earliest = slots_before(axis, first, self.watch.rules) * axis.slot
        source = StoreTables(self._store, self.watch.bundle.contract)
        frame = source.forecasts(earliest)
        seen = observed(self.watch, source, replace(counted, frames=() if frame is None else (frame,)))
        seen = replace(seen, shadow=self._challenged(shadow, source, earliest, counted.newest))
        report = judge(self.watch, counted, seen, first, last, self._watcher)
        return Verdict(report, counted, seen, current, self.cursor)

    def _challenged(self, shadow: Bundle | None, source: StoreTables, earliest: int, until: int
                    ) -> ForecastRows | None:
        frame = None if shadow is None else source.forecasts(earliest, "shadow")
        if shadow is None or frame is None:
            return None
        return forecast_rows(shadow, [frame], source, until)

    def _rows(self, readings: Sequence[Readings]) -> ReadingRows:
        """Readings of some entries together, with the numbers that are watched."""
        contract, columns = self.watch.bundle.contract, self._store.layout.columns
        ids = list(itertools.chain.from_iterable(each.machine_ids for each in readings))
        times = np.concatenate([each.times for each in readings])
        if contract.derived:
            values = np.concatenate([each.values for each in readings])
            return ReadingRows.of(ids, times, numbers(readings_table(contract, columns, ids, times, values), contract))
        return ReadingRows.of(ids, times, {
            name: np.concatenate([each.values[:, columns.index(name)] for each in readings])
            for name in watched_numbers(contract)})

    def _describe(self, entries: Sequence[Entry]) -> bool:
        """Take in what entries record about machines; whether one of them was counted as something else."""
        described = {name: dict(static) for entry in entries for name, static in entry.machines.items()}
        if not described:
            return False
        self._static |= {name: {MACHINE: name, **static} for name, static in described.items()}
        before, self._places = self._places, self.watch.judges.places(pd.DataFrame(list(self._static.values())))
        return any(name in before and before[name] != self._places[name] for name in described)

    def _newest(self, counted: Counted) -> Counted:
        """The same up to now: machines that are ahead were left out when the counts were made."""
        if counted.jumped:
            return counted
        return replace(counted, newest=max(counted.newest, *counted.counts.ends.values()))

    def _first_slot(self, newest: int) -> int:
        """First slot that is kept: what the newest windows look back at, and never more than the retention says."""
        axis, rules = self.watch.axis, self.watch.rules
        current = int(axis.window_of(axis.slot_of(np.array([newest])))[0])
        return max(slots_before(axis, current - LOOKED_AT, rules),
                   axis.first_slot(current - rules.retention_windows + 1))

    def _forget(self) -> None:
        if self._counted is not None and not self._counted.counts.noted:
            together, _ = clocks_ahead(self._counted.counts.ends, self.watch.axis)
            self._counted.counts.keep_from(self._first_slot(together))
