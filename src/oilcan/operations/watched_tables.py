"""Where monitoring reads from: canonical tables, or the store of a service. Some machines at a time."""

from collections.abc import Iterator
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
from oilcan.ground.time_units import MICROSECONDS_PER_HOUR
from oilcan.io.batches.score_tables import ScoreTables
from oilcan.io.stores import Store, open_store
from oilcan.io.stores.values import layout_of
from oilcan.monitoring.statistics.quality_statistics import Arrivals
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.scoring import history

_KIND = {"errors": CODE, "maintenance": COMPONENT, "failures": MODE}


@dataclass(frozen=True)
class Piece:
    """Some machines: readings sorted by machine and time, and forecasts at the stride of the contract."""

    telemetry: pd.DataFrame
    forecasts: pd.DataFrame | None


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

    def arrivals(self, axis: WindowAxis, window: int, /) -> Arrivals | None:
        """How the readings of a window arrived, where that is known."""
        ...


class CanonicalTables:
    """A folder laid out as data/canonical is."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._tables = ScoreTables(folder, {})
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

    def arrivals(self, _axis: WindowAxis, _window: int, /) -> Arrivals | None:
        """Canonical tables keep no moment of arrival."""
        return None


class StoreTables:
    """The store of a service; forecasts are those that it logged."""

    def __init__(self, url: str, contract: Contract) -> None:
        self.name = "the store"
        self._store: Store = open_store(url)
        self._contract = contract
        columns = [name for name in contract.telemetry_columns("sensor", "condition", "static")
                   if contract.tables["telemetry"].columns.get(name) is not None
                   and contract.tables["telemetry"].columns[name].type in ("number", "integer", "flag")]
        self.columns = columns
        self._store.use_layout(layout_of(contract, columns), 0)
        known = self._store.machines()
        self.machines = pd.DataFrame([{MACHINE: machine.machine_id, **machine.static} for machine in known],
                                     columns=None if known else [MACHINE])
        self.events = {table: self._records(table) for table in EVENT_KEYS}

    def pieces(self, _bundle: Bundle, since: int, _machines_at_once: int, /) -> Iterator[Piece]:
        """Readings and logged forecasts, machine by machine."""
        for machine in self.machines[MACHINE]:
            readings = self._store.readings(machine, since=since, limit=10_000_000)
            telemetry = pd.DataFrame(readings.values, columns=self.columns)
            telemetry.insert(0, TIME, _times(readings.times, self._contract))
            telemetry.insert(0, MACHINE, machine)
            yield Piece(telemetry, self._forecasts(machine, since))

    def ends(self) -> dict[str, int]:
        """Machine -> exact time of its last reading."""
        return {each.machine_id: each.newest for each in self._store.machines() if each.newest is not None}

    def arrivals(self, axis: WindowAxis, window: int, /) -> Arrivals | None:
        """Readings received after the window in which they count, and those from the future."""
        start, end = axis.start(window), axis.start(window + 1)
        if axis.counts_cycles:
            return None
        late = count = 0
        ahead: dict[str, float] = {}
        for machine in self.machines[MACHINE]:
            readings = self._store.readings(machine, since=start, until=end, limit=10_000_000)
            count += len(readings)
            late += int((readings.received_at >= end).sum())
            gap = readings.times - readings.received_at
            if len(gap) and gap.max() > MICROSECONDS_PER_HOUR and readings.received_at.max() < end:
                ahead[machine] = float(gap.max()) / MICROSECONDS_PER_HOUR
        return Arrivals(count, late, None, None, tuple(sorted(ahead)), max(ahead.values(), default=0.0))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _records(self, table: str) -> pd.DataFrame:
        found = self._store.records(table, limit=10_000_000)  # type: ignore[arg-type]
        frame = pd.DataFrame({MACHINE: pd.Series([row.machine_id for row in found], dtype="str"),
                              _KIND[table]: pd.Series([row.kind for row in found], dtype="str")})
        frame.insert(1, TIME, _times(np.array([row.time for row in found], dtype=np.int64), self._contract))
        return frame

    def _forecasts(self, machine: str, since: int) -> pd.DataFrame | None:
        made = self._store.forecasts(machine, since=since, limit=10_000_000)
        if not made:
            return None
        frame = pd.DataFrame([{TIME: each.time, **each.values} for each in made])
        frame = frame.drop_duplicates(TIME, keep="last").sort_values(TIME, ignore_index=True)
        frame[TIME] = _times(frame[TIME].to_numpy(np.int64), self._contract)
        frame.insert(0, MACHINE, machine)
        return frame.iloc[pick_rows(frame, self._contract)].reset_index(drop=True)


def _times(times: np.ndarray, contract: Contract) -> pd.Series:
    if contract.time.kind == "cycle":
        return pd.Series(times)
    return pd.Series(times.astype("datetime64[us]")).dt.tz_localize("UTC")
