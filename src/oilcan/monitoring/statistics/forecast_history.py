"""Forecasts, alarms, failures, work and errors of a fleet, counted by window.

The outcome of a forecast is known a horizon and a lead time later. Until then its row is censored: it counts neither
as a hit nor as a false alarm, and figures say from how many rows they come and how long they had to wait. Failures that
were expected need no such wait: each forecast is spread evenly over the time that it is about, and a window is compared
with what all forecasts expected of that window.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms.policy import AlarmPolicy, AlarmState, step
from oilcan.core.judging.costs import cost_by_machine
from oilcan.core.judging.event_matching import HOURS_PER_MONTH, WarningWindows, lay_out
from oilcan.core.prepare.labels import Outlook, label_failures
from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.ground.columns import CODE, COMPONENT, MACHINE, MODE, TIME, ticks
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.event_statistics import EventCounts, planned_work
from oilcan.monitoring.statistics.label_free import estimate
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


@dataclass(frozen=True)
class ForecastRows:
    """Forecasts of the headline task in order of machine and time, with their alarms.

    Attributes
    ----------
    frame
        machine_id, time, `p_<task>` and `p_<task>__<mode>`.
    onset, held_back
        Rows at which the policy raised an alarm, shape (n,), and how many it held back in all.
    target
        Outcome by column of `p_`: 1, 0, or NaN where it cannot be known yet, shape (n,) each.
    lead, horizon
        A forecast is about the ticks from `lead` after its row, `horizon` of them.
    """

    task: str
    policy: AlarmPolicy
    frame: pd.DataFrame
    onset: np.ndarray
    held_back: int
    target: Mapping[str, np.ndarray]
    laid_out: WarningWindows
    rows_per_failure: float
    lead: float
    horizon: float

    @classmethod
    def of(cls, contract: Contract, policy: AlarmPolicy, frame: pd.DataFrame, failures: pd.DataFrame, *, until: int,
           crew: np.ndarray | None = None) -> "ForecastRows":
        """Forecasts with alarms and outcomes.

        Parameters
        ----------
        frame
            Sorted by machine and time, at least one row.
        until
            Exact time up to which failures are recorded.
        crew
            Whose budget each row draws on.
        """
        name, _ = contract.headline()
        horizon, lead = contract.look_ahead()
        ends = np.full(len(frame), until)
        targets = {f"p_{name}": _outcome(frame, failures, ends, horizon, lead)}
        for mode in _modes(frame, name):
            of_mode = failures[failures[MODE] == mode]
            targets[f"p_{name}__{mode}"] = _outcome(frame, of_mode, ends, horizon, lead)
        per_tick = units_per_tick(frame[TIME])
        laid_out = lay_out(frame[MACHINE].to_numpy(), ticks(frame[TIME]), failures, lead, horizon, ends / per_tick)
        state = AlarmState.of(len(laid_out.machines))
        onset = step(policy, state, laid_out.code, laid_out.ticks, frame[f"p_{name}"].to_numpy(np.float64), crew)
        return cls(name, policy, frame, onset, int(state.held_back.sum()), targets, laid_out,
                   max(1.0, horizon / max(laid_out.step, 1e-9)), lead, horizon)

    @property
    def p(self) -> np.ndarray:
        """Calibrated probability of the headline task, shape (n,)."""
        return self.frame[f"p_{self.task}"].to_numpy(np.float64)


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
    for table, column in _KINDS.items():
        frame: pd.DataFrame = getattr(events, table)
        label = table
        if table == "maintenance":
            frame, label = frame[is_planned(events, axis)], "planned work"
        at = _place(axis, windows, frame)
        count[label] = _by_window(at, len(windows))
        for kind in sorted(frame[column].dropna().astype(str).unique()) if len(frame) else ():
            count[f"{label}: {kind}"] = _by_window(at[(frame[column].astype(str) == kind).to_numpy()], len(windows))
    slots = np.array([machine_slots(cells, axis, int(window)) for window in windows])
    exposure = {kind: slots.astype(float) for kind in count}
    _add_due(axis, windows, events, cells, hazards, count, exposure)
    if forecasts is not None:
        _add_alarms(axis, windows, forecasts, cells, count, exposure)
        _add_expected(axis, windows, forecasts, events.failures, count, exposure)
    return EventCounts(count, exposure)


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


def unknown_codes(axis: WindowAxis, window: int, events: FleetEvents, known: Mapping[str, Sequence[str]] | None
                  ) -> dict[str, list[str]] | None:
    """Table -> codes of a window that are not among the known ones; None if nobody knows which are."""
    if known is None:
        return None
    out = {}
    for table, column in _KINDS.items():
        frame: pd.DataFrame = getattr(events, table)
        here = frame[_place(axis, np.array([window]), frame) == 0] if len(frame) else frame
        out[table] = sorted(set(here[column].dropna().astype(str)) - set(known[table]))
    return out


def _add_alarms(axis: WindowAxis, windows: np.ndarray, rows: ForecastRows, cells: Cells, count: dict[str, np.ndarray],
                exposure: dict[str, np.ndarray]) -> None:
    """Alarms, without those under operating conditions that the reference does not know; and announced failures."""
    at, size = _place(axis, windows, rows.frame), len(windows)
    is_aside = _under_unknown_conditions(axis, rows, cells)
    row_slots = axis.slot / units_per_tick(rows.frame[TIME]) / max(rows.laid_out.step, 1e-9)
    count["alarms"] = _by_window(at[rows.onset & ~is_aside], size)
    exposure["alarms"] = _by_window(at[~is_aside], size) / max(row_slots, 1e-9)
    per_tick = units_per_tick(rows.frame[TIME])
    of_failure = axis.window_of(axis.slot_of(np.round(rows.laid_out.failure_ticks * per_tick).astype(np.int64)))
    hits = _detected(rows)
    place = of_failure - windows[0]
    count["announced failures"] = _by_window(place[hits], size)
    exposure["announced failures"] = _by_window(place, size)


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


def _detected(rows: ForecastRows) -> np.ndarray:
    laid_out, alarms = rows.laid_out, np.flatnonzero(rows.onset)
    nearest = np.searchsorted(alarms, laid_out.window_start)
    return np.asarray(np.append(alarms, len(rows.onset))[nearest] < laid_out.window_end)


def window_figures(axis: WindowAxis, window: int, rows: ForecastRows, contract: Contract, quantiles: tuple[float, ...]
                   ) -> dict[str, Any]:
    """What was forecast in a window, what is estimated of its quality, and what came true as far as it is known.

    Parameters
    ----------
    quantiles
        Of the forecasts of the reference, evenly spaced from 0 to 1.
    """
    is_here = axis.window_of(axis.slot_of(exact(rows.frame[TIME]))) == window
    p, machine = rows.p[is_here], rows.laid_out.code[is_here]
    if not len(p):
        return {"rows": 0}
    months = len(p) * rows.laid_out.step / HOURS_PER_MONTH if not axis.counts_cycles else len(p) / 1000.0
    costs = contract.costs
    horizon, lead = contract.look_ahead()
    prices = (costs.missed_failure_eur, costs.false_alarm_eur, costs.planned_repair_eur)
    figures: dict[str, Any] = {
        "rows": len(p), "machines": len(np.unique(machine)), "mean": float(np.nanmean(p)),
        "psi": _forecast_psi(p, quantiles),
        "machines_above_threshold": len(np.unique(machine[p >= rows.policy.threshold])),
        "alarms": int(rows.onset[is_here].sum()),
        "alarms_per_machine_month": float(rows.onset[is_here].sum() / max(months, 1e-9)),
        "estimate": estimate(p, rows.policy.threshold, prices).as_json(),
    }
    target = rows.target[f"p_{rows.task}"][is_here]
    known = ~np.isnan(target)
    tally = rows.laid_out.tally(rows.onset & is_here)
    figures["outcomes"] = {
        "known_rows": int(known.sum()), "censored_rows": int((~known).sum()), "delay_ticks": horizon + lead,
        "expected_failures": float(p[known].sum() / rows.rows_per_failure),
        "observed_failures": float(target[known].sum() / rows.rows_per_failure),
        "true_alarms": int(tally.true_alarms.sum()), "false_alarms": int(tally.false_alarms.sum()),
    }
    return figures


def outcome_figures(axis: WindowAxis, windows: tuple[int, int], rows: ForecastRows, contract: Contract
                    ) -> dict[str, Any]:
    """Failures announced, lead time, false alarms and cost over some windows, where outcomes are known.

    Parameters
    ----------
    windows
        First and last.
    """
    number = axis.window_of(axis.slot_of(exact(rows.frame[TIME])))
    is_here = (number >= windows[0]) & (number <= windows[1])
    per_tick = units_per_tick(rows.frame[TIME])
    when = rows.laid_out.failure_ticks * per_tick
    inside = (when >= axis.start(windows[0])) & (when < axis.start(windows[1] + 1))
    detected = _detected(rows) & inside
    tally = rows.laid_out.tally(rows.onset & is_here)
    exposure = float((rows.laid_out.known & is_here).sum() * rows.laid_out.step)
    missed, false = int(inside.sum() - detected.sum()), int(tally.false_alarms.sum())
    costs = contract.costs
    cost = (missed * costs.missed_failure_eur + false * costs.false_alarm_eur
            + int(detected.sum()) * costs.planned_repair_eur)
    nearest = np.searchsorted(np.flatnonzero(rows.onset), rows.laid_out.window_start[detected])
    first = np.flatnonzero(rows.onset)[nearest] if detected.any() else np.zeros(0, dtype=int)
    lead = rows.laid_out.failure_ticks[detected] - rows.laid_out.ticks[first]
    months = exposure / HOURS_PER_MONTH
    return {
        "failures": int(inside.sum()), "announced": int(detected.sum()), "false_alarms": false,
        "false_alarms_per_machine_month": false / months if months > 0 else None,
        "median_lead_time": float(np.median(lead)) if len(lead) else None,
        "cost_eur": float(cost), "cost_per_machine_month_eur": float(cost / months) if months > 0 else None,
    }


def promised_cost(rows: ForecastRows, contract: Contract) -> float | None:
    """Cost per machine and month of the alarms on these rows [EUR]: what the accepted model promised."""
    tally = rows.laid_out.tally(rows.onset)
    months = float(tally.exposure.sum()) / HOURS_PER_MONTH
    return float(cost_by_machine(tally, contract.costs).sum() / months) if months > 0 else None


def _forecast_psi(p: np.ndarray, quantiles: tuple[float, ...]) -> float | None:
    edges = np.unique(quantiles[1:-1])
    if len(edges) < 2:
        return None
    # where quantiles repeat, a bin holds the share of all that repeat
    shares = np.diff(np.searchsorted(np.array(quantiles[1:-1]), edges, side="right") / (len(quantiles) - 1),
                     prepend=0.0, append=1.0)
    bins = np.bincount(np.searchsorted(edges, p, side="left"), minlength=len(edges) + 1)
    current, half = bins / len(p), 0.5 / len(p)
    current, reference = np.maximum(current, half), np.maximum(shares, half)
    return float(((current - reference) * np.log(current / reference)).sum())


def _outcome(frame: pd.DataFrame, failures: pd.DataFrame, until: np.ndarray, horizon: float, lead: float) -> np.ndarray:
    return label_failures(Outlook.of(frame, failures, until), horizon=horizon, lead_time=lead)


def _modes(frame: pd.DataFrame, name: str) -> list[str]:
    return [column.partition("__")[2] for column in map(str, frame) if column.startswith(f"p_{name}__")]


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
