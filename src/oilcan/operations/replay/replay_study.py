"""A whole replay: policies by seeds, one file of results that the page is drawn from."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.core.alarms import crews
from oilcan.core.simulate import SCENARIOS
from oilcan.core.timeline.groups import units_per_tick
from oilcan.evaluation.operated.operated_year import OperatedYear, operate
from oilcan.evaluation.operated.policy_summary import over_machines, summarise
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import DataError
from oilcan.operations.replay.fleet_watch import FleetWatch
from oilcan.operations.replay.model_shelf import ModelShelf
from oilcan.operations.replay.policy_run import Operation, PolicyRun
from oilcan.operations.replay.replay_settings import ReplaySettings
from oilcan.operations.replay.replayed_fleet import ReplayedFleet, read_fleet
from oilcan.operations.replay.retrain_policies import ReplayPolicy

_US_PER_DAY: Final = 86_400_000_000
_US_PER_WEEK: Final = 7 * _US_PER_DAY
Say = Callable[[str], None]


def study(settings: ReplaySettings, root: Path, *, policies: Sequence[ReplayPolicy], seeds: Sequence[int],
          scenario: str, shelf: Path, say: Say) -> dict[str, Any]:
    """Replay each seed by each policy.

    Parameters
    ----------
    seeds
        Of the drawn fleet; of a fleet from files there is one, whatever its number.
    shelf
        Folder in which models are kept: a replay that was killed goes on from there.
    say
        Receives a line for people as each step ends.

    Returns
    -------
    Plain values for a JSON file, as docs/replay.md describes them.

    Raises
    ------
    DataError
        If the record is too short, or the first model cannot be made.
    """
    runs: list[dict[str, Any]] = []
    seeds = seeds if settings.replay.fleet is not None else seeds[:1]
    for seed in seeds:
        fleet = read_fleet(settings, root, seed=seed, scenario=scenario)
        say(f"seed {seed}: {len(fleet.tables['telemetry']):,} readings, {len(fleet.tables['failures'])} failures")
        runs += replay_fleet(settings, fleet, policies=policies, seed=seed, shelf=shelf, say=say)
    ends = settings.axis.start(windows_of(settings, fleet)[1] + 1)
    return {
        "data_set": settings.contract.name, "scenario": scenario, "seeds": list(seeds),
        "begins": settings.begins.isoformat(), "ends": pd.Timestamp(ends, unit="us", tz="UTC").isoformat(),
        "change": _change(settings, scenario), "machines": int(fleet.tables["machines"][MACHINE].nunique()),
        "costs": settings.contract.costs.model_dump(), "labels_late_days": settings.replay.labels_late_days,
        "policies": [{"name": policy.name, "words": policy.words} for policy in policies],
        "changed_params": dict(settings.replay.params),
        "runs": runs, "summary": summarise(runs),
    }


def replay_fleet(settings: ReplaySettings, fleet: ReplayedFleet, *, policies: Sequence[ReplayPolicy], seed: int,
                 shelf: Path, say: Say) -> list[dict[str, Any]]:
    """One fleet operated by each policy; one entry for each."""
    models = ModelShelf(shelf, settings, fleet, say)
    shared = Operation(settings, fleet, models, FleetWatch(settings, fleet), windows_of(settings, fleet))
    models.prepare([settings.begins, *(_calendar(shared) if any(each.by_calendar for each in policies) else [])])
    done = [shared.run(policy, say) for policy in policies]
    years = [_judged(shared, run) for run in done]
    never = years[0].cost_by_machine
    begin, end = settings.axis.start(shared.windows[0]), settings.axis.start(shared.windows[1] + 1)
    weeks = math.ceil((end - begin) / _US_PER_WEEK)
    return [_entry(run, year, never, seed, weeks) for run, year in zip(done, years, strict=True)]


def windows_of(settings: ReplaySettings, fleet: ReplayedFleet) -> tuple[int, int]:
    """First and last whole window of operation.

    Raises
    ------
    DataError
        If there is none.
    """
    axis = settings.axis
    begins = int(settings.begins.value // 1000)
    first = int(axis.window_of(axis.slot_of(np.array([begins])))[0])
    if axis.start(first) < begins:
        raise DataError(f"replay: operation begins on {settings.begins.date()}, inside a {settings.monitoring.window} "
                        f"of the monitoring (wanted its first day, for example "
                        f"{pd.Timestamp(axis.start(first + 1), unit='us').date()}). Move `begins` in replay.yaml, or "
                        f"give --from.")
    period = settings.contract.time.period
    per_tick = units_per_tick(fleet.tables["telemetry"][TIME])
    ends = int(fleet.end.value // 1000) + (1 if period is None else round(period.ticks * per_tick))
    if settings.until is not None:
        ends = min(ends, int(settings.until.value // 1000))
    last = axis.last_whole(ends)
    if last < first:
        raise DataError(f"replay: operation ends on {pd.Timestamp(ends, unit='us').date()}, before the first "
                        f"{settings.monitoring.window} of it is over. Begin earlier (--from), or end later (--until).")
    return first, last


def _calendar(shared: Operation) -> list[pd.Timestamp]:
    """Moments at which the calendar asks for a model: known beforehand, so these are made side by side."""
    axis, settings = shared.settings.axis, shared.settings
    moments, last = [], int(settings.begins.value // 1000)
    for window in range(shared.windows[0], shared.windows[1]):
        now = axis.start(window + 1)
        if (now - last) / _US_PER_DAY >= settings.replay.calendar_days:
            moments.append(pd.Timestamp(now, unit="us", tz="UTC"))
            last = now
    return moments


def _judged(shared: Operation, run: PolicyRun) -> OperatedYear:
    contract, fleet = shared.settings.contract, shared.fleet
    rows = fleet.prepared.rows
    crew = crews.crews(contract, fleet.tables["machines"], rows[MACHINE])
    return operate(contract, rows, run.in_service(contract.headline()[0]), fleet.tables["failures"],
                   end=shared.settings.axis.start(shared.windows[1] + 1), crew=crew)


def _entry(run: PolicyRun, year: OperatedYear, never: np.ndarray, seed: int, weeks: int) -> dict[str, Any]:
    costs = year.cost_by_machine
    later = [model for made, model in sorted(run.models.items())][1:]
    return {
        "policy": run.policy.name, "seed": seed, **year.figures(), "saved_eur": float((never - costs).sum()),
        "saved_eur_ci95": over_machines(costs, never, seed), "retrainings": len(later),
        "promotions": run.count("promote"), "withheld": run.count("hold", "reject"),
        "untrainable": run.count("untrainable"), "rollbacks": run.count("rollback"), "alerts": run.count("alert"),
        "unknown_windows": run.unknown_windows, "cpu_s": round(sum(model.cpu_s for model in later), 1),
        "weekly_cost_eur": year.weekly_cost(weeks).tolist(),
        "happenings": [{"at": _iso(each.at), "kind": each.kind, "words": each.words} for each in run.happenings],
        "events": _events(year),
    }


def _events(year: OperatedYear) -> list[Mapping[str, Any]]:
    """Caught, missed, false: when, on which machine, how early."""
    return [{"at": _iso(round(row.ticks * 3_600_000_000)), "machine_id": str(row.machine_id), "kind": row.kind,
             "lead_h": None if np.isnan(row.lead) else round(float(row.lead), 2)}
            for row in year.events().itertuples()]


def _iso(at: int) -> str:
    return pd.Timestamp(at, unit="us", tz="UTC").isoformat(timespec="minutes")


def _change(settings: ReplaySettings, scenario: str) -> dict[str, str] | None:
    """When a scenario begins and what it is, in words; None if nothing changes."""
    drawn = settings.replay.fleet
    if drawn is None or scenario == "none":
        return None
    begins = settings.begins + pd.Timedelta(days=drawn.change_after_days)
    return {"at": begins.isoformat(timespec="minutes"), "words": SCENARIOS[scenario].description}
