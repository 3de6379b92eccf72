"""Checks that need the whole fleet: clocks, events and telemetry side by side, and what a task needs."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.prepare.forecast_rows import silence
from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.time_units import in_unit

LEAST_MACHINES: Final = 5           # fewer say nothing about where the fleet ends
HARMFUL_SHARE: Final = 0.1          # of the fleet's span: a clock ahead by more would move the split


def machines_ahead(machines: pd.DataFrame, *, tolerance: float) -> pd.DataFrame:
    """Machines whose last instant lies after the end at which most of the fleet stops together.

    Parameters
    ----------
    machines
        machine_id and last_time; last_time is absent for independent rows.
    tolerance
        Hours that ends may lie apart and still count as together.

    Returns
    -------
    machine_id and ahead_h, sorted by machine_id; empty unless at least five machines count
    instants and half of them end together.

    Examples
    --------
    >>> ends = pd.to_datetime(["2024-06-01"] * 5 + ["2025-06-01"], utc=True)
    >>> machines_ahead(pd.DataFrame({"machine_id": list("abcdef"), "last_time": ends}), tolerance=6)
      machine_id  ahead_h
    0          f   8760.0
    """
    none = pd.DataFrame({MACHINE: pd.Series(dtype="str"), "ahead_h": pd.Series(dtype="float64")})
    if "last_time" not in machines or units_per_tick(machines["last_time"]) == 1 or len(machines) < LEAST_MACHINES:
        return none
    last, unit = exact(machines["last_time"]), units_per_tick(machines["last_time"])
    usual_end = np.partition(last, len(last) // 2)[len(last) // 2]
    is_together = np.abs(last - usual_end) <= tolerance * unit
    if 2 * np.count_nonzero(is_together) < len(last):
        return none
    table = pd.DataFrame({MACHINE: machines[MACHINE].to_numpy(), "ahead_h": (last - usual_end) / unit})
    return table[table["ahead_h"] > tolerance].sort_values(MACHINE).reset_index(drop=True)


def clock_breaches(machines: pd.DataFrame, contract: Contract) -> list[str]:
    """A line for each machine whose clock is so far ahead that a split by time would move."""
    ahead = machines_ahead(machines, tolerance=silence(contract))
    if ahead.empty:
        return []
    others = machines[~machines[MACHINE].isin(ahead[MACHINE])]
    unit = units_per_tick(machines["last_time"])
    span_h = (exact(others["last_time"]).max() - exact(others["first_time"]).min()) / unit
    return [
        f"machine {row.machine_id!r}: its last instant lies {row.ahead_h:,.0f} h after the end of the fleet (wanted at "
        f"most {HARMFUL_SHARE * span_h:,.0f} h). Set its clock right, or leave its rows out with `exclude:`"
        for row in ahead.itertuples()
        if row.ahead_h > HARMFUL_SHARE * span_h
    ]


def events_outside(tables: Mapping[str, pd.DataFrame]) -> int:
    """Events before the first or after the last reading of their machine; they are kept."""
    machines = tables["machines"].set_index(MACHINE)
    outside = 0
    for name in ("errors", "maintenance", "failures"):
        events = tables[name]
        of_machine = machines.reindex(events[MACHINE])
        before = events[TIME].to_numpy() < of_machine["first_time"].to_numpy()
        after = events[TIME].to_numpy() > of_machine["last_time"].to_numpy()
        outside += int(np.count_nonzero(before | after))
    return outside


def silent_pairs(sensors: pd.DataFrame, machines: int) -> int:
    """Pairs of machine and sensor without one reading, of sensors that most machines have."""
    is_usual = 2 * sensors["silent_machines"] < machines
    return int(sensors.loc[is_usual, "silent_machines"].sum())


def task_breaches(tables: Mapping[str, pd.DataFrame], contract: Contract) -> list[str]:
    """What keeps the data from carrying a task: no failures, or less time than a label needs."""
    if contract.time.kind == "none":
        return []
    machines, failures = tables["machines"], tables["failures"]
    breaches = []
    of_failures = [name for name, task in contract.tasks.items() if task.kind in {"failure_within", "rul"}]
    if failures.empty and of_failures:
        names = ", ".join(of_failures)
        breaches.append(f"failures: none at all (found 0, wanted at least 1) for {names}. Check failures.from in the "
                        f"contract and the raw failure records; without failures nothing can be learned")
    per_tick, unit = units_per_tick(machines["last_time"]), contract.time.lengths
    first, last = exact(machines["first_time"]), exact(machines["last_time"])
    is_instant = contract.time.kind == "instant"
    watched = (last.max() - first.min() if is_instant else (last - first).max()) / per_tick
    word = "h" if unit == "hours" else unit
    for name, task in contract.tasks.items():
        if task.horizon and task.lead_time and task.horizon.ticks + task.lead_time.ticks >= watched:
            needed, there = (f"{in_unit(ticks, unit):g} {word}"
                             for ticks in (task.horizon.ticks + task.lead_time.ticks, watched))
            breaches.append(f"tasks.{name}: horizon + lead time = {needed} is not shorter than the data "
                            f"({there}); no label could be known. Shorten tasks.{name}.horizon")
    return breaches
