"""Section `prepare` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class PrepareParams(Section):
    """Cleaning, and the draw of machines or rows into parts."""

    seed: int = pydantic.Field(ge=0)                             # of the draw of machines or rows into parts
    fill_gap_periods: int = pydantic.Field(ge=0)  # a missing reading repeats the last one for at most so many periods
