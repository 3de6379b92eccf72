"""Section `validate` of params.yaml."""

import pydantic

from oilcan.params.section import Section


class ValidateParams(Section):
    """Sensor semantics, and the shares above which the stage fails closed."""

    stuck_periods: int = pydantic.Field(ge=2)                    # a reading repeated for so many periods is stuck
    spike_sigmas: float = pydantic.Field(gt=0)                   # robust z-score of a step there and back
    max_quarantined_share: float = pydantic.Field(ge=0, le=1)    # of the readings of a sensor; above it the run stops
    max_gap_share: float = pydantic.Field(ge=0, le=1)            # of the expected rows; above it the run stops
    max_missing_share: float = pydantic.Field(ge=0, le=1)        # of the readings of a sensor; above it the run stops
