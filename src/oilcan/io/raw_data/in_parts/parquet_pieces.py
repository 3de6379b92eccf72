"""A Parquet file read in pieces."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow
import pyarrow.parquet

from oilcan.contract import Table
from oilcan.contract.table_words import Label
from oilcan.core.ingest.frames import Malformed
from oilcan.ground.errors import DataError
from oilcan.io.raw_data.parquet_types import plain_types
from oilcan.io.raw_data.wanted import text_labels, wanted_columns

_ROWS: Final = 1 << 18


@dataclass
class ParquetPieces:
    """A file, and the labels of the columns that are read of it.

    `is_collected` files have the columns of the contract, in its types.
    """

    path: Path
    file: str
    table: Table
    is_collected: bool = False
    wanted: list[Label] = field(default_factory=list)
    malformed: tuple[Malformed, ...] = ()
    grouped: frozenset[Label] = frozenset()

    def survey(self, begin: Callable[[], Callable[[pyarrow.Table], None]], labels: list[Label]) -> None:
        """Read the columns `labels` once; what `begin` returns receives every piece.

        Raises
        ------
        DataError
            If the file is not Parquet, or its columns are not as listed.
        """
        try:
            names = pyarrow.parquet.read_schema(self.path).names
            self.wanted = [column for column in self.table.columns if column in names] if self.is_collected else \
                wanted_columns(self.table, names, self.file)
            take = begin()
            for piece in self._read([label for label in self.wanted if label in labels]):
                take(piece)
            whole = pyarrow.parquet.read_schema(self.path).empty_table()
            self._plain(whole.select([str(label) for label in self.wanted]))        # columns that no type fits
        except (pyarrow.ArrowException, OSError) as err:
            reason = " ".join(str(err).split())
            raise DataError(f"{self.file}: not readable as Parquet ({reason}); truncated or another format?") from err

    def pieces(self) -> Iterator[tuple[np.ndarray, pyarrow.Table]]:
        """Numbers and cells of the records, in order, a piece at a time."""
        row = 1
        for piece in self._read(self.wanted):
            yield np.arange(row, row + piece.num_rows), piece
            row += piece.num_rows

    def _read(self, labels: list[Label]) -> Iterator[pyarrow.Table]:
        with pyarrow.parquet.ParquetFile(self.path) as opened:
            for batch in opened.iter_batches(_ROWS, columns=[str(label) for label in labels], use_threads=False):
                piece = self._plain(pyarrow.table(batch).select([str(label) for label in labels]))
                yield piece.rename_columns([str(self.wanted.index(label)) for label in labels])

    def _plain(self, piece: pyarrow.Table) -> pyarrow.Table:
        return piece if self.is_collected else plain_types(piece, set(text_labels(self.table)), self.file)
