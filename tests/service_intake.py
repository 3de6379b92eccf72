"""What a service would store of raw files, in the order in which they would reach it, without HTTP."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.io.stores import Store
from oilcan.io.stores.column_layout import layout_of, stored_columns
from oilcan.io.stores.log_entries import ReadingsBatch, RecordsBatch
from oilcan.io.stores.values import RECORD_TABLES, Readings
from oilcan.serving.bodies.instants_json import InstantFormat
from oilcan.serving.bodies.machine_body import MachineReader
from oilcan.serving.bodies.record_body import RecordReader
from oilcan.serving.bodies.telemetry_body import TelemetryReader

NEVER = 2**62


def moments(times: pd.Series) -> list[str]:
    return [f"{text}Z" for text in np.datetime_as_string(times.to_numpy("datetime64[us]"), unit="s")]


def rows_of(frame: pd.DataFrame, **renamed: str) -> list[dict]:
    frame = frame.rename(columns={old: new for new, old in renamed.items()})
    columns = {name: moments(column) if pd.api.types.is_datetime64_any_dtype(column.dtype) else
               column.astype(object).where(column.notna(), None).tolist() for name, column in frame.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


class Intake:
    """Stores rows as POST /v1/telemetry and its sisters do."""

    def __init__(self, store: Store, contract: Contract) -> None:
        self.store, when = store, InstantFormat.of(contract.time)
        store.use_layout(layout_of(contract, list(stored_columns(contract))), 0)
        self._telemetry = TelemetryReader(contract, when, max_rows=10**7, skew=None)
        self._records = {table: RecordReader(contract, table, when, max_rows=10**7, skew=None)
                         for table in RECORD_TABLES}
        self._machines = MachineReader(contract, 10**7)

    def readings(self, frame: pd.DataFrame, now: int) -> None:
        if len(frame):
            batch = self._telemetry.take(rows_of(frame), "body", NEVER)
            readings = Readings(batch.machine_ids, batch.times, batch.values, texts=batch.texts)
            self.store.write_readings([ReadingsBatch(readings, batch.kept)], now)

    def records(self, table: str, frame: pd.DataFrame, now: int, **renamed: str) -> None:
        if len(frame):
            batch = self._records[table].take(rows_of(frame, **renamed), "body", NEVER)
            self.store.write_records([RecordsBatch(table, batch.records)], now)

    def machines(self, frame: pd.DataFrame, now: int) -> None:
        self.store.put_machines(self._machines.take(rows_of(frame), "body"), now)


def fleet_between(fleet: object, first: str, end: str) -> Callable[[str], pd.DataFrame]:
    """Rows of a drawn fleet whose time is in [first, end), table by table."""
    def rows(table: str) -> pd.DataFrame:
        frame = getattr(fleet, table)
        return frame[(frame["time"] >= first) & (frame["time"] < end)].reset_index(drop=True)

    return rows
