"""The fleet as a company would export it, and the truth no company has."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.simulate.faults import file_order
from oilcan.core.simulate.operation import ambient
from oilcan.core.simulate.partition import ARRIVAL, JOINING, Fleet, Window, draw_block
from oilcan.core.simulate.population import draw_machines
from oilcan.core.simulate.scenarios import SCENARIOS, Scenario

MACHINES_AT_ONCE: Final = 100          # drawn together; another number would draw other machines


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
    plan = _FleetPlan.of(machines=machines, days=days, seed=seed, start=start, scenario=scenario,
                         window=Window(horizon_h, lead_time_h))
    return _join([block for blocks in plan.deliveries() for block in blocks])


def draw_deliveries(
    *,
    machines: int,
    days: int,
    seed: int,
    start: str,
    scenario: str | Scenario = "none",
    horizon_h: float,
    lead_time_h: float,
) -> Iterator[Fleet]:
    """The same fleet in groups of at most `MACHINES_AT_ONCE` machines, so that memory does not grow with the fleet.

    A group lives and is delivered apart from the others; the scenario changes each group by its own draws. The machines
    that join are all in the first group.

    Parameters are those of `draw_fleet`.

    Examples
    --------
    >>> parts = draw_deliveries(machines=101, days=2, seed=1, start="2024-01-01", horizon_h=72, lead_time_h=12)
    >>> [len(part.machines) for part in parts]
    [100, 1]
    """
    plan = _FleetPlan.of(machines=machines, days=days, seed=seed, start=start, scenario=scenario,
                         window=Window(horizon_h, lead_time_h))
    return (_join(blocks) for blocks in plan.deliveries())


@dataclass(frozen=True)
class _FleetPlan:
    """What the groups of a fleet have in common."""

    machines: int
    seed: int
    clock: pd.DatetimeIndex
    site_c: np.ndarray
    world: Scenario
    change_h: int
    window: Window

    @classmethod
    def of(cls, *, machines: int, days: int, seed: int, start: str, scenario: str | Scenario, window: Window
           ) -> "_FleetPlan":
        _check(machines=machines, days=days, seed=seed, start=start, scenario=scenario,
               horizon_h=window.horizon_h, lead_time_h=window.lead_time_h)  # fmt: skip
        world = scenario if isinstance(scenario, Scenario) else SCENARIOS[scenario]
        clock, change_h = pd.date_range(start, periods=24 * days, freq="h"), world.start_hour(days)
        site_c = ambient(clock, seed=seed, season_factor=world.season_factor, change_h=change_h)
        return cls(machines, seed, clock, site_c, world, change_h, window)

    def deliveries(self) -> Iterator[list[Fleet]]:
        """Blocks of each group; the first group has those of the joining machines too."""
        all_machines = draw_machines(self.machines, seed=self.seed, start=self.clock[0])
        for number, first in enumerate(range(0, self.machines, MACHINES_AT_ONCE)):
            group = all_machines.take(slice(first, first + MACHINES_AT_ONCE))
            block = number + 1 if number else 0             # 1 is the block of those that join
            blocks = [draw_block(group, self.clock, self.site_c, self.world, self.change_h, self.window,
                                 seed=self.seed, block=block, first=first)]
            yield blocks if number else blocks + self._joining()

    def _joining(self) -> list[Fleet]:
        world, change_h = self.world, self.change_h
        count = round(world.joining_share * self.machines) or int(world.joining_share > 0)
        if not count or change_h >= len(self.clock):
            return []
        clock = self.clock[change_h:]
        group = draw_machines(count, seed=self.seed, start=clock[0], first_number=self.machines + 1, joining=True,
                              is_new_model=world.joining_new)
        return [draw_block(group, clock, self.site_c[change_h:], world, 0, self.window, seed=self.seed, block=JOINING)]


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
