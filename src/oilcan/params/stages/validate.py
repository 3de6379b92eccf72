"""Section `validate` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class ValidateParams(Section):
    """How sharply the stage looks at sensors; the contract has the shares above which it refuses."""

    stuck_periods: int = pydantic.Field(ge=2)                    # a reading repeated for so many periods is stuck
    spike_sigmas: float = pydantic.Field(gt=0)                   # robust z-score of a step there and back
