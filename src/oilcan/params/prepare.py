"""Section `prepare` of params.yaml."""

import pydantic

from oilcan.params.section import Section


class PrepareParams(Section):
    """Cleaning, and the draw of machines or rows into parts."""

    seed: int = pydantic.Field(ge=0)
    fill_gap_periods: int = pydantic.Field(ge=0)                 # hold the last reading over at most this many
