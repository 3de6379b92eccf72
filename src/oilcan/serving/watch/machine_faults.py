"""What is wrong with the recording of each machine right now, from the counts of its days."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.watching import WindowVerdict
from oilcan.monitoring.window_axis import WindowAxis

Fault = Literal["silent", "stuck", "unit"]
_FEWEST: Final = 6                      # readings of a day, to say that a sensor rests or is silent
_DAYS: Final = {"silent": 1, "stuck": 2}        # in a row, the newest included


@dataclass(frozen=True)
class MachineFault:
    """One sensor of one machine.

    Attributes
    ----------
    since
        Exact time at which the first day (or window) with the fault begins.
    units
        What the unit may be now; empty for other faults.
    """

    sensor: str
    words: str
    fault: Fault
    since: int
    units: str = ""


def faults_now(cells: Cells, reference: WatchReference, axis: WindowAxis, last: WindowVerdict | None = None
               ) -> dict[str, tuple[MachineFault, ...]]:
    """Machine -> sensors that have given nothing for a day or more, or have not moved for two, up to its newest day.

    Parameters
    ----------
    last
        The newest window that was judged: it knows which units have changed.
    """
    there = cells.readings[:, :, None] - cells.missing
    is_silent = (cells.readings[:, :, None] >= _FEWEST) & (there == 0)
    is_stuck = (there >= _FEWEST) & (cells.low == cells.high)
    out: dict[str, tuple[MachineFault, ...]] = {}
    units = list(_units(last, reference, axis)) if last is not None else []
    for at, machine in enumerate(cells.machines):
        days = np.flatnonzero(cells.readings[at] >= _FEWEST)
        if len(days):
            found = [*_of(is_silent[at], days, "silent", cells, reference, axis),
                     *_of(is_stuck[at], days, "stuck", cells, reference, axis),
                     *(fault for name, fault in units if name == machine)]
            if found:
                out[machine] = tuple(sorted(found, key=lambda each: (each.since, each.sensor)))
    return out


def _units(last: WindowVerdict, reference: WatchReference, axis: WindowAxis) -> Iterator[tuple[str, MachineFault]]:
    words = {column.name: column.description for column in reference.columns}
    for finding in last.findings:
        if finding.rule == "unit":
            fault = MachineFault(finding.subject, words[finding.subject], "unit", axis.start(last.window),
                                 str(finding.detail.get("units", "")))
            yield from ((name, fault) for name in finding.machines)


def _of(is_bad: np.ndarray, days: np.ndarray, fault: Literal["silent", "stuck"], cells: Cells,
        reference: WatchReference, axis: WindowAxis) -> Iterator[MachineFault]:
    for at, column in enumerate(reference.columns):
        if column.kind == "computed" or (fault == "stuck" and column.rest_windows != 1):
            continue
        good = np.flatnonzero(~is_bad[days, at])
        run = days[good[-1] + 1:] if len(good) else days
        if len(run) >= _DAYS[fault]:
            since = (cells.first_slot + int(run[0])) * axis.slot
            yield MachineFault(column.name, column.description, fault, since)
