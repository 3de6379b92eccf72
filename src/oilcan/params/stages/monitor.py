"""Section `monitor` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class MonitorParams(Section):
    """How stored tables are read; the rules are in monitoring.yaml."""

    machines_at_once: int = pydantic.Field(ge=1)                 # bounds the memory
