"""Replay the last days of a fleet into a running service, at any speed."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import DataError
from oilcan.io.batches.progress import Progress
from oilcan.io.http.client import Api
from oilcan.io.http.replay import Fleet
from oilcan.io.stage import stage_inputs
from oilcan.operations.injected_drift import InjectedDrift


@dataclass(frozen=True)
class Played:
    """How many readings of how many machines were sent, and how many of them the service did not have yet."""

    readings: int
    machines: int
    new: int


def fleet_of(dataset: str, root: Path, folder: Path | None) -> Fleet:
    """Canonical tables of the data set that a service serves, from `folder` or data/canonical.

    Raises
    ------
    DataError
        If the tables are those of another data set, hold no reading, or the data set has no time.
    """
    where = root / "datasets" / f"{dataset}.yaml"
    if not where.is_file():
        raise DataError(f"datasets/{dataset}.yaml: is not here, and the service serves this data set. Play into a "
                        f"service of a data set of this repository (`--url`).")
    place = folder or root / "data/canonical"
    contract = stage_inputs.read_contract(where)
    try:
        fleet = Fleet.read(place, contract)
    except DataError as err:
        if contract.time.kind == "none":
            raise
        raise DataError(f"{err} The service serves {dataset}: play its tables, made by `dvc repro ingest` with "
                        f"`dataset: {dataset}` in params.yaml, or name their folder by `--data`.") from err
    if fleet.telemetry.empty:
        raise DataError(f"{place}: holds no readings. Run `make repro`.")
    return fleet


def play(fleet: Fleet, api: Api, *, days: float, speed: float, drift: InjectedDrift | None = None) -> Played:
    """Describe the machines, send the past in one go, then the last days at the speed asked for.

    Parameters
    ----------
    days
        How much to play at that speed; cycles where the data set counts them.
    speed
        Seconds of the fleet in one second, cycles likewise; infinite sends everything in one go.
    drift
        How readings that are played at that speed are changed; None leaves them as they are.

    Raises
    ------
    OilcanError
        If the service refuses a request or cannot be reached, or there is no column to change.
    """
    if drift is not None:
        drift.check([name for name in fleet.telemetry if name not in (MACHINE, TIME)])
    with Progress("replay-stream", len(fleet.telemetry), unit="readings") as bar:
        for body in fleet.descriptions():
            api.post("/v1/machines", body)
        new = _send(fleet, api, days, speed, bar, drift)
    return Played(len(fleet.telemetry), len(fleet.machines), new)


def _send(fleet: Fleet, api: Api, days: float, speed: float, bar: Progress, drift: InjectedDrift | None) -> int:
    start, stops = _stops(fleet, days, speed)
    edit = _edit(fleet, drift)
    new, before, began = 0, None, time.monotonic()
    for stop in stops:
        if before is not None:
            time.sleep(max(0.0, _seconds(start, stop) / speed - (time.monotonic() - began)))
        for path, body, rows in fleet.bodies(before, stop, _unchanged if before is None else edit):
            answer = api.post(path, body)
            new += answer["accepted"] if rows else 0
            bar.advance(rows)
        if before is None:
            began = time.monotonic()        # the past takes as long as it takes; only then the clock starts
        before = stop
    return new


def _edit(fleet: Fleet, drift: InjectedDrift | None) -> Callable[[pd.DataFrame], pd.DataFrame]:
    if drift is None:
        return _unchanged
    chosen = drift.chosen(fleet.machines[MACHINE].astype(str).tolist())
    return lambda rows: drift.apply(rows, chosen) if drift.is_on else rows


def _unchanged(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def _stops(fleet: Fleet, days: float, speed: float) -> tuple[Any, list[Any]]:
    """Start of the part that is played at speed, and the times up to which to send, in order."""
    times = fleet.telemetry[TIME].drop_duplicates()
    last = times.iloc[-1]
    start = last - (pd.Timedelta(days=days) if isinstance(times.dtype, pd.DatetimeTZDtype) else round(days))
    return start, [last] if math.isinf(speed) else [start, *times[times > start].tolist()]


def _seconds(start: Any, stop: Any) -> float:
    """From one time to another; cycles where the data set counts them."""
    return float((stop - start).total_seconds() if isinstance(stop, pd.Timestamp) else stop - start)
