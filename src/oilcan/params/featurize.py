"""Section `featurize` of params.yaml."""

from typing import Literal

import pydantic

from oilcan.params.section import Section


class FeaturizeParams(Section):
    """Which families of features are computed."""

    families: list[
        Literal["level", "trailing", "ewm", "slope", "early_life", "fleet", "events", "static", "health", "residual"]
    ] = pydantic.Field(min_length=1)                             # health, residual: not features, but further sensors
    stats: list[Literal["mean", "std", "min", "max"]] = pydantic.Field(min_length=1)
    regimes: bool                                                # normalise by operating regime
    max_regimes: int = pydantic.Field(ge=1)
    lean: bool                                                   # life left the only forecast: index, few of sensors
    drop_constant: bool
