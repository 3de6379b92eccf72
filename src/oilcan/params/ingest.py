"""Section `ingest` of params.yaml."""

import pydantic

from oilcan.params.section import Section


class IngestParams(Section):
    """How raw files become canonical tables."""

    max_rejected_share: float = pydantic.Field(ge=0, le=1)       # refused rows of a table above this share stop the run
    machines_per_partition: int = pydantic.Field(ge=1)           # in one telemetry file
