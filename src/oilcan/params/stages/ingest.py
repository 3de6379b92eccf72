"""Section `ingest` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class IngestParams(Section):
    """How raw files become canonical tables."""

    machines_per_partition: int = pydantic.Field(ge=1)           # in one telemetry file
