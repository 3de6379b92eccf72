"""Forecasts of a fleet with alarms and outcomes, and the figures of a window.

The outcome of a forecast is known a horizon and a lead time later. Until then its row is censored: it counts neither
as a hit nor as a false alarm, and figures say from how many rows they come and how long they had to wait.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from oilcan.contract import Contract, Costs
from oilcan.core.alarms.policy import AlarmPolicy, AlarmState, step
from oilcan.core.judging.alarm_promise import AlarmCounts
from oilcan.core.judging.event_matching import HOURS_PER_MONTH, WarningWindows, lay_out
from oilcan.core.prepare.labels import Outlook, label_failures
from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.ground.columns import MACHINE, MODE, TIME, ticks
from oilcan.monitoring.statistics.label_free import estimate
from oilcan.monitoring.window_axis import WindowAxis


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

    def announced(self) -> np.ndarray:
        """Which failures, in the order of `laid_out`, had an alarm in time, shape (f,)."""
        alarms = np.flatnonzero(self.onset)
        nearest = np.searchsorted(alarms, self.laid_out.window_start)
        return np.asarray(np.append(alarms, len(self.onset))[nearest] < self.laid_out.window_end)


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


@dataclass(frozen=True)
class Outcomes:
    """What the alarms of some windows did; `lead_times` in ticks, one for each announced failure."""

    counts: AlarmCounts
    lead_times: np.ndarray

    @classmethod
    def of(cls, axis: WindowAxis, windows: tuple[int, int], rows: ForecastRows) -> "Outcomes":
        """Of the rows and failures in some windows, where outcomes are known.

        Parameters
        ----------
        windows
            First and last.
        """
        number = axis.window_of(axis.slot_of(exact(rows.frame[TIME])))
        is_here = (number >= windows[0]) & (number <= windows[1])
        laid_out, n = rows.laid_out, len(rows.laid_out.machines)
        when = laid_out.failure_ticks * units_per_tick(rows.frame[TIME])
        inside = (when >= axis.start(windows[0])) & (when < axis.start(windows[1] + 1))
        announced = rows.announced() & inside
        exposure = np.bincount(laid_out.code[laid_out.known & is_here], minlength=n) * laid_out.step
        counts = AlarmCounts(np.bincount(laid_out.failure_machine[inside], minlength=n),
                             np.bincount(laid_out.failure_machine[inside & ~announced], minlength=n),
                             laid_out.tally(rows.onset & is_here).false_alarms, exposure / HOURS_PER_MONTH)
        nearest = np.searchsorted(np.flatnonzero(rows.onset), laid_out.window_start[announced])
        first = np.flatnonzero(rows.onset)[nearest] if announced.any() else np.zeros(0, dtype=int)
        return cls(counts, laid_out.failure_ticks[announced] - laid_out.ticks[first])

    def figures(self, costs: Costs) -> dict[str, Any]:
        """Failures announced, lead time, false alarms and cost."""
        failures, missed, false = (int(each.sum()) for each in (self.counts.failures, self.counts.missed,
                                                                self.counts.false_alarms))
        cost = (missed * costs.missed_failure_eur + false * costs.false_alarm_eur
                + (failures - missed) * costs.planned_repair_eur)
        months = float(self.counts.months.sum())
        return {
            "failures": failures, "announced": failures - missed, "false_alarms": false,
            "false_alarms_per_machine_month": false / months if months > 0 else None,
            "median_lead_time": float(np.median(self.lead_times)) if len(self.lead_times) else None,
            "cost_eur": float(cost), "cost_per_machine_month_eur": float(cost / months) if months > 0 else None,
        }


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


