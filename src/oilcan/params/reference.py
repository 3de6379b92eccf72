"""Section `reference` of params.yaml."""

import pydantic

from oilcan.params.section import Section


class ReferenceParams(Section):
    """How the reference of the monitoring is read; what it holds stands in monitoring.yaml."""

    rows_per_batch: int = pydantic.Field(ge=1)                   # forecast at a time
