"""Section `explain` of params.yaml."""

import pydantic

from oilcan.params.section import Section


class ExplainParams(Section):
    """Importance of sensors and features."""

    seed: int = pydantic.Field(ge=0)
    rows: int = pydantic.Field(ge=100)                           # at most, evenly spread; a third for lives
    repeats: int = pydantic.Field(ge=2)                          # times a sensor is shuffled
