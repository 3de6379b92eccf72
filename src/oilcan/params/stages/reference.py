"""Section `reference` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class ReferenceParams(Section):
    """How the reference of the monitoring is read; monitoring.yaml says what it holds."""

    rows_per_batch: int = pydantic.Field(ge=1)                   # forecast at a time
