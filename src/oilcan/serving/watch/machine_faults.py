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
    found = [*_of(is_silent, "silent", cells, reference, axis), *_of(is_stuck, "stuck", cells, reference, axis)]
    if last is not None:
        reporting = {cells.machines[at] for at in np.flatnonzero((cells.readings >= _FEWEST).any(axis=1)).tolist()}
        found += [(name, fault) for name, fault in _units(last, reference, axis) if name in reporting]
    out: dict[str, tuple[MachineFault, ...]] = {}
    for name, fault in sorted(found, key=lambda each: (each[0], each[1].since, each[1].sensor)):
        out[name] = (*out.get(name, ()), fault)
    return out


def _units(last: WindowVerdict, reference: WatchReference, axis: WindowAxis) -> Iterator[tuple[str, MachineFault]]:
    words = {column.name: column.description for column in reference.columns}
    for finding in last.findings:
        if finding.rule == "unit":
            fault = MachineFault(finding.subject, words[finding.subject], "unit", axis.start(last.window),
                                 str(finding.detail.get("units", "")))
            yield from ((name, fault) for name in finding.machines)


def _of(is_bad: np.ndarray, fault: Literal["silent", "stuck"], cells: Cells, reference: WatchReference,
        axis: WindowAxis) -> Iterator[tuple[str, MachineFault]]:
    """Machines and sensors whose newest days are all bad, where they are enough; all machines at once."""
    counts = cells.readings >= _FEWEST
    is_good = counts[:, :, None] & ~is_bad
    after = np.where(is_good.any(axis=1), cells.slots - np.argmax(is_good[:, ::-1], axis=1), 0)     # (m, c)
    passed = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))                                    # (m, t + 1)
    in_a_row: np.ndarray = passed[:, -1:] - np.take_along_axis(passed, after, axis=1)
    for machine, at in np.argwhere(in_a_row >= _DAYS[fault]).tolist():
        column = reference.columns[at]
        if column.kind == "computed" or (fault == "stuck" and column.rest_windows != 1):
            continue
        begin = after[machine, at]
        since = (cells.first_slot + int(begin + np.argmax(counts[machine, begin:]))) * axis.slot
        yield cells.machines[machine], MachineFault(column.name, column.description, fault, since)
