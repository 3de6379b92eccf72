"""What a sequence of models would have done to a fleet: alarms, failures announced and missed, cost, week by week.

Each model forecasts the rows of the time in which it was in service. The alarm policy keeps its memory when the model
changes: a machine that has alarmed stays silent for the refractory time, whoever raised the alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms.policy import AlarmPolicy, AlarmState, step
from oilcan.core.judging.costs import cost_by_machine
from oilcan.core.judging.event_matching import HOURS_PER_MONTH, Tally, WarningWindows, lay_out
from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.ground.columns import MACHINE, TIME, ticks

WEEK_H = 168.0


@dataclass(frozen=True)
class Service:
    """A model in service.

    Attributes
    ----------
    since
        Exact time of its first row.
    p
        Its probability for every row of the record, shape (n,).
    """

    since: int
    p: np.ndarray
    policy: AlarmPolicy


@dataclass(frozen=True)
class OperatedYear:
    """Alarms of a time of operation, judged by what happened in the end.

    Attributes
    ----------
    windows
        Rows of the operation, with the failures that count.
    onset
        Rows at which an alarm was raised, shape (n,).
    begins
        First tick of operation.
    """

    contract: Contract
    windows: WarningWindows
    onset: np.ndarray
    begins: float

    @cached_property
    def tally(self) -> Tally:
        """Counts by machine."""
        return self.windows.tally(self.onset)

    @property
    def cost_by_machine(self) -> np.ndarray:
        """EUR, shape (n_machines,)."""
        return cost_by_machine(self.tally, self.contract.costs)

    def events(self) -> pd.DataFrame:
        """Every failure that counts and every false alarm, in order of time.

        Returns
        -------
        machine_id; ticks (since the epoch of `ticks`); kind `caught`, `missed` or `false`; lead, in ticks, NaN unless
        caught; cost_eur.
        """
        rows, costs = np.flatnonzero(self.onset), self.contract.costs
        first = np.append(rows, len(self.onset))[np.searchsorted(rows, self.windows.window_start)]
        hit = first < self.windows.window_end
        lead = np.full(len(hit), np.nan)
        lead[hit] = self.windows.failure_ticks[hit] - self.windows.ticks[first[hit]]
        false = np.flatnonzero(self.onset & ~self.windows.due & self.windows.known)
        table = pd.concat([
            pd.DataFrame({"machine": self.windows.failure_machine, "ticks": self.windows.failure_ticks,
                          "kind": np.where(hit, "caught", "missed"), "lead": lead,
                          "cost_eur": np.where(hit, costs.planned_repair_eur, costs.missed_failure_eur)}),
            pd.DataFrame({"machine": self.windows.code[false], "ticks": self.windows.ticks[false], "kind": "false",
                          "lead": np.nan, "cost_eur": costs.false_alarm_eur})])
        table.insert(0, MACHINE, self.windows.machines[table.pop("machine").to_numpy(dtype=np.int64)])
        return table.sort_values(["ticks", MACHINE, "kind"], ignore_index=True)

    def weekly_cost(self, weeks: int) -> np.ndarray:
        """EUR of each week of operation, shape (weeks,)."""
        events = self.events()
        week = ((events["ticks"].to_numpy() - self.begins) // WEEK_H).astype(np.int64)
        inside = (week >= 0) & (week < weeks)
        return np.bincount(week[inside], weights=events["cost_eur"].to_numpy(np.float64)[inside], minlength=weeks)

    def figures(self) -> dict[str, float | int | None]:
        """The figures that people compare."""
        tally = self.tally
        failures, caught, false = (int(each.sum()) for each in (tally.n_failures, tally.detected, tally.false_alarms))
        months = float(tally.exposure.sum()) / HOURS_PER_MONTH
        return {"failures": failures, "caught": caught, "missed": failures - caught, "false_alarms": false,
                "false_alarms_per_machine_month": round(false / months, 6) if months else None,
                "median_lead_time_h": round(float(np.median(tally.lead_times)), 3) if len(tally.lead_times) else None,
                "cost_eur": float(self.cost_by_machine.sum())}


def operate(contract: Contract, rows: pd.DataFrame, services: Sequence[Service], failures: pd.DataFrame, *, end: int,
            crew: np.ndarray | None = None) -> OperatedYear:
    """Raise alarms by the model in service at each row, and judge them.

    Parameters
    ----------
    rows
        machine_id and time of the whole record, sorted by machine and time.
    services
        In order of `since`; operation begins with the first.
    failures
        All that happened, canonical.
    end
        Exact time at which the operation ends; outcomes that lie beyond are not judged.
    crew
        Of each row, where the contract has crews.

    Examples
    --------
    See `tests/unit/test_operated_year.py`.
    """
    time = exact(rows[TIME])
    mine = np.flatnonzero((time >= services[0].since) & (time < end))
    kept, time = rows.iloc[mine].reset_index(drop=True), time[mine]
    per_tick = units_per_tick(rows[TIME])
    horizon, lead = contract.look_ahead()
    seen = failures[exact(failures[TIME]) < end]
    windows = lay_out(kept[MACHINE].to_numpy(), ticks(kept[TIME]), seen, lead, horizon,
                      np.full(len(kept), end / per_tick))
    state, onset = AlarmState.of(len(windows.machines)), np.zeros(len(kept), dtype=bool)
    stops = [each.since for each in services[1:]] + [end]
    for service, stop in zip(services, stops, strict=True):
        at = np.flatnonzero((time >= service.since) & (time < stop))
        onset[at] = step(service.policy, state, windows.code[at], windows.ticks[at], service.p[mine[at]],
                         None if crew is None else crew[mine[at]])
    return OperatedYear(contract, windows, onset, services[0].since / per_tick)
