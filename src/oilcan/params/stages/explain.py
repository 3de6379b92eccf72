"""Section `explain` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class ExplainParams(Section):
    """Importance of sensors and features."""

    seed: int = pydantic.Field(ge=0)                             # of the shuffling
    rows: int = pydantic.Field(ge=100)  # at most, evenly spread over the part; a third of them for remaining life
    repeats: int = pydantic.Field(ge=2)                          # how often each sensor is shuffled
