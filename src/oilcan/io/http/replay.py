"""A fleet's canonical tables played into a running service, oldest first, as its machines would have sent them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.ground.columns import EVENT_KEYS, MACHINE, TIME
from oilcan.ground.errors import DataError
from oilcan.io.stage.table_files import read_partitions, read_table

_MOST_ROWS: Final = 10_000          # of one request


@dataclass(frozen=True)
class Fleet:
    """Canonical tables, sorted by time, with only the columns that the service takes."""

    machines: pd.DataFrame
    telemetry: pd.DataFrame
    records: dict[str, pd.DataFrame]

    @classmethod
    def read(cls, folder: Path, contract: Contract) -> "Fleet":
        """From data/canonical.

        Raises
        ------
        DataError
            If there is nothing to play, or the data set has no time.
        """
        if contract.time.kind == "none":
            raise DataError(f"{contract.name}: independent rows have no time to be played in. Use `oilcan score`.")
        columns = [MACHINE, TIME, *(name for name in contract.telemetry_columns("sensor", "condition", "static")
                                    if name not in contract.derived)]
        telemetry = read_partitions(folder / "telemetry", columns)
        records = {name: _texts(read_table(folder / f"{name}.parquet"), contract, name) for name in EVENT_KEYS}
        machines = read_table(folder / "machines.parquet")
        listed = contract.tables["machines"].columns if "machines" in contract.tables else {}
        kept = [MACHINE, *(name for name in machines if name in listed and name != MACHINE)]
        return cls(machines[kept], telemetry.sort_values([TIME, MACHINE], ignore_index=True), records)

    def bodies(self, after: Any, until: Any, edit: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows
               ) -> Iterator[tuple[str, dict[str, Any], int]]:
        """Path, content and number of readings of the requests for (after, until], each at most 10,000 rows.

        `edit` may change the readings before they are sent.
        """
        for name, table in self.records.items():
            for rows in _pieces(_between(table, after, until)):
                yield f"/v1/{name}", {"records": _as_rows(rows)}, 0
        for rows in map(edit, _pieces(_between(self.telemetry, after, until))):
            cells = {name: rows[name] for name in rows if name not in (MACHINE, TIME)}
            yield "/v1/telemetry", {"machine_id": rows[MACHINE].tolist(), "time": _moments(rows[TIME]),
                                    "columns": {name: _cells(column) for name, column in cells.items()}}, len(rows)

    def descriptions(self) -> Iterator[dict[str, Any]]:
        """Bodies of POST /v1/machines."""
        for rows in _pieces(self.machines):
            yield {"machines": _as_rows(rows)}


def _texts(table: pd.DataFrame, contract: Contract, name: str) -> pd.DataFrame:
    """A table of records with its key and the texts that go along with it."""
    listed = contract.tables[name].columns if name in contract.tables else {}
    extra = [column for column in table if column not in EVENT_KEYS[name] and column in listed
             and listed[column].type == "text" and listed[column].personal is None and listed[column].role != "ignore"]
    return table[[*EVENT_KEYS[name], *extra]].sort_values(TIME, ignore_index=True) if TIME in table else table.iloc[:0]


def _between(table: pd.DataFrame, after: Any, until: Any) -> pd.DataFrame:
    if table.empty:
        return table
    first = 0 if after is None else int(table[TIME].searchsorted(after, side="right"))
    return table.iloc[first : int(table[TIME].searchsorted(until, side="right"))]


def _pieces(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    return (table.iloc[at : at + _MOST_ROWS] for at in range(0, len(table), _MOST_ROWS))


def _as_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {name: _moments(column) if isinstance(column.dtype, pd.DatetimeTZDtype) else _cells(column)
               for name, column in table.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _moments(column: pd.Series) -> list[Any]:
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        return list(column.tolist())
    return [None if text == "NaT" else f"{text}Z" for text in
            np.datetime_as_string(column.dt.tz_convert(None).to_numpy(), unit="s")]


def _cells(column: pd.Series) -> list[Any]:
    return list(column.astype(object).where(column.notna(), None).tolist())
