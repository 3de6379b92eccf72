"""One window of a fleet -> its statistics, findings and what could not be judged; and many windows in order.

The same function judges windows of stored tables and of the live service: both hold `Cells`, events and forecasts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from oilcan.contract import Contract
from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.monitoring.alerts.alarm_share import AlarmReasons
from oilcan.monitoring.alerts.alert_book import AlertBook
from oilcan.monitoring.alerts.window_findings import Finding, Unknown
from oilcan.monitoring.limits.drawn_limits import Limits, draw_limits
from oilcan.monitoring.limits.input_rules import InputWindows, input_findings, not_enough, present_machines
from oilcan.monitoring.limits.limit_material import (
    Material,
    fewest_in_slot,
    fewest_readings,
    scales,
    tabled_limits,
    terms,
    window_slots,
)
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.counts_by_window import FleetEvents, event_counts, unknown_codes
from oilcan.monitoring.statistics.event_statistics import EventCounts, Rate, event_findings
from oilcan.monitoring.statistics.forecast_history import ForecastRows, window_figures
from oilcan.monitoring.statistics.input_statistics import STATISTICS, MachineWindows, statistics
from oilcan.monitoring.statistics.machine_steps import BEFORE, LAG
from oilcan.monitoring.statistics.marked_slots import explained, since_replaced
from oilcan.monitoring.statistics.quality_statistics import (
    Arrivals,
    QualityCounts,
    arrival_findings,
    kind_findings,
    quality_findings,
    silent_machines,
)
from oilcan.monitoring.statistics.resting import LONGEST
from oilcan.monitoring.statistics.shadow_figures import shadow_figures
from oilcan.monitoring.statistics.work_ages import WorkHazard
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.params.operating.monitoring import MonitoringParams

State = Literal["calm", "alert", "unknown"]


@dataclass(frozen=True)
class FleetObservation:
    """What is known of a fleet up to now.

    Attributes
    ----------
    cells
        Counts of the windows that are judged and of those before them that rules look back at.
    kinds
        Machine -> its values by category (model, site).
    forecasts
        None where there are none.
    arrivals
        Window -> how its readings arrived.
    shadow
        Forecasts of a challenger; None where there is none.
    alarms
        Reads alarms of the crew with their reasons, where they are known: many, and few verdicts ask for them.
    """

    cells: Cells
    events: FleetEvents
    kinds: Mapping[str, Mapping[str, str]]
    forecasts: ForecastRows | None = None
    arrivals: Mapping[int, Arrivals] = field(default_factory=dict)
    shadow: ForecastRows | None = None
    alarms: Callable[[], Sequence[AlarmReasons]] = tuple


@dataclass(frozen=True)
class WindowVerdict:
    """One window: numbers, findings, and what could not be judged.

    Attributes
    ----------
    inputs
        Column -> statistic -> value; `scaled` is the value on the scale of its limit (1: the limit).
    context
        Operating condition -> how far its mean lies from the reference, in standard deviations.
    """

    window: int
    machines: int
    readings: int
    inputs: Mapping[str, Mapping[str, float | None]]
    scaled: Mapping[str, Mapping[str, float | None]]
    context: Mapping[str, float | None]
    quality: Mapping[str, Any]
    forecasts: Mapping[str, Any]
    findings: tuple[Finding, ...]
    unknown: tuple[Unknown, ...]


class WindowJudge:
    """Judges windows by one reference and one set of rules.

    Attributes
    ----------
    material
        What limits are drawn from for the mix of machines of a window; without it the table of the reference is used.
    """

    def __init__(self, contract: Contract, reference: WatchReference, drift: DriftReference, rules: MonitoringParams,
                 material: Material | None = None) -> None:
        self.contract, self.reference, self.rules = contract, reference, rules
        self.axis = WindowAxis.of(reference.window, contract.time)
        self._material = material
        self._replaced = contract.replaced_parts
        self._limits: dict[tuple[int, ...], Limits | None] = {}
        self._rates = {kind: Rate.from_json(values) for kind, values in reference.facts["rates"].items()}
        self._hazards = {component: WorkHazard.from_json(values)
                         for component, values in reference.facts.get("work_hazards", {}).items()}
        quantiles = drift.forecasts.get(f"p_{contract.headline()[0]}")
        self._quantiles = quantiles.quantiles if quantiles else ()

    def windows(self, seen: FleetObservation, first: int, last: int) -> list[WindowVerdict]:
        """Windows in order, each judged with what lies before it."""
        span = max(self.rules.events.spans)
        counts = self.counts(seen, np.arange(first - span + 1, last + 1))
        known = self._known(seen, first, last)
        codes = unknown_codes(self.axis, np.arange(first, last + 1), seen.events, self.reference.facts.get("codes"))
        return [self._window(seen, window, counts.last(window - last + len(counts), span),
                             known.upto(window - first, self.rules.inputs.of), codes[window - first])
                for window in range(first, last + 1)]

    def window(self, seen: FleetObservation, window: int) -> WindowVerdict:
        """One window, judged."""
        return self.windows(seen, window, window)[0]

    def _window(self, seen: FleetObservation, window: int, of_events: EventCounts, known: InputWindows,
                codes: dict[str, list[str]] | None) -> WindowVerdict:
        cells = seen.cells
        counts = window_counts(cells, self.axis, window, self.reference)
        reporting = {counts.machines[at] for at in np.flatnonzero(counts.readings > 0).tolist()}
        if not reporting:
            return WindowVerdict(window, 0, 0, {}, {}, {}, {}, {}, (), (Unknown("readings", "no reading at all in the "
                                                                         "window: not enough data"),))
        before = QualityCounts.of(cells, window_slots(cells, self.axis, window - 1), self.reference.raw_scale)
        findings = quality_findings(counts, self.reference, self.rules)
        findings += silent_machines(counts.readings, before.readings, counts.machines, self._excused(seen, window),
                                    self.reference.facts["silent"])
        findings += kind_findings(seen.kinds, reporting, self.reference, self.rules)
        findings += arrival_findings(seen.arrivals.get(window, Arrivals()), self.rules)
        inputs, scaled, drifted, unknown = self._inputs(known, len(reporting))
        events, rare = self._events(of_events)
        return WindowVerdict(window, len(reporting), int(counts.readings.sum()), inputs, scaled, self._context(counts),
                       self._quality(counts, seen, window, codes), self._figures(seen, window),
                       (*findings, *drifted, *events), (*unknown, *rare))

    def _known(self, seen: FleetObservation, first: int, last: int) -> InputWindows:
        """Inputs of the machines that the reference knows, in windows to judge and in those that rules look back at.

        A machine with a replaced part is unknown from then on: its level in the reference is that of the old part.
        """
        cells, names = seen.cells, set(self.reference.machines)
        mine = cells.chosen(np.array([at for at, name in enumerate(cells.machines) if name in names], dtype=np.int64))
        mine.set_aside(since_replaced(mine, seen.events, self.axis, self._replaced, self.reference.last))
        scale, usual = scales(self.reference)
        earliest = first - self.rules.inputs.of + 1
        starts = np.array([self.axis.first_slot(number) for number in range(earliest, last + 2)])
        windows = MachineWindows.of(mine, explained(mine, seen.events, self.axis), scale, starts,
                                    fewest=fewest_readings(cells, self.axis, self.rules),
                                    fewest_slot=fewest_in_slot(cells))
        return InputWindows(mine.machines, windows, statistics(windows, usual, self.reference.edges,
                                                               self.reference.shares))

    def _inputs(self, seen: InputWindows, reporting: int) -> tuple[dict[str, Any], dict[str, Any], list[Finding],
                                                                   list[Unknown]]:
        if not len(seen.machines):
            return {}, {}, [], [Unknown("inputs", f"none of the {reporting} machines that report is known to the "
                                                  f"reference: not enough data")]
        known, values = {name: at for at, name in enumerate(self.reference.machines)}, seen.values
        groups = [self.reference.group_of[known[name]] for name in seen.machines]
        present = present_machines(seen.windows)
        missing = not_enough(int(present.sum()), reporting, self.rules)
        limits = None if missing else self.limits([group for group, there in zip(groups, present, strict=True)
                                                   if there])
        if limits is None and missing is None:
            missing = Unknown("inputs", "the reference is too short to draw limits from: not enough data")
        if limits is None:
            return self._named(values[-1]), {}, [], [missing] if missing else []
        found = input_findings(seen, limits, self.reference, self.rules)
        # on the scale of the report, 1 is the limit of the statistic
        return self._named(values[-1]), self._named(limits.scaled(values)[-1] / limits.at_once), found, []

    def limits(self, groups: Sequence[int]) -> Limits | None:
        """Limits for a window of machines of these groups; drawn once for each mix."""
        if self._material is None:
            return tabled_limits(self.reference.facts["limits"], len(groups))
        counts = np.bincount(groups, minlength=len(self.reference.groups))
        coarse = tuple(_coarse(int(count)) for count in counts)
        if coarse not in self._limits:
            source = self._material.source(self.reference, self.axis, self.rules)
            mix = np.repeat(np.arange(len(coarse)), coarse).tolist()
            self._limits[coarse] = draw_limits(source, mix, terms(self.rules, self.axis))
        return self._limits[coarse]

    def _events(self, counts: EventCounts) -> tuple[list[Finding], list[Unknown]]:
        budget = self.rules.false_alerts_per_year * self.rules.budget.events
        return event_findings(counts, self._rates, self.rules.events, budget=budget, per_year=self.axis.per_year)

    def counts(self, seen: FleetObservation, windows: np.ndarray) -> EventCounts:
        """Events of consecutive windows; windows before the first cell are unknown."""
        counts = event_counts(self.axis, windows, seen.events, seen.cells, seen.forecasts, self._hazards)
        early = np.array([self.axis.first_slot(int(window)) < seen.cells.first_slot for window in windows])
        return replace(counts, count={kind: np.where(early, np.nan, values) for kind, values in counts.count.items()})

    def _excused(self, seen: FleetObservation, window: int) -> set[str]:
        failures = seen.events.failures
        if not len(failures):
            return set()
        number = self.axis.window_of(self.axis.slot_of(exact(failures[TIME])))
        return set(failures.loc[(number >= window - 1) & (number <= window), MACHINE])

    def _context(self, counts: QualityCounts) -> dict[str, float | None]:
        place = {name: at for at, name in enumerate(self.reference.machines)}
        rows = [(at, place[name]) for at, name in enumerate(counts.machines) if name in place]
        out: dict[str, float | None] = {}
        for at, column in enumerate(self.reference.columns):
            if column.kind == "condition" and rows:
                now = np.array([counts.raw_mean[mine, at] for mine, _ in rows])
                gap = (now - np.array([self.reference.raw_centre[theirs, at] for _, theirs in rows]))
                gap = gap[~np.isnan(gap)]
                out[column.name] = float(gap.mean() / self.reference.raw_scale[at]) if len(gap) else None
        return out

    def _quality(self, counts: QualityCounts, seen: FleetObservation, window: int, codes: dict[str, list[str]] | None
                 ) -> dict[str, Any]:
        arrivals = seen.arrivals.get(window)
        shares = {name: {column: _plain(np.nanmean(values[:, at]) if (~np.isnan(values[:, at])).any() else np.nan)
                         for at, column in enumerate(self.reference.names)
                         if self.reference.columns[at].kind != "computed"}
                  for name, values in counts.shares.items()}
        return {**shares, "aside_share": float(counts.aside.sum() / max(counts.readings.sum(), 1)),
                "late": arrivals.late if arrivals else None, "duplicate": arrivals.duplicate if arrivals else None,
                "conflicting": arrivals.conflicting if arrivals else None,
                "unknown_codes": codes}

    def _figures(self, seen: FleetObservation, window: int) -> dict[str, Any]:
        if seen.forecasts is None:
            return {}
        figures = window_figures(self.axis, window, seen.forecasts, self.contract, self._quantiles)
        if seen.shadow is None:
            return figures
        return figures | {"shadow": shadow_figures(self.axis, window, seen.forecasts, seen.shadow)}

    def _named(self, values: np.ndarray) -> dict[str, dict[str, float | None]]:
        return {column.name: {name: _plain(values[at, number]) for number, name in enumerate(STATISTICS)}
                for at, column in enumerate(self.reference.columns) if column.is_judged}


def window_counts(cells: Cells, axis: WindowAxis, window: int, reference: WatchReference) -> QualityCounts:
    """Counts of one window, and rests of more windows where a sensor may rest for one."""
    slots = window_slots(cells, axis, window)

    def back(windows: int) -> slice | None:
        begin = axis.first_slot(window - windows + 1) - cells.first_slot
        return slice(begin, slots.stop) if begin >= 0 else None

    return QualityCounts.of(cells, slots, reference.raw_scale).of_long_rests(cells, reference.columns, back)


def slots_before(axis: WindowAxis, window: int, rules: MonitoringParams) -> int:
    """First slot that must be in the cells to judge a window: what rules look back at."""
    back = max(rules.inputs.of, LONGEST, *rules.events.spans)
    return axis.first_slot(window - back) - BEFORE - LAG


def state_of(watched: WindowVerdict, book: AlertBook) -> State:
    """The verdict after the latest window: alert goes before unknown, unknown before calm."""
    if book.open:
        return "alert"
    return "unknown" if any(each.subject in ("inputs", "readings") for each in watched.unknown) else "calm"


def _coarse(count: int) -> int:
    """A count to two digits, so that a machine more or less needs no new limits."""
    if count < 20:
        return count
    digits = 10 ** (len(str(count)) - 2)
    return int(round(count / (2 * digits)) * 2 * digits)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) or np.isinf(value) else float(value)
