"""The demo fleet goes on: the files of its next month, as a plant would hand them over.

The month is cut out of a longer draw with the same parameters, and a longer draw only appends. So the first files and
the months after them are, to the last bit, what one longer draw would have given.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from oilcan.core.simulate import SCENARIOS, Fleet, draw_fleet
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import OilcanError
from oilcan.io.raw_data.later_months import month_parts
from oilcan.io.stage import files, stage_inputs, table_files
from oilcan.params.stages.simulate import SimulateParams

DATASET: Final = "demo_fleet"
_LOGS: Final = ("errors", "maintenance", "failures")


@dataclass(frozen=True)
class DrawnMonth:
    """Where the files lie, the first day in them, and the day after the last."""

    folder: Path
    first: pd.Timestamp
    end: pd.Timestamp
    readings: int
    failures: int


def draw_next_month(root: Path, scenario: str | None = None) -> DrawnMonth:
    """Draw from the end of the newest files to the end of that month, into data/live/demo_fleet/YYYY-MM.

    Parameters
    ----------
    scenario
        A change of the world that begins where the first files end, the same for every month; None goes on with that of
        params.yaml.

    Raises
    ------
    OilcanError
        If the scenario is unknown, or params.yaml has one already.
    """
    p = stage_inputs.read_params(SimulateParams, root / "params.yaml", "simulate")
    contract = stage_inputs.read_contract(root / f"datasets/{DATASET}.yaml")
    live = root / "data/live" / DATASET
    began, starts = pd.Timestamp(p.start), pd.Timestamp(p.start) + pd.Timedelta(days=p.days)
    first = max([starts, *(_end_of(part.name) for part in month_parts(live))])
    end = (first + pd.Timedelta(days=1)).to_period("M").end_time.normalize() + pd.Timedelta(days=1)
    name, change = _change(p, scenario)
    days = (end - began).days
    world = replace(SCENARIOS[name], start_share=change / days)
    horizon_h, lead_time_h = contract.look_ahead()
    fleet = draw_fleet(machines=p.machines, days=days, seed=p.seed, start=p.start, scenario=world, horizon_h=horizon_h,
                       lead_time_h=lead_time_h)
    month = _between(fleet, first, end)
    with files.fresh_folder(live / f"{first:%Y-%m}") as folder:
        table_files.write_tables({"telemetry": month.telemetry, "truth": month.truth}, folder)
        logs = {name: getattr(month, name) for name in _LOGS}
        table_files.write_csvs(logs | ({"machines": month.machines} if len(month.machines) else {}), folder)
    return DrawnMonth(live / f"{first:%Y-%m}", first, end, len(month.telemetry), len(month.failures))


def _change(p: SimulateParams, scenario: str | None) -> tuple[str, float]:
    """Name of the scenario, and the day on which it begins."""
    if scenario is None:
        return p.scenario, SCENARIOS[p.scenario].start_hour(p.days) / 24
    if scenario not in SCENARIOS:
        raise OilcanError(f"--scenario: unknown (found {scenario!r}, wanted one of {', '.join(sorted(SCENARIOS))}). "
                          f"Choose one.")
    if p.scenario not in ("none", scenario):
        raise OilcanError(f"--scenario: the first files have {p.scenario!r} already (simulate.scenario of params.yaml; "
                          f"wanted none). Leave the option out.")
    return scenario, float(p.days)


def _between(fleet: Fleet, first: pd.Timestamp, end: pd.Timestamp) -> Fleet:
    """Rows of some days, and the machines that sent nothing before."""
    def rows(table: pd.DataFrame) -> pd.DataFrame:
        return table[(table[TIME] >= first) & (table[TIME] < end)].reset_index(drop=True)

    before = set(fleet.telemetry.loc[fleet.telemetry[TIME] < first, MACHINE])
    cut = {name: rows(getattr(fleet, name)) for name in ("telemetry", "truth", *_LOGS)}
    return replace(fleet, machines=fleet.machines[~fleet.machines[MACHINE].isin(before)].reset_index(drop=True), **cut)


def _end_of(part: str) -> pd.Timestamp:
    """The day after the last one of a part of a month."""
    return pd.Period(part[:7], "M").end_time.normalize() + pd.Timedelta(days=1)
