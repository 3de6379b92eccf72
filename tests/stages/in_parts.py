"""Raw files examined part by part, each machine a part of its own, against the same files in memory."""

import tempfile
from pathlib import Path
from unittest import mock

import pandas as pd

from oilcan.contract import Contract
from oilcan.core.ingest import Examined, examine
from oilcan.core.ingest.machine_groups import whole_frame
from oilcan.io.raw_data.in_parts import raw_parts


def assert_same_in_parts(whole: Examined, contract: Contract, folder: Path) -> None:
    """Rows, counts, refused rows and messages do not depend on whether the files were read whole."""
    frames: dict[str, list[pd.DataFrame]] = {}
    with tempfile.TemporaryDirectory() as scratch, mock.patch.multiple(raw_parts, ROWS_AT_ONCE=1, MOST_IN_MEMORY=0), \
            raw_parts.opened(contract, folder, folder / "live", Path(scratch) / "parts", hash_key=b"") as (raw, parts):
        assert (parts is None) == bool(raw_parts.whole_words(contract, "telemetry"))
        apart = examine(raw, contract, parts=parts, take=lambda name, rows: frames.setdefault(name, []).append(rows))
    assert (apart.counts, apart.breaches, apart.warnings) == (whole.counts, whole.breaches, whole.warnings)
    pd.testing.assert_frame_equal(apart.rejected, whole.rejected)
    assert (apart.canonical is None) == (whole.canonical is None)
    if apart.canonical is not None and whole.canonical is not None:
        tables = apart.canonical.tables | {name: whole_frame(parts) for name, parts in frames.items()}
        assert set(tables) == set(whole.canonical.tables)
        for name, table in whole.canonical.tables.items():
            pd.testing.assert_frame_equal(tables[name].reset_index(drop=True), table.reset_index(drop=True))
