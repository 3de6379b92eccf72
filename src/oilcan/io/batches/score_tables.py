"""Tables to be scored, some machines at a time, and forecasts written as they come."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import DataError
from oilcan.io.stage import files, table_files

FLEET: Final = ("errors", "maintenance", "failures", "machines")


class ScoreTables:
    """Parquet to be scored: one file, a folder of files, or a folder laid out as data/canonical is.

    Attributes
    ----------
    machines
        Ids in order.
    columns
        Of the telemetry, or of the table of features.
    """

    def __init__(self, path: Path, fleet: Mapping[str, Path]) -> None:
        telemetry = path / "telemetry" if (path / "telemetry").is_dir() else path
        beside = {name: path / f"{name}.parquet" for name in FLEET if telemetry != path}
        found = {name: file for name, file in beside.items() if file.is_file()} | dict(fleet)
        self._fleet = {name: table_files.read_table(file) for name, file in found.items()}
        parts = sorted(telemetry.rglob("*.parquet")) if telemetry.is_dir() else [telemetry]
        if not parts:
            raise DataError(f"{telemetry}: holds no .parquet file. Name a file, or a folder of them.")
        try:
            self._data = pyarrow.dataset.dataset([str(part) for part in parts], format="parquet")
            self.columns = list(self._data.schema.names)
            if MACHINE not in self.columns:
                raise DataError(f"{path}: no column {MACHINE!r} (found {', '.join(self.columns[:8])}). Rename it.")
            ids = self._data.to_table(columns=[MACHINE])[MACHINE].unique().to_pylist()
        except (pyarrow.ArrowInvalid, OSError) as err:
            raise DataError(f"{path}: not readable as Parquet ({' '.join(str(err).split())}).") from err
        self.machines = sorted(each for each in ids if each is not None)

    def some(self, machines: list[Any]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
        """Telemetry of these machines, and their rows of the tables that were given."""
        wanted = pyarrow.dataset.field(MACHINE).isin(machines)
        telemetry = self._data.to_table(filter=wanted).to_pandas()
        return telemetry, {name: table[table[MACHINE].isin(machines)] for name, table in self._fleet.items()}


    def last_times(self) -> pd.DataFrame:
        """Machine and the time of its last row."""
        keys = self._data.to_table(columns=[MACHINE, TIME])
        last = keys.group_by(MACHINE).aggregate([(TIME, "max")]).to_pandas()
        return last.rename(columns={f"{TIME}_max": TIME}).dropna().sort_values(MACHINE, ignore_index=True)


@contextmanager
def forecasts_file(path: Path, notes: Mapping[str, str]) -> Iterator["ForecastsFile"]:
    """A Parquet file that is complete or absent; its metadata hold `notes`."""
    with files.fresh_file(path) as draft:
        writer = ForecastsFile(draft, notes)
        try:
            yield writer
        finally:
            writer.close()


class ForecastsFile:
    """Forecasts appended table by table."""

    def __init__(self, path: Path, notes: Mapping[str, str]) -> None:
        self._path, self._notes = path, {f"oilcan.{name}": value for name, value in notes.items()}
        self._writer: pyarrow.parquet.ParquetWriter | None = None

    def append(self, forecasts: pd.DataFrame) -> None:
        """Write some rows more."""
        table = pyarrow.Table.from_pandas(forecasts, preserve_index=False)
        if self._writer is None:
            schema = table.schema.with_metadata((table.schema.metadata or {}) | self._notes)
            self._writer = pyarrow.parquet.ParquetWriter(self._path, schema, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()
