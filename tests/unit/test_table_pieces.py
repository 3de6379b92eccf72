"""A table that is written and read piece by piece is the table that is written at once, to the byte."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oilcan.io.stage import table_files

TABLE = pd.DataFrame({"machine_id": [f"m{at // 9:02d}" for at in range(100)], "time": pd.date_range(
    "2024-01-01", periods=100, freq="h", tz="UTC").astype("datetime64[us, UTC]"), "x": np.arange(100.0)})
ROW_GROUP = 1 << 20


@pytest.mark.parametrize("cuts", [[], [1], [50, 50, 99]])
def test_pieces_of_any_size_make_the_bytes_of_the_whole(tmp_path: Path, cuts: list[int]) -> None:
    edges = [0, *cuts, len(TABLE)]
    pieces = [TABLE.iloc[first:last] for first, last in pairwise(edges)]
    assert table_files.write_pieces(pieces, tmp_path / "pieces.parquet") == len(TABLE)
    table_files.write_table(TABLE, tmp_path / "whole.parquet")
    assert (tmp_path / "pieces.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_pieces_larger_than_a_row_group_make_the_bytes_of_the_whole(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": np.arange(2 * ROW_GROUP + 5)})
    table_files.write_pieces([table.iloc[: ROW_GROUP + 3], table.iloc[ROW_GROUP + 3:]], tmp_path / "pieces.parquet")
    table_files.write_table(table, tmp_path / "whole.parquet")
    assert (tmp_path / "pieces.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize("columns", [None, ["machine_id", "x"]])
def test_pieces_that_are_read_are_the_table_with_its_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: list[str] | None
) -> None:
    monkeypatch.setattr(table_files, "_PIECE", 7)
    table_files.write_table(TABLE, path := tmp_path / "whole.parquet")
    pieces = list(table_files.read_pieces(path, columns))
    assert max(map(len, pieces)) == 7
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), table_files.read_table(path, columns))
