"""A table of parts reads the same from a file as from memory, and no judgement reads more columns than it needs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.evaluation_frames import PARAMS, Evidence, fleet, lots

from oilcan.evaluation import figures
from oilcan.evaluation.fleet_and_forecasts import Forecasts
from oilcan.evaluation.split_table import SplitTable, TableInMemory
from oilcan.ground.errors import DataError
from oilcan.io.batches.split_file import SplitFile
from oilcan.io.stage import table_files

ROWS = pd.DataFrame({
    "machine_id": [f"m{at // 9:02d}" for at in range(100)],
    "time": pd.date_range("2024-01-01", periods=100, freq="h", tz="UTC").astype("datetime64[us, UTC]"),
    "part": [("train", "validation", "test")[at % 9 // 3] for at in range(100)],
    "x": np.where(np.arange(100) % 5, np.arange(100.0), np.nan)})
MOST_COLUMNS = 6        # owner and target of a row, and what is forecast of one task


@pytest.mark.parametrize("part", ["train", "validation", "test", "none of these"])
@pytest.mark.parametrize("columns", [["x"], ["time", "machine_id"], list(ROWS)])
def test_a_file_is_read_as_the_same_table_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, columns: list[str]
) -> None:
    monkeypatch.setattr(table_files, "_PIECE", 7)
    table_files.write_table(ROWS, path := tmp_path / "rows.parquet")
    table, memory = SplitFile(path), TableInMemory(table_files.read_table(path))
    assert table.columns == memory.columns
    for _ in range(2):                      # the second time the rows of the part are known
        pd.testing.assert_frame_equal(table.read(part, columns), memory.read(part, columns))


def test_a_file_without_rows_has_the_types_of_its_columns(tmp_path: Path) -> None:
    table_files.write_table(ROWS.iloc[:0], path := tmp_path / "rows.parquet")
    found = SplitFile(path).read("test", list(ROWS))
    pd.testing.assert_frame_equal(found, table_files.read_table(path))


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    table_files.write_table(ROWS, path := tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"a table without 'y'"):
        SplitFile(path).read("test", ["y"])
    with pytest.raises(DataError, match=r"does not exist"):
        SplitFile(tmp_path / "other.parquet")


@dataclasses.dataclass(frozen=True)
class Watched:
    """A table that remembers how many columns were read together."""

    table: SplitTable
    widths: list[int]

    @property
    def columns(self) -> Sequence[str]:
        return self.table.columns

    def read(self, part: str, columns: Sequence[str]) -> pd.DataFrame:
        self.widths.append(len(columns))
        return self.table.read(part, columns)


@pytest.mark.parametrize("evidence", [fleet(), lots()], ids=["fleet", "independent rows"])
def test_no_judgement_reads_more_columns_than_it_needs(evidence: Evidence) -> None:
    wide = evidence.predictions.assign(**{f"by_other_{at}h": 0.5 for at in range(20)})
    forecasts = Watched(TableInMemory(wide), [])
    rows = Watched(TableInMemory(evidence.rows), [])
    figures.evaluate(dataclasses.replace(evidence.fleet, rows=rows),
                     Forecasts(forecasts, evidence.model["policies"]), evidence.explained, PARAMS)
    assert forecasts.widths
    assert max(forecasts.widths + rows.widths) <= MOST_COLUMNS
