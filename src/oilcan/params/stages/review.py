"""Section `review` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class ReviewParams(Section):
    """How the gate resamples; its requirements are in gate.yaml."""

    seed: int = pydantic.Field(ge=0)                             # of the resamples
    bootstrap: int = pydantic.Field(ge=20)                       # resamples of machines
