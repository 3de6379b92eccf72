"""Monitor stored tables: read them, judge their windows in order, and report what has changed."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms import crews
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import DataError, IntegrityError
from oilcan.ground.time_units import ELAPSED_UNITS, MICROSECONDS_PER_HOUR
from oilcan.io.bundle import bundle_folder
from oilcan.io.repository.repository_root import find_root
from oilcan.io.stage import stage_inputs
from oilcan.monitoring.alerts.alert_book import AlertBook
from oilcan.monitoring.fleet_counts import FleetCounts, Judges, clocks_ahead
from oilcan.monitoring.limits.limit_material import Material
from oilcan.monitoring.reference.reference_assembling import machine_kinds
from oilcan.monitoring.reference.reference_building import merged, step_facts
from oilcan.monitoring.statistics.forecast_history import FleetEvents, ForecastRows
from oilcan.monitoring.watch_report import WatchReport, report_on
from oilcan.monitoring.watching import FleetObservation, WindowJudge, slots_before
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.operations.watched_tables import CanonicalTables, Source, StoreTables
from oilcan.params.operating.monitoring import MonitoringParams
from oilcan.params.section import section

MATERIAL: Final = "material.npz"
_AT_ONCE: Final = 25                    # machines: bounds the memory of a command
EXIT: Final = {"calm": 0, "alert": 3, "unknown": 4}     # of `oilcan monitor`


NO_ROWS: Final = "no rows after the test part: nothing to watch. Set split.until in the contract to end the test part."
NOTHING: Final = {"state": "none", "open_alerts": 0, "alerts": 0, "drifted_sensors": 0,
                  "cost_per_machine_month_eur": None}


@dataclass(frozen=True)
class Monitor:
    """A model with everything that its windows are judged by."""

    bundle: Bundle
    reference: WatchReference
    rules: MonitoringParams
    material: Material | None

    @property
    def axis(self) -> WindowAxis:
        """Slots and windows."""
        return WindowAxis.of(self.reference.window, self.bundle.contract.time)

    @property
    def judges(self) -> Judges:
        """What readings are counted against."""
        return Judges(self.bundle.contract, self.bundle.plan, self.reference, self.axis)

    def watcher(self) -> WindowJudge:
        """The judge of windows."""
        return WindowJudge(self.bundle.contract, self.reference, self.bundle.drift_reference, self.rules, self.material)


@dataclass(frozen=True)
class Paths:
    """Where things are, by default in this clone."""

    bundle: Path
    material: Path
    rules: Path
    canonical: Path


def paths(args: argparse.Namespace) -> Paths:
    """Paths that were given, else those of this clone; outside of one, all that are needed must be given."""
    is_whole = args.bundle and args.material and args.rules and (args.canonical or args.store)
    base = Path() if is_whole else find_root()
    return Paths(args.bundle or base / "models/bundle", args.material or base / "models/reference" / MATERIAL,
                 args.rules or base / "monitoring.yaml", args.canonical or base / "data/canonical")


def moment(text: str | None, contract: Contract, option: str) -> int | None:
    """Exact time of an ISO 8601 text (UTC unless it says otherwise), or a number of cycles or of running time.

    Raises
    ------
    DataError
        If it is neither.
    """
    if text is None:
        return None
    try:
        return exact_time(text, contract)
    except ValueError as err:
        wanted = {"cycle": "a number of cycles", "elapsed": f"a number of {contract.time.unit}"}.get(
            contract.time.kind, "a moment such as 2024-12-31")
        raise DataError(f"{option}: is not a time of this data set (found {text!r}: {err}; wanted {wanted}). "
                        f"Give it so.") from err


def exact_time(text: str, contract: Contract) -> int:
    """The exact time of a text of the contract or of a command."""
    if contract.time.kind == "elapsed":
        return round(float(text) * ELAPSED_UNITS[contract.time.unit])
    return int(text) if contract.time.kind == "cycle" else int(exact(pd.to_datetime(pd.Series([text]), utc=True))[0])


def read_rules(path: Path) -> MonitoringParams:
    """monitoring.yaml; ParamsError if it is not valid."""
    return section(MonitoringParams, stage_inputs.read_yaml(path), str(path))


def open_watch(bundle_path: Path, rules: MonitoringParams, material_path: Path | None, window: str | None = None
               ) -> Monitor:
    """The bundle with its reference, and the material of its limits where there is one.

    Raises
    ------
    IntegrityError
        If the bundle has no reference, or one that is damaged or of another contract.
    DataError
        If a window other than that of the reference is wanted and there is no material to draw its limits from.
    """
    bundle = bundle_folder.load_bundle(bundle_path)
    reference = bundle.watch_reference
    if reference is None:
        raise IntegrityError(f"{bundle_path}: holds no reference to watch by ({bundle_folder.WATCH}). Run `dvc repro "
                             f"reference package`.")
    material = None
    if material_path is not None and material_path.is_file():
        material = Material.from_bytes(material_path.read_bytes(), str(material_path))
    watch = Monitor(bundle, reference, rules, material)
    return watch if window in (None, reference.window) else for_window(watch, str(window))


def for_window(watch: Monitor, window: str) -> Monitor:
    """The same by windows of another length, whose limits are drawn from the material."""
    if watch.material is None:
        raise DataError(f"--window {window}: the reference has limits for {watch.reference.window!r} only, and there "
                        f"is no models/reference/{MATERIAL} to draw others from. Run `dvc repro reference`.")
    try:
        axis = WindowAxis.of(window, watch.bundle.contract.time)
    except ValueError as err:
        raise DataError(f"--{err}. Give it day, week, month, or a duration such as 14d.") from err
    facts = merged(watch.reference.facts, step_facts(watch.material, axis, watch.rules))
    return replace(watch, reference=replace(watch.reference, window=window, facts=facts))


def end_of_test(contract: Contract) -> int | None:
    """Exact time from which rows are watched: `split.until`; None where the test part lasts to the end."""
    return None if contract.split.until is None else exact_time(contract.split.until, contract)


def watch_tables(watch: Monitor, source: Source, *, since: int | None, until: int | None, machines_at_once: int
                 ) -> WatchReport:
    """Judge all whole windows of a source from an exact time on.

    Parameters
    ----------
    since, until
        Exact times; None begins after the data that the model was accepted on, and ends with the last reading.

    Raises
    ------
    DataError
        If there is no whole window in between.
    """
    axis, reference = watch.axis, watch.reference
    begin = reference.last if since is None else since
    first = int(axis.window_of(axis.slot_of(np.array([begin + axis.slot - 1])))[0])
    first += int(axis.start(first) < begin)
    counted = count_source(watch, source, slots_before(axis, first, watch.rules), until, machines_at_once)
    last = axis.last_whole(counted.newest + axis.slot if until is None else until)
    if last < first:
        raise DataError(f"{source.name}: no whole window ({reference.window}) to judge between {axis.name(first)} and "
                        f"the last reading. Wait for more, or move --since or --until.")
    seen = observed(watch, source, counted, until)
    return judge(watch, counted, seen, first, last)


def judge(watch: Monitor, counted: "Counted", seen: FleetObservation, first: int, last: int,
          watcher: WindowJudge | None = None) -> WatchReport:
    """Judge windows in order, from one to another.

    Parameters
    ----------
    watcher
        One that has drawn its limits before; made anew where not given.
    """
    book, arrivals = AlertBook(watch.rules.alerts), {window: counted.counts.arrivals.of(window)
                                                     for window in range(first, last + 1)}
    if counted.jumped:
        newest = arrivals[last]
        ahead_h = max(newest.ahead_h, *(each / MICROSECONDS_PER_HOUR for each in counted.jumped.values()))
        arrivals[last] = replace(newest, ahead=tuple(sorted({*newest.ahead, *counted.jumped})), ahead_h=ahead_h)
    watched = (watcher or watch.watcher()).windows(replace(seen, arrivals=arrivals), first, last)
    for each in watched:
        book.enter(each.window, each.findings, each.unknown)
    return report_on(watched, book, watch.reference, seen, watch.bundle.contract, watch.axis)


def watch_as_asked(args: argparse.Namespace) -> WatchReport:
    """What the options of `oilcan monitor` and `oilcan decide` ask for."""
    where = paths(args)
    watch = open_watch(where.bundle, read_rules(where.rules), where.material, args.window)
    contract = watch.bundle.contract
    source: Source = StoreTables.opened(args.store, contract) if args.store else CanonicalTables(where.canonical)
    return watch_tables(watch, source, since=moment(args.since, contract, "--since"),
                        until=moment(args.until, contract, "--until"), machines_at_once=_AT_ONCE)


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
        raise DataError(f"{source.name}: holds no reading. Check that data arrive; nothing can be said without them.")
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
        raise DataError(f"{source.name}: holds no reading since {since}. Check that data arrive; nothing can be said "
                        f"without them.")
    counts.ends |= ends
    return Counted(counts, newest, jumped, frames)


def observed(watch: Monitor, source: Source, counted: Counted, until: int | None = None) -> FleetObservation:
    """What is known of a fleet: its counts with events and forecasts."""
    newest = counted.newest if until is None else min(until, counted.newest)
    events = FleetEvents(source.events["failures"], source.events["maintenance"], source.events["errors"])
    return FleetObservation(counted.counts.settled(), events, machine_kinds(watch.bundle.contract, source.machines),
                            forecast_rows(watch.bundle, counted.frames, source, newest), alarms=source.alarms())


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
