"""Watch stored tables: read them, judge their windows in order, and say what has changed."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms import crews
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.bundle.watch_reference import BINS, WatchReference
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import DataError, IntegrityError
from oilcan.ground.time_units import MICROSECONDS_PER_HOUR
from oilcan.io.bundle import bundle_folder
from oilcan.io.repository.repository_root import find_root
from oilcan.io.stage import stage_inputs
from oilcan.monitoring.alerts.alert_book import AlertBook
from oilcan.monitoring.limits.limit_material import Material
from oilcan.monitoring.reference.partition_passes import count_readings, numbers
from oilcan.monitoring.reference.reference_assembling import groups_of, machine_kinds
from oilcan.monitoring.reference.reference_building import merged, step_facts
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.forecast_history import FleetEvents, ForecastRows
from oilcan.monitoring.statistics.quality_statistics import Arrivals
from oilcan.monitoring.watch_report import WatchReport, report_on
from oilcan.monitoring.watching import Observed, Watcher, slots_before
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.operations.watched_tables import CanonicalTables, Source, StoreTables
from oilcan.params.monitoring import MonitoringParams
from oilcan.params.section import section

MATERIAL: Final = "material.npz"
_AT_ONCE: Final = 25                    # machines: bounds the memory of a command
_FEWEST_CLOCKS: Final = 3               # with fewer machines nobody knows whose clock is wrong
EXIT: Final = {"calm": 0, "alert": 3, "unknown": 4}     # of `oilcan monitor`


NO_ROWS: Final = "no rows after the test part: nothing to watch. Set split.until in the contract to end the test part."
NOTHING: Final = {"state": "none", "open_alerts": 0, "alerts": 0, "drifted_sensors": 0,
                  "cost_per_machine_month_eur": None}


@dataclass(frozen=True)
class Watch:
    """Who judges, and by what."""

    bundle: Bundle
    reference: WatchReference
    rules: MonitoringParams
    material: Material | None

    @property
    def axis(self) -> WindowAxis:
        """Slots and windows."""
        return WindowAxis.parse(self.reference.window, counts_cycles=self.bundle.contract.time.kind == "cycle")


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
    """Exact time of an ISO 8601 text (UTC unless it says otherwise), or a number of cycles.

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
        raise DataError(f"{option} {text}: is no {'cycle' if contract.time.kind == 'cycle' else 'moment'} ({err}). "
                        f"Give it for example 2024-12-31, or a number of cycles where machines count them.") from err


def exact_time(text: str, contract: Contract) -> int:
    """The exact time of a text of the contract or of a command."""
    return int(text) if contract.time.kind == "cycle" else int(exact(pd.to_datetime(pd.Series([text]), utc=True))[0])


def read_rules(path: Path) -> MonitoringParams:
    """monitoring.yaml; ParamsError if it is not valid."""
    return section(MonitoringParams, stage_inputs.read_yaml(path), str(path))


def open_watch(bundle_path: Path, rules: MonitoringParams, material_path: Path | None, window: str | None = None
               ) -> Watch:
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
    watch = Watch(bundle, reference, rules, material)
    return watch if window in (None, reference.window) else for_window(watch, str(window))


def for_window(watch: Watch, window: str) -> Watch:
    """The same by windows of another length, whose limits are drawn from the material."""
    if watch.material is None:
        raise DataError(f"--window {window}: the reference has limits for {watch.reference.window!r} only, and there "
                        f"is no models/reference/{MATERIAL} to draw others from. Run `dvc repro reference`.")
    cycles = watch.bundle.contract.time.kind == "cycle"
    try:
        axis = WindowAxis.parse(window, counts_cycles=cycles)
    except ValueError as err:
        raise DataError(f"--{err}. Give it day, week, month, or a duration such as 14d.") from err
    facts = merged(watch.reference.facts, step_facts(watch.material, axis, watch.rules))
    return replace(watch, reference=replace(watch.reference, window=window, facts=facts))


def end_of_test(contract: Contract) -> int | None:
    """Exact time from which rows are watched: `split.until`; None where the test part goes on to the end."""
    return None if contract.split.until is None else exact_time(contract.split.until, contract)


