"""A table of parts in a file, of which only what is asked for is in memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.ground.columns import PART
from oilcan.io.stage import table_files


class SplitFile:
    """A Parquet table with a column `part`, read part by part and column by column.

    Parameters
    ----------
    path
        A file that a stage has written.

    Raises
    ------
    DataError
        If the file is missing, truncated or lacks a column that is asked for.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, np.ndarray] = {}
        self.columns: Sequence[str] = table_files.columns(path)

    def read(self, part: str, columns: Sequence[str]) -> pd.DataFrame:
        """Some columns of the rows of a part, index 0..n-1."""
        if part not in self._rows:
            marks = [(piece[PART] == part).to_numpy(dtype=bool) for piece in self._pieces([PART])]
            self._rows[part] = np.concatenate(marks)
        rows, at, kept = self._rows[part], 0, []
        for piece in self._pieces(columns):
            kept.append(piece[rows[at : at + len(piece)]])
            at += len(piece)
        return pd.concat(kept, ignore_index=True)

    def _pieces(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """All rows, some after the other; one piece without rows where the table has none."""
        if table_files.shape(self._path)[0]:
            yield from table_files.read_pieces(self._path, list(columns))
        else:
            yield table_files.read_table(self._path, list(columns))
