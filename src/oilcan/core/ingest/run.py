"""All tables of a data set: raw pieces -> canonical tables."""

import pandas as pd

from oilcan.contract import Contract
from oilcan.core.ingest.frames import Canonical, RawTables


def ingest(
    raw: RawTables, contract: Contract, *, max_rejected_share: float, hash_key: bytes | None = None
) -> Canonical:
    """Canonical tables of a data set; raises DataError listing everything that is wrong."""
    raise NotImplementedError


def machine_groups(telemetry: pd.DataFrame, machines_per_partition: int) -> list[pd.DataFrame]:
    """Telemetry in groups of whole machines, in order."""
    raise NotImplementedError
