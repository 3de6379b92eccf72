"""The fleet as a company would export it, and the truth no company has."""

from dataclasses import fields

import numpy as np
import pandas as pd

from oilcan.core.simulate.faults import file_order
from oilcan.core.simulate.operation import ambient
from oilcan.core.simulate.partition import ARRIVAL, Fleet, Window, draw_block
from oilcan.core.simulate.population import draw_machines
from oilcan.core.simulate.scenarios import SCENARIOS, Scenario


def draw_fleet(
    *,
    machines: int,
    days: int,
    seed: int,
    start: str,
    scenario: str | Scenario = "none",
    horizon_h: float,
    lead_time_h: float,
) -> Fleet:
    """A fleet with known physics, its logs, and the best possible forecast.

    The same arguments give the same frames; a scenario changes nothing before its start day.

    Parameters
    ----------
    machines, days
        Size of the fleet and length of the hourly record, each >= 1.
    seed
        Any integer >= 0.
    start
        First day, for example "2024-01-01".
    scenario
        A name from `SCENARIOS`, or a scenario of one's own.
    horizon_h, lead_time_h
        The oracle is about breakdowns in (t + lead_time_h, t + lead_time_h + horizon_h].

    Raises
    ------
    ValueError
        If an argument is outside these limits or the scenario is unknown; all are listed.

    Examples
    --------
    >>> fleet = draw_fleet(
    ...     machines=2, days=3, seed=1, start="2024-01-01", horizon_h=72, lead_time_h=12
    ... )
    >>> fleet.truth.columns.tolist(), len(fleet.truth)
    (['machine_id', 'time', 'p_failure'], 144)
    """
    _check(machines=machines, days=days, seed=seed, start=start, scenario=scenario,
           horizon_h=horizon_h, lead_time_h=lead_time_h)  # fmt: skip
    world = scenario if isinstance(scenario, Scenario) else SCENARIOS[scenario]
    window = Window(horizon_h, lead_time_h)
    clock = pd.date_range(start, periods=24 * days, freq="h")
    change_h = world.start_hour(days)
    site_c = ambient(clock, seed=seed, season_factor=world.season_factor, change_h=change_h)
    group = draw_machines(machines, seed=seed, start=clock[0])
    blocks = [draw_block(group, clock, site_c, world, change_h, window, seed=seed, block=0)]
    joining = round(world.joining_share * machines) or int(world.joining_share > 0)
    if joining and change_h < len(clock):
        clock, site_c = clock[change_h:], site_c[change_h:]
        group = draw_machines(joining, seed=seed, start=clock[0], first_number=machines + 1, joining=True,
                              is_new_model=world.joining_new)
        blocks.append(draw_block(group, clock, site_c, world, 0, window, seed=seed, block=1))
    return _join(blocks)


def _check(
    *, machines: int, days: int, seed: int, start: str, scenario: str | Scenario, horizon_h: float, lead_time_h: float
) -> None:
    least = {"machines": (machines, 1), "days": (days, 1), "seed": (seed, 0),
             "horizon_h": (horizon_h, 1), "lead_time_h": (lead_time_h, 0)}  # fmt: skip
    wrong = [
        f"simulate: {name} is too small (found {value!r}, wanted >= {low}). Raise simulate.{name}."
        for name, (value, low) in least.items()
        if value < low
    ]
    if pd.isna(pd.to_datetime(start, errors="coerce", format="ISO8601")):
        wrong.append(f"simulate: start is not a date (found {start!r}, wanted like '2024-01-01'). Set simulate.start.")
    if not isinstance(scenario, Scenario) and scenario not in SCENARIOS:
        known = ", ".join(sorted(SCENARIOS))
        wrong.append(f"simulate: unknown scenario (found {scenario!r}, wanted one of {known}). Set simulate.scenario.")
    if wrong:
        raise ValueError("\n".join(wrong))


def _join(blocks: list[Fleet]) -> Fleet:
    """Blocks in one fleet: telemetry in order of arrival, every log by time."""
    frames = {
        field.name: pd.concat([getattr(block, field.name) for block in blocks], ignore_index=True)
        for field in fields(Fleet)
    }
    arrival = frames["telemetry"].pop(ARRIVAL)
    frames["telemetry"] = file_order(frames["telemetry"], arrival.to_numpy())
    for name in ("errors", "maintenance", "failures", "truth"):
        time = frames[name]["time"].to_numpy().astype(np.int64)
        frames[name] = file_order(frames[name], time)
    return Fleet(**frames)
