"""The monitoring of a replay: each window judged when it was over, by the reference of the model in service."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from oilcan.core.alarms import crews
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.monitoring.alerts.alert_book import Alert, AlertBook
from oilcan.monitoring.fleet_counts import FleetCounts, Judges
from oilcan.monitoring.reference.reference_assembling import machine_kinds
from oilcan.monitoring.statistics.counts_by_window import FleetEvents
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.monitoring.watch_report import WatchReport, report_on
from oilcan.monitoring.watching import FleetObservation, WindowJudge, WindowVerdict, slots_before
from oilcan.operations.replay.model_making import ReplayModel
from oilcan.operations.replay.replay_settings import ReplaySettings
from oilcan.operations.replay.replayed_fleet import ReplayedFleet, rows_between


@dataclass(frozen=True)
class WatchedWindow:
    """What was seen of the fleet when a window was over, and the verdict on it."""

    seen: FleetObservation
    verdict: WindowVerdict


class FleetWatch:
    """Judges windows; of one model and one window only once, whichever policy has that model in service.

    Breakdowns, work and errors are seen at once: a machine stands still. What makes a failure an outcome of forecasts,
    its cause, is recorded later (`labels_late_days`), so outcomes are known only up to then. Limits are those tabled in
    the reference, as a service has them.
    """

    def __init__(self, settings: ReplaySettings, fleet: ReplayedFleet) -> None:
        self._settings, self._fleet = settings, fleet
        self._counts: dict[int, FleetCounts] = {}
        self._watched: dict[tuple[int, int], WatchedWindow] = {}

    def window(self, model: ReplayModel, window: int) -> WatchedWindow:
        """A window as a model's monitoring saw it when it was over."""
        key = model.made, window
        if key not in self._watched:
            seen = self._observe(model, window)
            judge = WindowJudge(model.contract, model.reference, model.drift, self._settings.monitoring)
            self._watched[key] = WatchedWindow(seen, judge.window(seen, window))
        return self._watched[key]

    def _observe(self, model: ReplayModel, window: int) -> FleetObservation:
        axis, end = self._settings.axis, self._settings.axis.start(window + 1)
        tables = {name: self._until(name, end) for name in ("failures", "maintenance", "errors")}
        machines = self._fleet.tables["machines"]
        machines = machines[exact(machines["first_time"]) < end]
        return FleetObservation(
            self._cells(model).cells.until(axis.first_slot(window + 1)), FleetEvents(**tables),
            machine_kinds(model.contract, machines), self._forecasts(model, window, machines))

    def _cells(self, model: ReplayModel) -> FleetCounts:
        """Counts of all readings from before a model was made; the caller cuts what was not there yet."""
        if model.made not in self._counts:
            axis, telemetry = self._settings.axis, self._fleet.tables["telemetry"]
            made_in = int(axis.window_of(axis.slot_of(np.array([model.made])))[0])
            first = slots_before(axis, made_in, self._settings.monitoring)
            judges = Judges(model.contract, model.plan, model.reference, axis)
            counts = FleetCounts(judges, first)
            counts.take(telemetry[exact(telemetry[TIME]) >= first * axis.slot],
                        judges.places(self._fleet.tables["machines"]))
            self._counts[model.made] = counts
        return self._counts[model.made]

    def _forecasts(self, model: ReplayModel, window: int, machines: pd.DataFrame) -> ForecastRows | None:
        """Forecasts of the windows that rules look back at, with the outcomes known at the end of the last."""
        axis, span = self._settings.axis, max(self._settings.monitoring.events.spans)
        end = axis.start(window + 1)
        until = end - self._settings.labels_late_us
        frame = model.forecasts[rows_between(model.forecasts, axis.start(window - span), end)].reset_index(drop=True)
        if frame.empty:
            return None
        policy = model.policies[model.contract.headline()[0]]
        return ForecastRows.of(model.contract, policy, frame, self._until("failures", until), until=until,
                               crew=crews.crews(model.contract, machines, frame[MACHINE]))

    def _until(self, name: str, end: int) -> pd.DataFrame:
        frame = self._fleet.tables[name]
        return frame[exact(frame[TIME]) < end]


class ModelWatch:
    """The alerts of one model's time in service.

    Attributes
    ----------
    report
        After the last window that was entered.
    """

    def __init__(self, watch: FleetWatch, settings: ReplaySettings, model: ReplayModel) -> None:
        self._watch, self._settings, self._model = watch, settings, model
        self._book = AlertBook(settings.monitoring.alerts)
        self._verdicts: list[WindowVerdict] = []

    def enter(self, window: int) -> tuple[WatchReport, list[Alert]]:
        """The report after the next window, and the alerts that it opened."""
        watched = self._watch.window(self._model, window)
        opened = self._book.enter(window, watched.verdict.findings, watched.verdict.unknown)
        self._verdicts.append(watched.verdict)
        axis = self._settings.axis
        known = axis.start(window + 1) - self._settings.labels_late_us
        failures = watched.seen.events.failures
        recorded = replace(watched.seen.events, failures=failures[exact(failures[TIME]) < known])
        report = report_on(self._verdicts, self._book, self._model.reference, replace(watched.seen, events=recorded),
                           self._model.contract, axis)
        return report, opened
