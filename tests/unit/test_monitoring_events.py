"""Rates that wander, and planned work against what is due."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.monitoring_frames import MONDAY, contract, no_events, observe, telemetry, watcher, week

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import CODE, COMPONENT, MACHINE, MODE, TIME
from oilcan.monitoring.statistics.cells import Cells, Signals
from oilcan.monitoring.statistics.counts_by_window import (
    FleetEvents,
    event_counts,
    learn_hazards,
    unknown_codes,
)
from oilcan.monitoring.statistics.event_bursts import Places
from oilcan.monitoring.statistics.event_statistics import EventCounts, Rate, chances, event_findings, learn_rates
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.monitoring.statistics.work_ages import WorkHazard, ages
from oilcan.monitoring.window_axis import DAY_US, WindowAxis
from oilcan.params.operating.monitoring import EventRules

MACHINES, WEEKS, LEARNED = 30, 80, 52
RULES = EventRules(spans=[4, 8], headline_share=0.6, least_wander=0.15, fewest=5)
AXIS = WindowAxis.parse("week")


def _cells(weeks: int = WEEKS) -> Cells:
    """A fleet in which every machine reports every day."""
    cells = Cells(1, 2, [f"m{number:02d}" for number in range(MACHINES)])
    cells.cover(int(MONDAY.value // 1000 // DAY_US), int(MONDAY.value // 1000 // DAY_US) + 7 * weeks)
    cells.readings[:] = 24
    return cells


def _work(seed: int, factor: float) -> FleetEvents:
    """Work every 90 days, give or take a tenth; from week 60 on what is left of an interval is `factor` times it."""
    rng, change, days = np.random.default_rng(seed), 60 * 7, []
    for number in range(MACHINES):
        day = rng.uniform(-90, 0)
        while day < 7 * WEEKS:
            due = day + rng.normal(90, 9) * (factor if day >= change else 1.0)
            if day < change <= due:
                due = change + (due - change) * factor
            day = due
            days.append((f"m{number:02d}", day))
    rows = [(machine, day) for machine, day in days if 0 <= day < 7 * WEEKS]
    frame = pd.DataFrame({MACHINE: [machine for machine, _ in rows],
                          TIME: MONDAY + pd.to_timedelta([int(day) for _, day in rows], unit="D"), COMPONENT: "seal"})

    def empty(kind: str) -> pd.DataFrame:
        return pd.DataFrame({MACHINE: pd.Series(dtype="str"), TIME: pd.Series(dtype="datetime64[us, UTC]"),
                             kind: pd.Series(dtype="str")})

    return FleetEvents(empty("mode"), frame.assign(**{TIME: frame[TIME].astype("datetime64[us, UTC]")}), empty("code"))


def _alerts(seed: int, factor: float) -> list[int]:
    """Weeks in which planned work is unlike the first 52 weeks."""
    cells, events = _cells(), _work(seed, factor)
    hazards = learn_hazards(AXIS, events, _cells(LEARNED))
    first = int(AXIS.window_of(np.array([cells.first_slot]))[0])
    counts = event_counts(AXIS, np.arange(first, first + WEEKS), events, cells, None, hazards)
    rates = learn_rates(counts.last(LEARNED, LEARNED), span=8, least_wander=RULES.least_wander)
    return [end - 1 for end in range(LEARNED + 1, WEEKS + 1) if event_findings(
        counts.last(end, 8), rates, RULES, budget=0.5, per_year=AXIS.per_year)[0]]


def test_a_longer_interval_of_planned_work_is_seen_within_eight_weeks_and_a_usual_one_is_not() -> None:
    delays = [min(_alerts(seed, 1.6), default=WEEKS) - 60 for seed in range(8)]
    assert all(0 <= delay < 8 for delay in delays)
    assert not any(_alerts(seed, 1.0) for seed in range(8))


def test_failures_are_compared_with_what_forecasts_expected_of_the_same_week_without_a_wait_for_outcomes() -> None:
    rng, machines, weeks = np.random.default_rng(7), [f"m{number:02d}" for number in range(6)], 12
    hours = pd.date_range(MONDAY, periods=weeks * 7 * 4, freq="6h").as_unit("us")
    name, horizon, lead = contract().headline()[0], *contract().look_ahead()
    frame = pd.DataFrame({MACHINE: np.repeat(machines, len(hours)), TIME: np.tile(hours, len(machines)),
                          f"p_{name}": rng.uniform(0, 0.2, len(machines) * len(hours))}).astype({MACHINE: "str"})
    until = MONDAY + pd.Timedelta(weeks=weeks)
    failures = pd.DataFrame({MACHINE: ["m01", "m02", "m03"], MODE: "wear",
                             TIME: until - pd.to_timedelta([30, 40, 24 * 7 + 1], unit="h")}
                            ).astype({MACHINE: "str", MODE: "str", TIME: "datetime64[us, UTC]"})
    rows = ForecastRows.of(contract(), AlarmPolicy(0.9, 0.9), frame, failures, until=int(exact(pd.Series([until]))[0]))
    counts = event_counts(AXIS, np.array([week(number) for number in range(weeks)]),
                          FleetEvents(failures, no_events().maintenance, no_events().errors), _cells(weeks), rows, {})
    seen, expected = counts.count["forecast failures"], counts.exposure["forecast failures"]
    np.testing.assert_allclose(seen, [0] * 10 + [1, 2])                 # of the newest week too, in which all is open
    p, rows_a_week = frame[f"p_{name}"].to_numpy(), len(machines) * 7 * 4
    usual = p.mean() * rows_a_week * 6 / horizon
    assert expected[4:] == pytest.approx(np.full(weeks - 4, usual), rel=0.15)
    assert horizon + lead < 7 * 24
    beyond = sum(value * max(0.0, min(1.0, (hour + lead + horizon - weeks * 168) / horizon))
                 for value, hour in zip(p, np.tile(np.arange(len(hours)) * 6, len(machines)), strict=True))
    assert expected.sum() == pytest.approx((p.sum() - beyond) * 6 / horizon)           # spread, and nothing lost


def test_work_that_is_due_together_is_expected_together() -> None:
    since = ages(np.zeros(2, dtype=int), np.array([0, 90]), np.arange(180), 1)
    hazard = WorkHazard.learn(np.tile(np.arange(1.0, 91.0), 20), np.full(20, 90.0))
    due = hazard.expected(since[0])
    assert np.flatnonzero(due).tolist() == [90]
    assert WorkHazard.from_json(hazard.as_json()) == hazard


def test_a_rate_that_wanders_with_the_season_is_less_certain_than_its_count() -> None:
    seasonal = np.random.default_rng(1).poisson(4 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(LEARNED) / LEARNED)))
    steady = np.random.default_rng(1).poisson(4, LEARNED)
    exposure = {"failures": np.ones(LEARNED), "alarms": np.ones(LEARNED)}
    rates = learn_rates(EventCounts({"failures": seasonal * 1.0, "alarms": steady * 1.0}, exposure), span=8,
                        least_wander=0.15)
    assert rates["failures"].wander == pytest.approx(0.35, abs=0.12)
    assert rates["alarms"].wander == 0.15
    assert chances(50, 8.0, rates["failures"])[0] > 10 * chances(50, 8.0, rates["alarms"])[0]


def _faults(seed: int, more: float) -> EventCounts:
    """Lines of one code in two years: each fault repeats it on its machine for three weeks, about twenty times."""
    rng, weeks, windows, machines = np.random.default_rng(seed), 2 * LEARNED, [], []
    for number in range(weeks):
        for _ in range(rng.poisson(0.6 * (more if number >= LEARNED + 8 else 1.0))):
            lines = int(rng.geometric(0.05))
            windows += (number + rng.integers(0, 3, lines)).clip(0, weeks - 1).tolist()
            machines += [int(rng.integers(MACHINES))] * lines
    at = np.array(windows)
    return EventCounts({"errors: E1": np.bincount(at, minlength=weeks) * 1.0},
                       {"errors: E1": np.full(weeks, 7.0 * MACHINES)},
                       {"errors: E1": Places(at, np.array(machines), MACHINES)})


def test_a_fault_that_repeats_its_code_is_one_event_and_more_faults_are_more() -> None:
    def is_alert(counts: EventCounts) -> bool:
        rates = learn_rates(counts.last(LEARNED, LEARNED), span=8, least_wander=RULES.least_wander)
        return any(event_findings(counts.last(end, 8), rates, RULES, budget=0.25, per_year=AXIS.per_year)[0]
                   for end in range(LEARNED + 8, 2 * LEARNED + 1, 4))

    usual = [_faults(seed, 1.0) for seed in range(20)]
    assert sum(is_alert(counts) for counts in usual) <= 2
    assert sum(is_alert(EventCounts(counts.count, counts.exposure)) for counts in usual) >= 4   # each line an event
    assert all(is_alert(_faults(seed, 10.0)) for seed in range(4))


@pytest.mark.parametrize("k", [0, 5, 12])
def test_a_rate_without_a_wander_is_the_limit_of_one_with_little(k: int) -> None:
    assert chances(k, 3.0, Rate(20, 9.0)) == pytest.approx(chances(k, 3.0, Rate(20, 9.0, wander=1e-6)), rel=1e-4)


def test_windows_judged_together_are_those_judged_one_by_one() -> None:
    seen, judge = observe(telemetry(6, seed=5)), watcher()
    together = judge.windows(seen, week(2), week(5))
    assert together == [judge.window(seen, number) for number in range(week(2), week(6))]


def test_many_readings_are_counted_in_little_memory() -> None:
    rows, columns = 60_000, 20
    values, edges = np.random.default_rng(1).normal(size=(rows, columns)), np.tile([-1.0, 1.0], (columns, 1))
    nowhere = np.zeros((rows, columns), dtype=bool)
    cells = Cells(columns, 3, ["m0", "m1"])
    cells.cover(0, 7)
    tracemalloc.start()
    cells.add(np.arange(rows) % 2, np.arange(rows) % 7, Signals(values, values, nowhere, nowhere[:, 0],
                                                              np.ones(columns), edges))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < values.nbytes
    assert cells.histogram.sum(axis=(0, 1, 3)).tolist() == [rows] * columns


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("slots", [1, 40_000])          # few cells are sorted in sixteen bits, many are not
def test_cells_are_the_counts_of_single_readings(order: str, slots: int) -> None:
    rng, rows, columns = np.random.default_rng(4), 400, 3
    raw, deviation = rng.normal(size=(rows, columns)), rng.normal(size=(rows, columns)) * 60
    raw[rng.random(raw.shape) < 0.2] = np.nan
    raw[0], deviation[0] = 5e6, 1e9                     # beyond what counts as farthest
    deviation[rng.random(raw.shape) < 0.2] = np.nan
    raw[:, 1], deviation[:, 2] = np.nan, np.nan         # a column that is computed, and one that is not judged
    outside, aside = rng.random(raw.shape) < 0.1, rng.random(rows) < 0.1
    machine, slot = rng.integers(0, 5, rows), rng.choice([0, slots - 1], rows)
    scale, edges = np.array([1.0, 2.0, 0.5]), np.sort(rng.normal(size=(columns, 4)) * 50, axis=1)
    cells = Cells(columns, 5, [f"m{at}" for at in range(5)])
    cells.cover(0, slots)
    cells.add(machine, slot, Signals(*(np.asarray(each, order=order) for each in (raw, deviation, outside)), aside,
                                     scale, edges))
    for at in range(5):
        for place in {0, slots - 1}:
            mine = (machine == at) & (slot == place)
            assert (cells.readings[at, place], cells.aside[at, place]) == (mine.sum(), aside[mine].sum())
            for column in range(columns):
                there, judged = raw[mine, column], deviation[mine, column]
                there, judged = there[~np.isnan(there)], judged[~np.isnan(judged)]
                assert [each[at, place, column] for each in (cells.missing, cells.outside, cells.n)] == [
                    mine.sum() - len(there), outside[mine, column].sum(), len(judged)]
                assert cells.raw_total[at, place, column] == sum(
                    round(min(value, 1e6) * 65_536) for value in there / scale[column])
                assert cells.total[at, place, column] == sum(
                    round(min(max(value, -100.0), 100.0) * 65_536) for value in judged)
                assert cells.low[at, place, column] == np.float32(there.min(initial=np.inf))
                assert cells.high[at, place, column] == np.float32(there.max(initial=-np.inf))
                assert cells.histogram[at, place, column].tolist() == np.bincount(
                    np.searchsorted(edges[column], judged, side="right"), minlength=5).tolist()


def test_codes_of_a_window_that_are_not_known() -> None:
    errors = pd.DataFrame({MACHINE: ["a", "a", "b", "b"], CODE: ["E1", "E9", "E8", None],
                           TIME: MONDAY + pd.to_timedelta([1, 2, 9, 2], unit="D")})
    events, known = replace(no_events(), errors=errors), {"failures": [], "maintenance": [], "errors": ["E1"]}
    axis, weeks = WindowAxis.parse("week"), np.arange(week(0), week(3))
    assert unknown_codes(axis, weeks, events, known) == [
        {"failures": [], "maintenance": [], "errors": codes} for codes in (["E9"], ["E8"], [])]
    assert unknown_codes(axis, weeks, events, None) == [None] * 3
