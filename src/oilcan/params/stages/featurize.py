"""Section `featurize` of params.yaml."""

from typing import Literal

import pydantic

from oilcan.ground.section import Section

FeatureFamily = Literal[
    "level", "trailing", "ewm", "slope", "early_life", "fleet", "events", "static", "health", "residual", "drift"]


class FeaturizeParams(Section):
    """Which families of features are computed."""

    families: list[FeatureFamily] = pydantic.Field(min_length=1)  # health and residual add sensors, not features
    stats: list[Literal["mean", "std", "min", "max"]] = pydantic.Field(min_length=1)  # of each trailing window
    regimes: bool                                                # normalise by operating regime
    max_regimes: int = pydantic.Field(ge=1)                      # clusters of operating conditions, at most
    lean: bool  # where remaining life is the only forecast: the health index, and few features of sensors
    drop_constant: bool                                          # drop features that never vary in training rows
