"""What in one partition does not go with the contract, or with what its sensors usually do?

Quarantined are readings that are known to be bad when they arrive: outside the physical range, or
repeated for the `stuck_periods`-th time and longer. A spike is known only when the next reading is
back, so it is counted and kept: cleaning that waits for the future would be a leak.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.quality.profile import Habits
from oilcan.core.quality.readings import Readings, runs
from oilcan.core.quality.scope import Scope
from oilcan.core.timeline.groups import units_per_tick
from oilcan.ground.columns import KEY, MACHINE, TIME

RANGE: Final = "outside range"
STUCK: Final = "stuck"
GAP_BINS: Final = 60                # columns of the heat map
_LONG_SILENCE: Final = 10.0         # usual steps of a machine, where the contract states neither period nor gap


@dataclass(frozen=True)
class Findings:
    """Findings of one partition.

    Attributes
    ----------
    rows
        Number of rows.
    quarantine
        machine_id, time (if there is one), column, reason; in the order of the rows.
    sensors
        By sensor: readings, missing, outside_range, stuck, spikes, silent_machines.
    machines
        machine_id, rows, missing_rows (expected in gaps), gaps.
    presence
        Rows of each machine in each of GAP_BINS equal slices of the span, shape (m, GAP_BINS); no
        columns for independent rows.
    """

    rows: int
    quarantine: pd.DataFrame
    sensors: pd.DataFrame
    machines: pd.DataFrame
    presence: np.ndarray


def inspect(telemetry: pd.DataFrame, scope: Scope, habits: Habits) -> Findings:
    """Findings of one partition.

    Parameters
    ----------
    telemetry
        Canonical, sorted by (machine_id, time).
    habits
        From `learn_habits`.
    """
    limits = scope.limits
    readings = Readings.of(telemetry, scope.contract)
    stuck = {name: _stuck(readings, name, habits, limits.stuck_periods) for name, nature in habits.nature.items()
             if nature == "moves"}  # fmt: skip
    spikes = {name: _spikes(readings, name, limits.spike_sigmas * step) for name, step in habits.step.items()
              if step > 0}  # fmt: skip
    return Findings(
        rows=len(telemetry),
        quarantine=_quarantine(telemetry, {RANGE: readings.out_of_range, STUCK: stuck}),
        sensors=_sensors(readings, len(telemetry), stuck, spikes),
        machines=_machines(readings, telemetry, scope.contract),
        presence=_presence(readings, scope.span),
    )


def _stuck(readings: Readings, name: str, habits: Habits, stuck_periods: int) -> np.ndarray:
    """Positions of readings that repeat for the `stuck_periods`-th time or longer."""
    values = readings.values[name]
    start, length = runs(values, readings.first)
    is_long = length >= stuck_periods
    start, length = start[is_long], length[is_long]
    rests = np.isin(values[start], list(habits.resting_values[name]))
    start, length = start[~rests] + stuck_periods - 1, length[~rests] - stuck_periods + 1
    offsets = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return np.repeat(start, length) + offsets


def _spikes(readings: Readings, name: str, limit: float) -> np.ndarray:
    """Positions of single readings that step away by more than `limit` and come back."""
    values, group = readings.values[name], readings.group
    if len(values) < 3:
        return np.empty(0, dtype=np.int64)
    there, back = values[1:-1] - values[:-2], values[2:] - values[1:-1]
    is_spike = (np.minimum(np.abs(there), np.abs(back)) > limit) & (there * back < 0)
    is_spike &= np.abs(there + back) < np.abs(there) / 2
    return np.flatnonzero(is_spike & (group[2:] == group[:-2])) + 1


def _quarantine(telemetry: pd.DataFrame, positions: Mapping[str, Mapping[str, np.ndarray]]) -> pd.DataFrame:
    key = [name for name in (MACHINE, TIME) if name in telemetry]
    pieces = [
        telemetry[key].iloc[rows].assign(column=name, reason=reason, row=rows)
        for reason, by_sensor in positions.items()
        for name, rows in by_sensor.items()
        if len(rows)
    ]
    if not pieces:
        return empty_quarantine(telemetry)
    found = pd.concat(pieces).sort_values(["row", "column"], kind="stable")
    return found.drop(columns="row").reset_index(drop=True)


def empty_quarantine(telemetry: pd.DataFrame) -> pd.DataFrame:
    """A quarantine table without rows, its key typed like that of `telemetry`."""
    text = pd.Series(dtype="str")
    return telemetry.iloc[:0].reindex(columns=[name for name in KEY if name in telemetry]).assign(
        column=text, reason=text
    )


def _sensors(
    readings: Readings, rows: int, stuck: Mapping[str, np.ndarray], spikes: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    counts = []
    for name, is_missing in readings.is_missing.items():
        missing = int(np.count_nonzero(is_missing))
        silent = 0
        if len(readings.first):
            silent = int(np.count_nonzero(np.logical_and.reduceat(is_missing, readings.first)))
        counts.append({
            "sensor": name, "readings": rows - missing, "missing": missing,
            "outside_range": len(readings.out_of_range.get(name, ())), "stuck": len(stuck.get(name, ())),
            "spikes": len(spikes.get(name, ())), "silent_machines": silent,
        })  # fmt: skip
    return pd.DataFrame(counts).set_index("sensor")


def _machines(readings: Readings, telemetry: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    rows = np.bincount(readings.group, minlength=len(readings.first))
    missing_rows = gaps = np.zeros(len(rows), dtype=np.int64)
    if readings.time is not None:
        unit = units_per_tick(telemetry[TIME])
        step = np.diff(readings.time, prepend=readings.time[:1])
        step[readings.first] = 0
        period, longest = _rhythm(step, readings, contract, unit)
        is_gap = step > longest
        lost = np.where(is_gap, np.round(step / period) - 1, 0)
        missing_rows = np.bincount(readings.group, weights=lost, minlength=len(rows)).astype(np.int64)
        gaps = np.bincount(readings.group, weights=is_gap, minlength=len(rows)).astype(np.int64)
    return pd.DataFrame({MACHINE: readings.machines, "rows": rows, "missing_rows": missing_rows, "gaps": gaps})


def _rhythm(step: np.ndarray, readings: Readings, contract: Contract, unit: int) -> tuple[Any, Any]:
    """Usual step and longest step that is not a gap, in exact units: of the contract, or of each row's machine.

    A machine spends half of its time in steps of at most its usual length: so a machine that reports
    only while it runs is silent every night without a gap.
    """
    stated = contract.time.max_gap.ticks * unit if contract.time.max_gap else None
    if contract.time.period is not None:
        period = contract.time.period.ticks * unit
        return period, 1.5 * period if stated is None else stated
    order = np.lexsort((step, readings.group))
    along = np.cumsum(step[order])
    ends = np.append(readings.first[1:], len(step)) - 1
    before = along[readings.first] - step[order][readings.first]
    half = before + (along[ends] - before) / 2
    usual = step[order][np.minimum(np.searchsorted(along, half), ends)]
    each = np.maximum(usual, 1)[readings.group]
    return each, _LONG_SILENCE * each if stated is None else stated


def _presence(readings: Readings, span: tuple[int, int] | None) -> np.ndarray:
    if readings.time is None or span is None:
        return np.zeros((len(readings.first), 0), dtype=np.int32)
    begin, end = span
    at = ((readings.time - begin) / max(end - begin, 1) * GAP_BINS).astype(np.int64).clip(0, GAP_BINS - 1)
    cells = np.bincount(readings.group * GAP_BINS + at, minlength=len(readings.first) * GAP_BINS)
    return cells.reshape(-1, GAP_BINS).astype(np.int32)
