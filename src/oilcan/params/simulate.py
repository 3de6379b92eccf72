"""Section `simulate` of params.yaml."""

import datetime
from typing import Annotated, Literal

import pydantic

from oilcan.params.section import Section


def _day(text: str) -> str:
    datetime.date.fromisoformat(text)
    return text


class SimulateParams(Section):
    """The simulated fleet."""

    seed: int = pydantic.Field(ge=0)
    machines: int = pydantic.Field(ge=1)
    days: int = pydantic.Field(ge=30)
    start: Annotated[str, pydantic.AfterValidator(_day)]         # first day, UTC, e.g. '2024-01-01'
    scenario: Literal["none", "sensor_drift", "new_model", "changed_mechanism", "maintenance_policy"]
