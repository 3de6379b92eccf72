"""Failures, work, errors, alarms and expected failures of a fleet, counted by window.

Expected failures need no wait for outcomes: each forecast is spread evenly over the time that it is about, and
a window is compared with what all forecasts expected of that window.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.ground.columns import CODE, COMPONENT, MACHINE, MODE, TIME, ticks
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.event_bursts import Places
from oilcan.monitoring.statistics.event_statistics import EventCounts, planned_work
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.monitoring.statistics.work_ages import WorkHazard, ages
from oilcan.monitoring.window_axis import WindowAxis

_KINDS: Final = {"failures": MODE, "maintenance": COMPONENT, "errors": CODE}
_REPAIR_H: Final = 48.0                 # hours after a failure in which work on the machine is its repair
_REPAIR_CYCLES: Final = 2.0
_MOST: Final = 0.5


@dataclass(frozen=True)
class FleetEvents:
    """Canonical event tables, and exact times until which each is complete."""

    failures: pd.DataFrame
    maintenance: pd.DataFrame
    errors: pd.DataFrame


def event_counts(axis: WindowAxis, windows: np.ndarray, events: FleetEvents, cells: Cells,
                 forecasts: ForecastRows | None, hazards: Mapping[str, WorkHazard]) -> EventCounts:
    """Counts by kind and window, and what they are counted against.

    Parameters
    ----------
    windows
        Numbers of consecutive windows, shape (w,).
    cells
        Say in which slots machines reported.
    hazards
        Component -> hazard of planned work; work on others is counted against machine-slots.
    """
    count: dict[str, np.ndarray] = {}
    places: dict[str, Places] = {}
    for table, column in _KINDS.items():
        frame: pd.DataFrame = getattr(events, table)
        label = table
        if table == "maintenance":
            frame, label = frame[is_planned(events, axis)], "planned work"
        at, kinds = _place(axis, windows, frame), frame[column].astype(str)
        everything = Places(at, pd.factorize(frame[MACHINE])[0], len(cells.machines))
        for kind in (None, *sorted(kinds[frame[column].notna()].unique())):
            name = label if kind is None else f"{label}: {kind}"
            places[name] = everything.of(np.ones(len(at), dtype=bool) if kind is None else (kinds == kind).to_numpy())
            count[name] = _by_window(places[name].window, len(windows))
    slots = np.array([machine_slots(cells, axis, int(window)) for window in windows])
    exposure = {kind: slots.astype(float) for kind in count}
    _add_due(axis, windows, events, cells, hazards, count, exposure)
    if forecasts is not None:
        places["alarms"] = _add_alarms(axis, windows, forecasts, cells, count, exposure)
        _add_expected(axis, windows, forecasts, events.failures, count, exposure)
    return EventCounts(count, exposure, places)


def learn_hazards(axis: WindowAxis, events: FleetEvents, cells: Cells) -> dict[str, WorkHazard]:
    """Component -> how planned work on it depends on the time since the last; without those of too little work."""
    out = {}
    for component, work in _work(axis, events, cells).items():
        hazard = WorkHazard.learn(work.ages[~np.isnan(work.ages)], work.ages[work.machine, work.at])
        if hazard is not None:
            out[component] = hazard
    return out


def machine_slots(cells: Cells, axis: WindowAxis, window: int) -> float:
    """Slots with readings in a window, summed over the machines."""
    begin, end = (max(0, axis.first_slot(each) - cells.first_slot) for each in (window, window + 1))
    return float((cells.readings[:, begin:end] > 0).sum())


@dataclass(frozen=True)
class _Work:
    """Slots since the last work, shape (m, t), NaN where unknown or silent; planned works of known age among them."""

    ages: np.ndarray
    machine: np.ndarray
    at: np.ndarray


def _work(axis: WindowAxis, events: FleetEvents, cells: Cells) -> dict[str, _Work]:
    """Component -> its work, with that of failures of the same name."""
    work, failures = events.maintenance, events.failures
    if not len(work) or not cells.slots:
        return {}
    place, planned = {name: at for at, name in enumerate(cells.machines)}, is_planned(events, axis)

    def located(frame: pd.DataFrame, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        machine = np.array([place.get(name, -1) for name in frame.loc[chosen, MACHINE]], dtype=np.int64)
        slot = axis.slot_of(exact(frame[TIME])[chosen]).astype(np.int64)
        return machine[machine >= 0], slot[machine >= 0]

    out, silent = {}, cells.readings == 0
    component, mode = work[COMPONENT].astype(str).to_numpy(), failures[MODE].astype(str).to_numpy()
    for name in sorted(work[COMPONENT].dropna().astype(str).unique()):
        done = [located(work, component == name), *([located(failures, mode == name)] if len(failures) else [])]
        machine, slot = (np.concatenate(values) for values in zip(*done, strict=True))
        since = ages(machine, slot, np.arange(cells.first_slot, cells.first_slot + cells.slots), len(cells.machines))
        machine, slot = located(work, (component == name) & planned)
        at = slot - cells.first_slot
        inside = (at >= 0) & (at < cells.slots)
        machine, at = machine[inside], at[inside]
        since[silent] = np.nan
        known = ~np.isnan(since[machine, at])
        out[name] = _Work(since, machine[known], at[known])
    return out


def _add_due(axis: WindowAxis, windows: np.ndarray, events: FleetEvents, cells: Cells,
             hazards: Mapping[str, WorkHazard], count: dict[str, np.ndarray], exposure: dict[str, np.ndarray]) -> None:
    """Count planned work of known age against what is due, where the reference knows the hazard of the component."""
    of_slot = axis.window_of(np.arange(cells.first_slot, cells.first_slot + cells.slots)) - windows[0]
    size, totals = len(windows), []
    for component, work in _work(axis, events, cells).items() if hazards else ():
        if component not in hazards:
            continue
        seen = _by_window(of_slot[work.at], size)
        due = _by_window(of_slot, size, hazards[component].expected(work.ages).sum(axis=0))
        count[f"planned work: {component}"], exposure[f"planned work: {component}"] = seen, due
        totals.append((seen, due))
    if totals:
        count["planned work"], exposure["planned work"] = (np.sum(values, axis=0)
                                                           for values in zip(*totals, strict=True))


def known_codes(events: FleetEvents) -> dict[str, list[str]]:
    """Table -> the codes, components or modes that occur in it."""
    return {table: sorted(getattr(events, table)[column].dropna().astype(str).unique())
            for table, column in _KINDS.items()}


def unknown_codes(axis: WindowAxis, windows: np.ndarray, events: FleetEvents, known: Mapping[str, Sequence[str]] | None
                  ) -> list[dict[str, list[str]] | None]:
    """For each window: table -> codes that are not among the known ones; None if nobody knows which are."""
    if known is None:
        return [None] * len(windows)
    out: list[dict[str, list[str]] | None] = [{table: [] for table in _KINDS} for _ in windows]
    for table, column in _KINDS.items():
        frame: pd.DataFrame = getattr(events, table)
        strange = [code for code in frame[column].dropna().unique() if str(code) not in known[table]]
        if strange:                             # hardly ever
            here = frame[frame[column].isin(strange)]
            place, codes = _place(axis, windows, here), here[column].astype(str).to_numpy()
            for at, of_window in enumerate(out):
                if of_window is not None:
                    of_window[table] = sorted(set(codes[place == at].tolist()))
    return out


def _add_alarms(axis: WindowAxis, windows: np.ndarray, rows: ForecastRows, cells: Cells, count: dict[str, np.ndarray],
                exposure: dict[str, np.ndarray]) -> Places:
    """Alarms, without those under operating conditions that the reference does not know; and announced failures.

    Returns
    -------
    Where the alarms are.
    """
    at, size = _place(axis, windows, rows.frame), len(windows)
    is_aside = _under_unknown_conditions(axis, rows, cells)
    row_slots = axis.slot / units_per_tick(rows.frame[TIME]) / max(rows.laid_out.step, 1e-9)
    alarms = Places(at, rows.laid_out.code, len(rows.laid_out.machines)).of(rows.onset & ~is_aside)
    count["alarms"] = _by_window(alarms.window, size)
    exposure["alarms"] = _by_window(at[~is_aside], size) / max(row_slots, 1e-9)
    per_tick = units_per_tick(rows.frame[TIME])
    of_failure = axis.window_of(axis.slot_of(np.round(rows.laid_out.failure_ticks * per_tick).astype(np.int64)))
    hits = rows.announced()
    place = of_failure - windows[0]
    count["announced failures"] = _by_window(place[hits], size)
    exposure["announced failures"] = _by_window(place, size)
    return alarms


def _under_unknown_conditions(axis: WindowAxis, rows: ForecastRows, cells: Cells) -> np.ndarray:
    """Rows in slots of which most readings of the machine are aside, shape (n,)."""
    place = {name: at for at, name in enumerate(cells.machines)}
    machine = np.array([place.get(str(name), -1) for name in rows.laid_out.machines])[rows.laid_out.code]
    slot = axis.slot_of(exact(rows.frame[TIME])) - cells.first_slot
    inside = (machine >= 0) & (slot >= 0) & (slot < cells.slots)
    is_aside = cells.aside > _MOST * np.maximum(cells.readings, 1)
    out = np.zeros(len(rows.frame), dtype=bool)
    out[inside] = is_aside[machine[inside], slot[inside]]
    return out


def _add_expected(axis: WindowAxis, windows: np.ndarray, rows: ForecastRows, failures: pd.DataFrame,
                  count: dict[str, np.ndarray], exposure: dict[str, np.ndarray]) -> None:
    """Failures of each window against those that the forecasts expected of it, as far as forecasts cover it."""
    per_tick = units_per_tick(rows.frame[TIME])
    bounds = np.array([axis.start(int(window)) for window in (*windows, windows[-1] + 1)]) / per_tick
    shares = _shares(rows, bounds)                                              # (w, n)
    covered = shares.sum(axis=1)
    is_known = covered > _MOST * covered.max(initial=0.0)
    for name in rows.target:
        mode = name.partition("__")[2]
        label = f"forecast failures: {mode}" if mode else "forecast failures"
        mine = failures[failures[MODE].astype(str) == mode] if mode else failures
        when, weight = _covered_failures(rows, mine)
        seen = _by_window(np.searchsorted(bounds, when, side="right") - 1, len(windows), weight)
        expected = shares @ rows.frame[name].to_numpy(np.float64) / rows.rows_per_failure
        count[label], exposure[label] = np.where(is_known, seen, np.nan), np.where(is_known, expected, np.nan)


def _shares(rows: ForecastRows, bounds: np.ndarray) -> np.ndarray:
    """Which share of the time that each forecast is about lies in each window, shape (w, n)."""
    first = rows.laid_out.ticks + rows.lead
    return np.stack([np.clip(np.minimum(first + rows.horizon, high) - np.maximum(first, low), 0.0, None) / rows.horizon
                     for low, high in itertools.pairwise(bounds)])


def _covered_failures(rows: ForecastRows, failures: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Ticks of the failures, and which share of the forecasts that should be about each there is; (f,) each."""
    laid_out = rows.laid_out
    place = {name: at for at, name in enumerate(laid_out.machines)}
    mine = failures[failures[MACHINE].isin(list(place))]
    when = ticks(mine[TIME])
    ends = np.searchsorted(laid_out.code, np.arange(len(place) + 1))
    found = np.zeros(len(mine))
    for at, (name, moment) in enumerate(zip(mine[MACHINE], when.tolist(), strict=True)):
        own = laid_out.ticks[ends[place[name]]: ends[place[name] + 1]]
        low, high = np.searchsorted(own, [moment - rows.lead - rows.horizon, moment - rows.lead])
        found[at] = min((high - low) / rows.rows_per_failure, 1.0)
    return when, found


