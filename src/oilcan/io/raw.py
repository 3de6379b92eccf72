"""Raw files of a data set, read as its contract says."""

from pathlib import Path

from oilcan.contract import Contract
from oilcan.core.ingest.frames import RawPiece


def read_raw(contract: Contract, folder: Path) -> dict[str, list[RawPiece]]:
    """Every raw table of `contract` from `folder` (data/raw/<name>/); DataError lists every problem."""
    raise NotImplementedError
