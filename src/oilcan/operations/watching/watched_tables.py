"""Where monitoring reads from: canonical tables, or the store of a service. Some machines at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.prepare.forecast_rows import pick_rows
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import CODE, COMPONENT, EVENT_KEYS, MACHINE, MODE, TIME
from oilcan.ground.errors import DataError
from oilcan.ground.time_units import UNITS_PER_TICK
from oilcan.io.batches.score_tables import ScoreTables
from oilcan.io.stores import Store, open_store
from oilcan.io.stores.column_layout import layout_of
from oilcan.monitoring.alerts.alarm_share import AlarmReasons
from oilcan.scoring import history

_MOST_ALARMS = 5_000
_KIND = {"errors": CODE, "maintenance": COMPONENT, "failures": MODE}


@dataclass(frozen=True)
class Piece:
    """Some machines: readings sorted by machine and time, and forecasts at the stride of the contract.

    Attributes
    ----------
    received_at
        Microseconds UTC, shape (n,); None where the source does not keep it.
    """

    telemetry: pd.DataFrame
    forecasts: pd.DataFrame | None = None
    received_at: np.ndarray | None = None


class Source(Protocol):
    """Tables to watch."""

    name: str
    machines: pd.DataFrame
    events: dict[str, pd.DataFrame]

    def pieces(self, bundle: Bundle, since: int, machines_at_once: int, /) -> Iterator[Piece]:
        """Readings from an exact time on, and forecasts."""
        ...

    def ends(self) -> dict[str, int]:
        """Machine -> exact time of its last reading."""
        ...

    def alarms(self) -> list[AlarmReasons]:
        """Alarms of the crew with their reasons; empty where none are kept."""
        ...


class CanonicalTables:
    """A folder laid out as data/canonical is."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._tables = ScoreTables(folder, {})
        if not self._tables.machines:
            raise DataError(f"{folder}: holds no reading. Check that data arrive.")
        _, fleet = self._tables.some(self._tables.machines)
        missing = sorted({*EVENT_KEYS, "machines"} - set(fleet))
        if missing:
            raise DataError(f"{folder}: lacks {', '.join(f'{name}.parquet' for name in missing)}. Give it a folder "
                            f"that `ingest` wrote.")
        self.machines, self.events = fleet["machines"], {name: fleet[name] for name in EVENT_KEYS}

    def pieces(self, bundle: Bundle, since: int, machines_at_once: int, /) -> Iterator[Piece]:
        """Forecasts are made here, by the code of `oilcan score`."""
        ids = self._tables.machines
        for first in range(0, len(ids), machines_at_once):
            telemetry, fleet = self._tables.some(ids[first: first + machines_at_once])
            history.check_telemetry(telemetry, bundle.contract, self.name)
            scored = history.score_history(bundle, telemetry, fleet, rows="stride").forecasts
            telemetry = telemetry.sort_values([MACHINE, TIME], kind="stable", ignore_index=True)
            yield Piece(telemetry[exact(telemetry[TIME]) >= since], scored[exact(scored[TIME]) >= since])

    def ends(self) -> dict[str, int]:
        """Machine -> exact time of its last reading."""
        last = self._tables.last_times()
        return dict(zip(last[MACHINE].astype(str), exact(last[TIME]).tolist(), strict=True))

    def alarms(self) -> list[AlarmReasons]:
        """Canonical tables keep no reasons."""
        return []