def is_planned(events: FleetEvents, axis: WindowAxis) -> np.ndarray:
    """Which work does not repair a failure, shape (n,)."""
    work, failures = events.maintenance, events.failures
    if not len(work):
        return np.zeros(0, dtype=bool)
    per_tick = units_per_tick(work[TIME])
    within = round((_REPAIR_CYCLES if axis.counts_cycles else _REPAIR_H) * per_tick)
    return np.array(planned_work(list(zip(work[MACHINE], exact(work[TIME]).tolist(), strict=True)),
                                 list(zip(failures[MACHINE], exact(failures[TIME]).tolist(), strict=True))
                                 if len(failures) else [], within=within), dtype=bool)


def _place(axis: WindowAxis, windows: np.ndarray, frame: pd.DataFrame) -> np.ndarray:
    """Position of each row's window among `windows`; outside them a position that `_by_window` leaves out."""
    if not len(frame):
        return np.zeros(0, dtype=np.int64)
    return np.asarray(axis.window_of(axis.slot_of(exact(frame[TIME]))) - windows[0], dtype=np.int64)


def _by_window(at: np.ndarray, size: int, weights: np.ndarray | None = None) -> np.ndarray:
    inside = (at >= 0) & (at < size)
    return np.bincount(at[inside], None if weights is None else weights[inside], minlength=size).astype(float)
