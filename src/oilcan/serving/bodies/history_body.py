"""A window of history in the body of POST /v1/predict -> features of the newest reading of each machine.

The batch engine computes them by the code of `oilcan score`, so the answer is what `dvc repro` would say of the same
readings.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import EVENT_KEYS, MACHINE, TIME
from oilcan.io.stores.values import RECORD_TABLES, Record, RecordTable, stored_columns
from oilcan.scoring.history import history_features
from oilcan.serving.bodies.instants_json import Moments
from oilcan.serving.bodies.json_rows import Row, known_keys
from oilcan.serving.bodies.machine_body import INSTANTS, MachineReader, static_columns
from oilcan.serving.bodies.record_body import RecordReader
from oilcan.serving.bodies.telemetry_body import Batch, TelemetryReader
from oilcan.serving.ground.refusal import Refusal

_PARTS: Final = ("telemetry", *RECORD_TABLES, "machines")


class HistoryReader:
    """Reads histories of one bundle.

    Parameters
    ----------
    max_rows
        Of each table.
    """

    def __init__(self, bundle: Bundle, *, max_rows: int) -> None:
        contract = bundle.contract
        self._bundle = bundle
        self._is_instant = contract.time.kind != "cycle"
        moments = Moments.of(contract.time)
        self._telemetry_reader = TelemetryReader(contract, moments, max_rows=max_rows, skew=None)
        self._record_readers = {table: RecordReader(contract, table, moments, max_rows=max_rows, skew=None)
                          for table in RECORD_TABLES}
        self._machine_reader = MachineReader(contract, max_rows)

    def read(self, content: Any) -> tuple[np.ndarray, list[str], np.ndarray, list[Row]]:
        """Features of each machine at its newest reading.

        Returns
        -------
        float32 (machines, n_features), machines, whole units of their newest readings, refused rows.

        Raises
        ------
        Refusal
            422 if it is not of the contract.
        """
        if self._bundle.contract.time.kind == "none":
            raise Refusal(422, "body.history", found="a data set without time", wanted="rows of features",
                          do="Send `rows`: each stands alone.")
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
        return features.matrix, features.rows[MACHINE].tolist(), exact(features.rows[TIME]), batch.refused

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
