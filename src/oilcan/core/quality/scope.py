"""What all checks of one run share: the contract, the limits, the span of the fleet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from oilcan.contract import Contract
from oilcan.core.timeline.groups import exact
from oilcan.params.stages.validate import ValidateParams

TABLES: Final = ("errors", "maintenance", "failures", "machines")
_SAMPLE_ROWS: Final = 100_000       # of the fleet, evenly spaced: enough for a median step and for quantiles


@dataclass(frozen=True)
class Scope:
    """What all checks of one run share.

    Attributes
    ----------
    span
        First and last exact time of the fleet; None for independent rows.
    every
        One row of so many is kept for medians and quantiles.
    """

    contract: Contract
    limits: ValidateParams
    span: tuple[int, int] | None
    every: int

    @classmethod
    def of(
        cls, machines: pd.DataFrame, ingested: Mapping[str, Any], contract: Contract, limits: ValidateParams
    ) -> "Scope":
        """The scope of a fleet; `ingested` is `ingest.json`."""
        span = None
        if contract.time.kind != "none":
            span = int(exact(machines["first_time"]).min()), int(exact(machines["last_time"]).max())
        return cls(contract, limits, span, max(1, -(-ingested["telemetry"]["kept"] // _SAMPLE_ROWS)))
