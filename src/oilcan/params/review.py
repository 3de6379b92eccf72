"""Section `review` of params.yaml."""

import pydantic

from oilcan.params.section import Section


class ReviewParams(Section):
    """The gate between challenger and champion."""

    seed: int = pydantic.Field(ge=0)                             # of the resamples
    bootstrap: int = pydantic.Field(ge=20)                       # resamples of machines
    tolerance_share: float = pydantic.Field(ge=0)  # a model worse than the champion by this share still passes
    slice_tolerance_share: float = pydantic.Field(ge=0)          # the same for any one slice
    min_slice_machines: int = pydantic.Field(ge=1)               # smaller slices are not compared
    max_ece: float = pydantic.Field(gt=0, le=1)  # largest calibration error (ECE) on the test part that passes
