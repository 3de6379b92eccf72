"""Section `simulate` of params.yaml."""

import datetime
from typing import Annotated, Literal

import pydantic

from oilcan.ground.section import Section


def _day(text: str) -> str:
    datetime.date.fromisoformat(text)
    return text


ScenarioName = Literal["none", "sensor_drift", "new_model", "changed_mechanism", "maintenance_policy", "sensor_offset",
                       "stuck_sensor", "unit_changed", "hot_season", "holiday", "growing_fleet"]


class SimulateParams(Section):
    """The simulated fleet."""

    seed: int = pydantic.Field(ge=0)                             # of every draw
    machines: int = pydantic.Field(ge=1)                         # of the fleet
    days: int = pydantic.Field(ge=30)                            # of telemetry
    start: Annotated[str, pydantic.AfterValidator(_day)]         # first day, UTC, e.g. '2024-01-01'
    scenario: ScenarioName                                           # what changes in the last part of the record
