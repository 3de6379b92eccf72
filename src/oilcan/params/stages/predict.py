"""Section `predict` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class PredictParams(Section):
    """Scoring of the validation and test parts."""

    rows_per_batch: int = pydantic.Field(ge=1)                   # bounds the memory; the forecasts do not depend on it