class StoreTables:
    """The store of a service, with a layout in use; forecasts are those that it logged.

    Parameters
    ----------
    upto
        Last reading that is read, by its number in the store; None reads all.
    """

    def __init__(self, store: Store, contract: Contract, *, upto: int | None = None) -> None:
        self.name = "the store"
        self._store, self._contract, self._upto = store, contract, upto
        self.columns = watched_numbers(contract)
        self._at = [store.layout.columns.index(name) for name in self.columns]
        self._known = store.machines()
        listed = contract.tables["machines"].columns if "machines" in contract.tables else {}
        self.machines = pd.DataFrame([{MACHINE: machine.machine_id, **machine.static} for machine in self._known],
                                     columns=[MACHINE, *(name for name in listed if name != MACHINE)])
        self.events = {table: self._records(table) for table in EVENT_KEYS}

    @classmethod
    def opened(cls, url: str, contract: Contract) -> "StoreTables":
        """Open a store to look at it; `close` closes it."""
        store = open_store(url)
        store.use_layout(layout_of(contract, watched_numbers(contract)), 0)
        return cls(store, contract)

    def pieces(self, _bundle: Bundle, since: int, _machines_at_once: int, /) -> Iterator[Piece]:
        """Readings machine by machine, then all forecasts."""
        for machine in self.machines[MACHINE]:
            readings = self._store.readings(machine, since=since, limit=10_000_000)
            rows = slice(None) if self._upto is None else readings.seqs <= self._upto
            yield Piece(readings_table(self._contract, self.columns, [machine] * len(readings.times[rows]),
                                       readings.times[rows], readings.values[rows][:, self._at]),
                        received_at=readings.received_at[rows])
        empty = readings_table(self._contract, self.columns, [], np.zeros(0, np.int64),
                               np.zeros((0, len(self.columns))))
        yield Piece(empty, self.forecasts(since))

    def forecasts(self, since: int, role: str = "active") -> pd.DataFrame | None:
        """Logged forecasts at the stride of the contract from an exact time on; None if there are none."""
        contract = self._contract
        is_whole = contract.rows.stride is None or contract.split.test_rows == "last"
        per_tick = UNITS_PER_TICK[contract.time.kind]
        step = 1 if is_whole or contract.rows.stride is None else round(contract.rows.stride.ticks * per_tick)
        frames = []
        for each in self._store.first_forecasts(since, role=role, step=step):
            frame = pd.DataFrame(each.values, columns=list(each.columns))
            frame.insert(0, TIME, _times(each.times, contract))
            frame.insert(0, MACHINE, pd.Series(list(each.machine_ids), dtype="str"))
            frames.append(frame)
        if not frames:
            return None
        table = pd.concat(frames, ignore_index=True).sort_values([MACHINE, TIME], kind="stable", ignore_index=True)
        return table.iloc[pick_rows(table, contract)].reset_index(drop=True)

    def ends(self) -> dict[str, int]:
        """Machine -> exact time of its last reading."""
        return {each.machine_id: each.newest for each in self._known if each.newest is not None}

    def alarms(self) -> list[AlarmReasons]:
        """The newest alarms with the sensors that they were explained by."""
        found = []
        for time, reasons in self._store.alarm_reasons(_MOST_ALARMS):
            shares: dict[str, float] = {}
            for reason in reasons:
                if reason.get("sensor"):
                    shares[reason["sensor"]] = shares.get(reason["sensor"], 0.0) + reason["share"]
            found.append(AlarmReasons(time, shares))
        return found

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _records(self, table: str) -> pd.DataFrame:
        found = self._store.records(table, limit=10_000_000)  # type: ignore[arg-type]
        frame = pd.DataFrame({MACHINE: pd.Series([row.machine_id for row in found], dtype="str"),
                              _KIND[table]: pd.Series([row.kind for row in found], dtype="str")})
        frame.insert(1, TIME, _times(np.array([row.time for row in found], dtype=np.int64), self._contract))
        return frame


def watched_numbers(contract: Contract) -> list[str]:
    """Numeric telemetry columns of the contract's own table."""
    columns = contract.tables["telemetry"].columns
    return [name for name in contract.telemetry_columns("sensor", "condition", "static")
            if columns.get(name) is not None and columns[name].type in ("number", "integer", "flag")]


def readings_table(contract: Contract, columns: Sequence[str], machine_ids: Sequence[str], times: np.ndarray,
                   values: np.ndarray) -> pd.DataFrame:
    """Readings of a store as a table: machine_id, time, columns."""
    table = pd.DataFrame(values, columns=list(columns))
    table.insert(0, TIME, _times(times, contract))
    table.insert(0, MACHINE, pd.Series(list(machine_ids), dtype="str"))
    return table


def _times(times: np.ndarray, contract: Contract) -> pd.Series:
    if contract.time.kind == "cycle":
        return pd.Series(times)
    return pd.Series(times.astype("datetime64[us]")).dt.tz_localize("UTC")
