"""Section `validate` of params.yaml."""

import pydantic

from oilcan.params.section import Section


class ValidateParams(Section):
    """Sensor semantics, and the shares above which the stage fails closed."""

    stuck_periods: int = pydantic.Field(ge=2)                    # same reading this many periods in a row
    spike_sigmas: float = pydantic.Field(gt=0)                   # robust z-score of a step there and back
    max_quarantined_share: float = pydantic.Field(ge=0, le=1)    # of the readings of any one sensor
    max_gap_share: float = pydantic.Field(ge=0, le=1)            # of the expected rows
    max_missing_share: float = pydantic.Field(ge=0, le=1)        # of the readings of any one sensor
