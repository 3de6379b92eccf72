"""What a source holds of a fleet: readings counted, readings of clocks that jumped left out, forecasts judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.core.alarms import crews
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import DataError
from oilcan.monitoring.fleet_counts import FleetCounts, clocks_ahead
from oilcan.monitoring.reference.reference_assembling import machine_kinds
from oilcan.monitoring.statistics.counts_by_window import FleetEvents
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.monitoring.watching import FleetObservation
from oilcan.operations.watching.watched_model import Monitor
from oilcan.operations.watching.watched_tables import Source


@dataclass(frozen=True)
class Counted:
    """The readings of a source, counted.

    Attributes
    ----------
    newest
        Exact time of the newest reading, those of clocks that jumped left out.
    jumped
        Machine whose clock jumped -> how far it is ahead, in exact time.
    frames
        Forecasts that came with the readings.
    """

    counts: FleetCounts
    newest: int
    jumped: Mapping[str, int]
    frames: Sequence[pd.DataFrame] = ()


def count_source(watch: Monitor, source: Source, first_slot: int, until: int | None, machines_at_once: int) -> Counted:
    """Count what a source holds from a slot on.

    Raises
    ------
    DataError
        If it holds no reading, or none from there on.
    """
    axis, judges, earliest = watch.axis, watch.judges, first_slot * watch.axis.slot
    ends = source.ends()
    if not ends:
        raise DataError(f"{source.name}: holds no reading. Check that data arrive.")
    end, ahead = clocks_ahead(ends, axis)
    newest, jumped, reach = end, dict[str, int](), axis.start(1) - axis.start(0)
    counts, frames, places = FleetCounts(judges, first_slot), list[pd.DataFrame](), judges.places(source.machines)
    for piece in source.pieces(watch.bundle, earliest, machines_at_once):
        kept, wrong = _without_jumps(piece.telemetry, end, reach, ahead)
        jumped |= wrong
        if until is not None:
            kept &= exact(piece.telemetry[TIME]) < until
        if kept.any():
            newest = max(newest, int(exact(piece.telemetry[TIME])[kept].max()))
            counts.take(piece.telemetry[kept], places, None if piece.received_at is None else piece.received_at[kept])
        if piece.forecasts is not None:
            frames.append(piece.forecasts)
    if not counts.cells.machines or newest < earliest:
        since = axis.name(int(axis.window_of(np.array([first_slot]))[0]))
        raise DataError(f"{source.name}: holds no reading since {since}. Check that data arrive.")
    counts.ends |= ends
    return Counted(counts, newest, jumped, frames)


def observed(watch: Monitor, source: Source, counted: Counted, until: int | None = None) -> FleetObservation:
    """What is known of a fleet: its counts with events and forecasts."""
    newest = counted.newest if until is None else min(until, counted.newest)
    events = FleetEvents(source.events["failures"], source.events["maintenance"], source.events["errors"])
    return FleetObservation(counted.counts.settled(), events, machine_kinds(watch.bundle.contract, source.machines),
                            forecast_rows(watch.bundle, counted.frames, source, newest), alarms=source.alarms)


def _without_jumps(telemetry: pd.DataFrame, end: int, reach: int, ahead: frozenset[str]
                   ) -> tuple[np.ndarray, dict[str, int]]:
    """Which readings are not of a clock that jumped, shape (n,), and by how much each of these is ahead.

    A machine that goes on alone has no gap of more than a window after the fleet's end; what comes after one is a jump.
    """
    time, jumped = exact(telemetry[TIME]), {}
    is_bad = np.zeros(len(telemetry), dtype=bool)
    for machine in ahead & set(telemetry[MACHINE].unique()):
        mine = np.flatnonzero((telemetry[MACHINE] == machine).to_numpy() & (time > end))
        mine = mine[np.argsort(time[mine], kind="stable")]
        gaps = np.flatnonzero(np.diff(time[mine], prepend=end) > reach)
        if len(gaps):
            is_bad[mine[gaps[0]:]] = True
            jumped[machine] = int(time[mine].max()) - end
    return ~is_bad, jumped


def forecast_rows(bundle: Bundle, frames: Sequence[pd.DataFrame], source: Source, until: int) -> ForecastRows | None:
    """Forecasts of a bundle with alarms and outcomes up to an exact time; None where there are none to judge."""
    contract = bundle.contract
    name, task = contract.headline()
    policy = bundle.fitted.policies().get(name)
    if task.kind != "failure_within" or policy is None or not frames:
        return None
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[exact(frame[TIME]) <= until].sort_values([MACHINE, TIME], kind="stable", ignore_index=True)
    if frame.empty:
        return None
    crew = crews.crews(contract, source.machines, frame[MACHINE])
    return ForecastRows.of(contract, policy, frame, source.events["failures"], until=until, crew=crew)