def watch_tables(watch: Watch, source: Source, *, since: int | None, until: int | None, machines_at_once: int
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
    earliest = slots_before(axis, first, watch.rules) * axis.slot
    seen, newest, clocks = _observe(watch, source, earliest, until, machines_at_once)
    last = axis.last_whole(newest + axis.slot if until is None else until)
    if last < first:
        raise DataError(f"{source.name}: no whole window ({reference.window}) to judge between {axis.name(first)} and "
                        f"the last reading. Wait for more, or move --since or --until.")
    watched, book = [], AlertBook(watch.rules.alerts)
    watcher = Watcher(watch.bundle.contract, reference, watch.bundle.drift_reference, watch.rules, watch.material)
    for window in range(first, last + 1):
        arrivals = source.arrivals(axis, window) or (clocks if window == last else None)
        now = replace(seen, arrivals={window: arrivals}) if arrivals else seen
        each = watcher.window(now, window)
        book.enter(window, each.findings, each.unknown)
        watched.append(each)
    return report_on(watched, book, reference, seen, watch.bundle.contract, axis)


def watch_as_asked(args: argparse.Namespace) -> WatchReport:
    """What the options of `oilcan monitor` and `oilcan decide` ask for."""
    where = paths(args)
    watch = open_watch(where.bundle, read_rules(where.rules), where.material, args.window)
    contract = watch.bundle.contract
    source: Source = StoreTables(args.store, contract) if args.store else CanonicalTables(where.canonical)
    return watch_tables(watch, source, since=moment(args.since, contract, "--since"),
                        until=moment(args.until, contract, "--until"), machines_at_once=_AT_ONCE)


def _observe(watch: Watch, source: Source, earliest: int, until: int | None, machines_at_once: int
             ) -> tuple[Observed, int, Arrivals | None]:
    """What the source holds from an exact time on, its newest time, and clocks that are ahead of the fleet."""
    bundle, reference, axis = watch.bundle, watch.reference, watch.axis
    cells = Cells(len(reference.columns), BINS)
    frames: list[pd.DataFrame] = []
    ends = source.ends()
    if not ends:
        raise DataError(f"{source.name}: holds no reading. Check that data arrive; nothing can be said without them.")
    end, ahead = clocks_ahead(ends, axis)
    newest, jumped, reach = end, dict[str, int](), axis.start(1) - axis.start(0)
    ids = tuple(str(name) for name in source.machines[MACHINE])
    groups, group_of = groups_of(bundle.contract, source.machines, ids)
    known = {name: at for at, name in enumerate(reference.groups)}
    places = {name: known.get(groups[at], len(reference.groups) - 1) for name, at in zip(ids, group_of, strict=True)}
    for piece in source.pieces(bundle, earliest, machines_at_once):
        telemetry, wrong = _without_jumps(piece.telemetry, end, reach, ahead)
        jumped |= wrong
        telemetry = telemetry if until is None else telemetry[exact(telemetry[TIME]) < until]
        if len(telemetry):
            time = exact(telemetry[TIME])
            newest = max(newest, int(time.max()))
            count_readings(cells, telemetry[MACHINE].astype(str).tolist(), time, numbers(telemetry, bundle.contract),
                           reference, bundle.plan, axis, places)
        if piece.forecasts is not None:
            frames.append(piece.forecasts)
    if not cells.machines or newest < earliest:
        since = axis.name(int(axis.window_of(axis.slot_of(np.array([earliest])))[0]))
        raise DataError(f"{source.name}: holds no reading since {since}. Check that data arrive; nothing can be said "
                        f"without them.")
    ahead_h = max(jumped.values(), default=0) / MICROSECONDS_PER_HOUR
    clocks = Arrivals(ahead=tuple(sorted(jumped)), ahead_h=ahead_h) if jumped else None
    failures = source.events["failures"]
    events = FleetEvents(failures, source.events["maintenance"], source.events["errors"])
    forecasts = _forecasts(watch, frames, source, newest if until is None else min(until, newest))
    return Observed(cells, events, machine_kinds(bundle.contract, source.machines), forecasts), newest, clocks


def clocks_ahead(ends: Mapping[str, int], axis: WindowAxis) -> tuple[int, frozenset[str]]:
    """Exact time at which the fleet ends together, and the machines that end more than a window later.

    Those may go on alone, or their clock has jumped: then they have no reading in the window after the fleet's end.
    """
    times = np.sort(np.array(list(ends.values()), dtype=np.int64))
    if axis.counts_cycles or len(times) < _FEWEST_CLOCKS:
        return int(times[-1]), frozenset()
    reach = axis.start(1) - axis.start(0)
    together = int(times[times <= times[(len(times) - 1) // 2] + reach][-1])
    return together, frozenset(name for name, time in ends.items() if time > together + reach)


def _without_jumps(telemetry: pd.DataFrame, end: int, reach: int, ahead: frozenset[str]
                   ) -> tuple[pd.DataFrame, dict[str, int]]:
    """Readings without those of clocks that jumped, and by how much each of these is ahead."""
    time, jumped = exact(telemetry[TIME]), {}
    is_bad = np.zeros(len(telemetry), dtype=bool)
    for machine in ahead & set(telemetry[MACHINE].unique()):
        mine = (telemetry[MACHINE] == machine).to_numpy()
        late = mine & (time > end + reach)
        if not (mine & (time > end) & ~late).any():
            is_bad |= late
            jumped[machine] = int(time[late].max()) - end
    return telemetry[~is_bad], jumped


def _forecasts(watch: Watch, frames: list[pd.DataFrame], source: Source, until: int) -> ForecastRows | None:
    contract = watch.bundle.contract
    name, task = contract.headline()
    policy = watch.bundle.fitted.policies().get(name)
    if task.kind != "failure_within" or policy is None or not frames:
        return None
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[exact(frame[TIME]) <= until].sort_values([MACHINE, TIME], kind="stable", ignore_index=True)
    crew = crews.crews(contract, source.machines, frame[MACHINE])
    return ForecastRows.of(contract, policy, frame, source.events["failures"], until=until, crew=crew)


