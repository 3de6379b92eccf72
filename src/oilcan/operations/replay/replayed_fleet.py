"""The record that a replay runs over: a fleet that is drawn, or the files of a data set."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.history.canonical_fleet import canonical_tables
from oilcan.core.ingest.run import ingest
from oilcan.core.prepare.partitions import TABLES, Prepared, prepare_partition
from oilcan.core.quality.findings import empty_quarantine
from oilcan.core.quality.readings import Readings
from oilcan.core.simulate import SCENARIOS, draw_fleet
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import ALARMS, MACHINE, TIME
from oilcan.ground.errors import DataError
from oilcan.io.raw_data import later_months, reading
from oilcan.operations.replay.replay_settings import ReplaySettings, day


@dataclass(frozen=True)
class ReplayedFleet:
    """Canonical tables of history and operation, and the rows at which forecasts are made.

    Attributes
    ----------
    tables
        telemetry, errors, maintenance, failures, machines, alarms; sorted by machine and time.
    prepared
        Cleaned readings, and the forecast rows of the whole record. Cleaning looks at the past alone.
    """

    tables: Mapping[str, pd.DataFrame]
    prepared: Prepared

    @classmethod
    def of(cls, tables: Mapping[str, pd.DataFrame], contract: Contract, *, fill_periods: int) -> "ReplayedFleet":
        """Clean the readings, as the service does: what is out of range is missing, short silences are bridged."""
        telemetry = tables["telemetry"]
        outside = Readings.of(telemetry, contract).out_of_range
        bad = pd.concat([empty_quarantine(telemetry),
                         *(telemetry.iloc[at][[MACHINE, TIME]].assign(column=name, reason="range")
                           for name, at in outside.items() if len(at))])
        return cls(tables, prepare_partition(telemetry, bad, contract, number=0, fill_periods=fill_periods))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all tables."""
        total = hashlib.sha256()
        for name, frame in sorted(self.tables.items()):
            total.update(f"{name}:{','.join(map(str, frame.columns))}".encode())
            total.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
        return total.hexdigest()

    @property
    def end(self) -> pd.Timestamp:
        """Time of the last reading."""
        return self.tables["telemetry"][TIME].max()


def read_fleet(settings: ReplaySettings, root: Path, *, seed: int, scenario: str) -> ReplayedFleet:
    """The fleet of a data set: drawn where replay.yaml says so, else read from its raw files.

    Raises
    ------
    DataError
        If there are no files, a scenario is asked of files, or the record does not reach into the operation, or not far
        enough for any outcome of it.
    """
    drawn = settings.replay.fleet
    if drawn is None and scenario != "none":
        raise DataError(f"--scenario {scenario}: {settings.contract.name} is read from files, so nothing can be "
                        f"changed in it. Leave out --scenario, or replay demo_fleet.")
    tables = _read(settings, root) if drawn is None else _draw(settings, seed, scenario)
    fleet = ReplayedFleet.of(tables, settings.contract, fill_periods=settings.params.prepare.fill_gap_periods)
    first, last = tables["telemetry"][TIME].min(), fleet.end
    if not first < settings.begins < last:
        raise DataError(f"replay: operation begins on {settings.begins.date()}, but the record lasts from "
                        f"{first.date()} to {last.date()}. Move `begins` in replay.yaml, or give --from.")
    final = pd.Timedelta(hours=settings.contract.look_ahead()[0], days=settings.replay.labels_late_days)
    if (settings.until or last) - settings.begins <= final:
        raise DataError(f"replay: no forecast of the operation has an outcome that is known: it begins on "
                        f"{settings.begins.date()}, ends on {(settings.until or last).date()}, and outcomes are known "
                        f"after {final / pd.Timedelta(days=1):g} days (the horizon and labels_late_days). Begin "
                        f"earlier (--from), or take a longer record.")
    return fleet


def _draw(settings: ReplaySettings, seed: int, scenario: str) -> dict[str, pd.DataFrame]:
    drawn = settings.replay.fleet
    assert drawn is not None  # noqa: S101  # for mypy: the caller has looked
    if scenario not in SCENARIOS:
        raise DataError(f"--scenario {scenario}: is not known (wanted one of {', '.join(sorted(SCENARIOS))}).")
    history = (settings.begins - day(drawn.start, "replay.yaml: fleet.start")).days
    world = replace(SCENARIOS[scenario], start_share=(history + drawn.change_after_days) / drawn.days)
    horizon_h, lead_time_h = settings.contract.look_ahead()
    return canonical_tables(draw_fleet(machines=drawn.machines, days=drawn.days, seed=seed, start=drawn.start,
                                       scenario=world, horizon_h=horizon_h, lead_time_h=lead_time_h))


def _read(settings: ReplaySettings, root: Path) -> dict[str, pd.DataFrame]:
    contract = settings.contract
    live = root / "data/live" / contract.name
    raw = reading.read_raw(contract, root / "data/raw" / contract.name, live)
    tables = ingest(raw, contract, hash_key=os.environ.get("OILCAN_HASH_KEY", "").encode()).tables
    tables[ALARMS] = later_months.alarms_of(live, contract, tables["machines"])
    return {name: tables[name] for name in ("telemetry", "labels", *TABLES) if name in tables}


def rows_between(rows: pd.DataFrame, first: int, end: int) -> np.ndarray:
    """Which rows lie in [first, end), exact times; bool, shape (n,)."""
    time = exact(rows[TIME])
    return np.asarray((time >= first) & (time < end))
