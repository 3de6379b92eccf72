"""A window of history in the body of POST /v1/predict -> features of the newest reading of each machine.

Where rows stand alone (a data set without time), the history is a list of rows, and each gets its features. The batch
engine computes them by the code of `oilcan score`, so the answer is what `dvc repro` computes from the same readings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import EVENT_KEYS, MACHINE, TIME
from oilcan.io.stores.column_layout import stored_columns
from oilcan.io.stores.values import RECORD_TABLES, Record, RecordTable
from oilcan.scoring.history import history_features
from oilcan.serving.bodies.instants_json import InstantFormat
from oilcan.serving.bodies.json_rows import NAME, Row, is_name, kind_of, known_keys, row_list
from oilcan.serving.bodies.machine_body import INSTANTS, MachineReader, static_columns
from oilcan.serving.bodies.record_body import RecordReader
from oilcan.serving.bodies.telemetry_body import Batch, TelemetryReader
from oilcan.serving.ground.refusal import Refusal

_PARTS: Final = ("telemetry", *RECORD_TABLES, "machines")


@dataclass(frozen=True)
class Asked:
    """What is to be forecast.

    Attributes
    ----------
    matrix
        Features, float32, shape (n, n_features).
    machines
        Whose forecasts they are, length n; None where a row of independent rows names no machine.
    times
        Whole units of the newest reading of each machine; None for independent rows.
    rows
        Places of independent rows in the body; empty where there is time.
    refused
        Rows that are not of the contract.
    """

    matrix: np.ndarray
    machines: list[str | None]
    times: np.ndarray | None
    rows: list[int]
    refused: list[Row]


class HistoryReader:
    """Reads histories of one bundle.

    Parameters
    ----------
    max_rows
        Of each table.
    """

    def __init__(self, bundle: Bundle, *, max_rows: int) -> None:
        contract = bundle.contract
        self._bundle, self._max_rows = bundle, max_rows
        self._is_instant = contract.time.kind != "cycle"
        # rows that stand alone are read as if each came at moment 0 of a machine of its own
        moments = InstantFormat.of(contract.time) if contract.time.kind != "none" else InstantFormat("cycle")
        self._telemetry_reader = TelemetryReader(contract, moments, max_rows=max_rows, skew=None)
        self._record_readers = {table: RecordReader(contract, table, moments, max_rows=max_rows, skew=None)
                          for table in RECORD_TABLES}
        self._machine_reader = MachineReader(contract, max_rows)

    def read(self, content: Any) -> Asked:
        """Features of each machine at its newest reading, or of each independent row.

        Raises
        ------
        Refusal
            422 if it is not of the contract.
        """
        if self._bundle.contract.time.kind == "none":
            return self._independent(content)
        parts = known_keys(content, _PARTS, "body.history")
        batch = self._telemetry_reader.take(parts.get("telemetry"), "body.history.telemetry", now=0)
        records = {table: self._record_readers[table].take(parts[table], f"body.history.{table}", now=0).records
                   if table in parts else [] for table in RECORD_TABLES}
        static = self._machine_reader.take(parts["machines"], "body.history.machines") if "machines" in parts else {}
        fleet: dict[str, pd.DataFrame] = {name: self._records(name, some) for name, some in records.items() if some}
        if static:
            rows = [{MACHINE: name} | row for name, row in static.items()]
            fleet |= {"machines": canonical(self._bundle.contract, rows)}
        features = history_features(self._bundle, self._telemetry(batch), fleet, rows="last")
        return Asked(features.matrix, features.rows[MACHINE].tolist(), exact(features.rows[TIME]), [], batch.refused)

    def _independent(self, content: Any) -> Asked:
        """Features of rows that stand alone: derived columns are made here, and no row needs a name."""
        where = "body.history.telemetry"
        rows = known_keys(content, ("telemetry",), "body.history").get("telemetry")
        given = row_list(rows, where, self._max_rows)
        names = [row.get(MACHINE) if isinstance(row, dict) else None for row in given]
        for at, (row, name) in enumerate(zip(given, names, strict=True)):
            if isinstance(row, dict) and (TIME in row or not (name is None or (type(name) is str and is_name(name)))):
                wanted = f"{NAME}, or no {MACHINE}" if TIME not in row else "no time: the rows stand alone"
                raise Refusal(422, f"{where}[{at}].{TIME if TIME in row else MACHINE}",
                              found=kind_of(row.get(TIME, name)), wanted=wanted, do="Fix the row.")
        numbered = [row | {MACHINE: f"{at:09d}", TIME: 0} if isinstance(row, dict) else row
                    for at, row in enumerate(given)]
        batch = self._telemetry_reader.take(numbered, where, now=0)
        features = history_features(self._bundle, self._telemetry(batch).drop(columns=TIME), {}, rows="all")
        kept = [int(place) for place in features.rows[MACHINE]]
        return Asked(features.matrix, [names[at] for at in kept], None, kept, batch.refused)

    def _telemetry(self, batch: Batch) -> pd.DataFrame:
        table = pd.DataFrame({MACHINE: batch.machine_ids, TIME: self._times(batch.times)})
        for at, (name, column) in enumerate(stored_columns(self._bundle.contract).items()):
            table[name] = batch.values[:, at]
            if column.type == "text":
                texts = batch.texts.get(name, [])
                table[name] = [None if np.isnan(place) else texts[int(place)] for place in batch.values[:, at].tolist()]
        return table

    def _records(self, table: RecordTable, records: Sequence[Record]) -> pd.DataFrame:
        return pd.DataFrame({
            MACHINE: [record.machine_id for record in records],
            TIME: self._times(np.array([record.time for record in records], dtype=np.int64)),
            EVENT_KEYS[table][-1]: [record.kind for record in records]})

    def _times(self, times: np.ndarray) -> pd.Series:
        return pd.Series(pd.to_datetime(times, unit="us", utc=True) if self._is_instant else times)


def canonical(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of machine_id and static columns as the canonical machines table has them."""
    table = pd.DataFrame(rows)
    columns = static_columns(contract)
    for name in table.columns.intersection([name for name, column in columns.items() if column.type == "instant"]):
        times = [INSTANTS.read(cell) for cell in table[name]]      # pandas reads fewer forms of ISO 8601 than we take
        table[name] = pd.to_datetime(np.array(["NaT" if time is None else time for time in times], "datetime64[us]"),
                                     utc=True)
    return table
