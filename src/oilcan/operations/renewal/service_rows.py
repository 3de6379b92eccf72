"""Rows of a service's store as tables with the columns of the contract, in the order in which they arrived."""

import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.ground.columns import ALARMS, EVENT_KEYS, MACHINE, TIME
from oilcan.ground.time_units import ELAPSED_UNITS
from oilcan.io.stores import Store
from oilcan.io.stores.column_layout import layout_of, stored_columns
from oilcan.io.stores.tables.alarm_table import Alarm
from oilcan.io.stores.values import RECORD_TABLES, RecordTable, StoredReadings

ALL: Final = 10_000_000
SEQ: Final = "seq"                      # of a row in the store
RECEIVED: Final = "received_at"         # microseconds UTC
_PAGE: Final = 50_000


class ServiceRows:
    """Tables of a store, some rows at a time; `SEQ` and `RECEIVED` say what arrived when."""

    def __init__(self, store: Store, contract: Contract) -> None:
        self._store, self._contract = store, contract
        self._columns = stored_columns(contract)
        store.use_layout(layout_of(contract, list(self._columns)), 0)
        self._aside: dict[tuple[str, int, str], float] | None = None

    def telemetry(self, upto: int) -> Iterator[pd.DataFrame]:
        """Readings with `seq` <= `upto`, page by page, times still exact."""
        after = 0
        while len(page := self._store.readings(after_seq=after, limit=_PAGE)):
            after = int(page.seqs[-1])
            frame = self._readings(page)
            yield frame[frame[SEQ] <= upto]
            if after >= upto:
                return

    def records(self, upto: int) -> dict[str, pd.DataFrame]:
        """Errors, maintenance and failures with `seq` <= `upto`, times still exact."""
        return {table: self._records(table, upto) for table in RECORD_TABLES}

    def machines(self, ids: set[str]) -> pd.DataFrame:
        """Static columns of some machines; machines without any are left out."""
        known = [{MACHINE: each.machine_id, **each.static} for each in self._store.machines()
                 if each.machine_id in ids and each.static]
        listed = self._contract.tables["machines"].columns if "machines" in self._contract.tables else {}
        columns = [MACHINE, *(name for name in listed if name != MACHINE and any(name in row for row in known))]
        return pd.DataFrame(known, columns=columns)

    def alarms(self) -> pd.DataFrame:
        """Every alarm as it is now: when it was raised, seen and closed, and what the crew found."""
        rows = [_alarm(alarm) for alarm in self._store.alarms(limit=ALL)]
        frame = pd.DataFrame(rows, columns=[*ALARM_COLUMNS, RECEIVED])
        return frame.sort_values([TIME, MACHINE, "task"], ignore_index=True)

    def written(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """A table as its file has it: times of the contract, without what only the store knows."""
        out = frame.drop(columns=[column for column in (SEQ, RECEIVED) if column in frame]).reset_index(drop=True)
        if TIME in out and name != "machines":
            out[TIME] = self.moments(out[TIME].to_numpy(np.int64))
        if name == "telemetry":
            self._as_typed(out)
        if name == ALARMS:
            for column in ("acknowledged", "closed", "found"):
                out[column] = pd.to_datetime(out[column], unit="us", utc=True).astype("datetime64[us, UTC]")
        return out

    def moments(self, times: np.ndarray) -> pd.Series:
        """Whole units of the store as the contract's raw files would have them."""
        kind = self._contract.time.kind
        if kind == "cycle":
            return pd.Series(times)
        if kind == "elapsed":
            return pd.Series(times / ELAPSED_UNITS[self._contract.time.unit])
        return pd.Series(times.astype("datetime64[us]")).dt.tz_localize("UTC")

    def _readings(self, page: StoredReadings) -> pd.DataFrame:
        frame = pd.DataFrame(page.values, columns=list(self._columns))
        frame.insert(0, TIME, page.times)
        frame.insert(0, MACHINE, list(page.machine_ids))
        self._put_back(frame)
        return frame.assign(**{SEQ: page.seqs, RECEIVED: page.received_at})

    def _put_back(self, frame: pd.DataFrame) -> None:
        """Values outside their range, which the service kept aside: files hold them too, and `validate` judges them."""
        if self._aside is None:
            self._aside = _values_aside(self._store, set(self._columns))
        if not self._aside:
            return
        places: dict[tuple[str, int], int] = {
            key: at for at, key in enumerate(zip(frame[MACHINE], frame[TIME].tolist(), strict=True))}
        for (machine, time, column), value in self._aside.items():
            at = places.get((machine, time))
            if at is not None and np.isnan(frame[column].iat[at]):
                frame.iloc[at, frame.columns.get_loc(column)] = value

    def _as_typed(self, frame: pd.DataFrame) -> None:
        for name, column in self._columns.items():
            if column.type == "text":
                frame[name] = pd.Series(self._store.texts.decode(name, frame[name].to_numpy()), dtype="str")
            elif column.type == "flag":
                frame[name] = frame[name].astype("boolean")

    def _records(self, table: RecordTable, upto: int) -> pd.DataFrame:
        found = sorted((row for row in self._store.records(table, limit=ALL) if row.seq <= upto),
                       key=lambda row: row.seq)
        extras = sorted({name for row in found for name in row.extra})
        columns: dict[str, Any] = {
            MACHINE: pd.Series([row.machine_id for row in found], dtype="str"),
            TIME: np.array([row.time for row in found], dtype=np.int64),
            EVENT_KEYS[table][-1]: pd.Series([row.kind for row in found], dtype="str"),
        } | {name: pd.Series([row.extra.get(name) for row in found], dtype="str") for name in extras} | {
            SEQ: np.array([row.seq for row in found], dtype=np.int64),
            RECEIVED: np.array([row.received_at for row in found], dtype=np.int64)}
        return pd.DataFrame(columns)


ALARM_COLUMNS: Final = (MACHINE, TIME, "task", "acknowledged", "closed", "finding", "found")


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {MACHINE: alarm.machine_id, TIME: alarm.time, "task": alarm.task, "acknowledged": alarm.acknowledged_at,
            "closed": alarm.closed_at, "finding": alarm.finding, "found": alarm.found_at, RECEIVED: alarm.opened_at}


def _values_aside(store: Store, columns: set[str]) -> dict[tuple[str, int, str], float]:
    """Number by machine, exact time and column of the values that the store keeps aside."""
    found: dict[tuple[str, int, str], float] = {}
    for row in reversed(store.refused(limit=ALL)):
        column, _, text = row.content.partition("=")
        if row.source == "telemetry" and column in columns and " is outside " in row.reason and row.time is not None:
            try:
                value = json.loads(text)
            except json.JSONDecodeError:        # a text, or one that was cut
                continue
            if type(value) in (int, float):
                found.setdefault((row.machine_id, row.time, column), float(value))
    return found
