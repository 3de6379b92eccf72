"""Section `evaluate` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class EvaluateParams(Section):
    """Intervals and slices."""

    seed: int = pydantic.Field(ge=0)                             # of the resamples
    bootstrap: int = pydantic.Field(ge=20)                       # resamples of machines
    min_slice_machines: int = pydantic.Field(ge=1)               # smaller slices carry no metric
