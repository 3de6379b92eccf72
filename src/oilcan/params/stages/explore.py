"""Section `explore` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class ExploreParams(Section):
    """Exploration of the data before any model."""

    seed: int = pydantic.Field(ge=0)                             # of the resampling of machines
    max_readings: int = pydantic.Field(ge=10_000)                # of more, whole machines are taken evenly
