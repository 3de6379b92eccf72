"""Whole numbers, counters and sensors that rest by nature are no faults; stuck ones and changed units still are."""

from dataclasses import replace

import numpy as np
import pytest
from tests import monitoring_frames as frames

from oilcan.core.bundle.watch_reference import BINS, WatchedColumn, WatchReference
from oilcan.monitoring.alerts.window_findings import Finding
from oilcan.monitoring.reference.fleet_cells import FleetCells
from oilcan.monitoring.reference.partition_passes import Span
from oilcan.monitoring.reference.reference_building import of_nature, quality_facts
from oilcan.monitoring.statistics.cells import Cells, Signals
from oilcan.monitoring.statistics.quality_statistics import quality_findings
from oilcan.monitoring.statistics.unit_changes import NO_LEVEL, raw_means
from oilcan.monitoring.watching import window_counts
from oilcan.monitoring.window_axis import WindowAxis

AXIS, RULES = WindowAxis.parse("week"), frames.rules()
FIRST = frames.week(0)
MACHINES, LEARNED, WATCHED = 12, 20, 8          # machines, weeks of the reference, weeks after it
KINDS = ("real", "whole", "hours", "errors", "vendor", "zero", "setpoint")
NEVER_STUCK = ("errors", "setpoint")            # they rest by nature, for as long as one looks


def readings(kind: str, a_day: int, seed: int = 3) -> np.ndarray:
    """Readings of one sensor on each machine, shape (machines, time)."""
    rng, shape = np.random.default_rng(seed), (MACHINES, (LEARNED + WATCHED) * 7 * a_day)
    level = rng.uniform(20, 40, (MACHINES, 1))
    return {
        "real": lambda: level + rng.normal(0, 1, shape),
        "whole": lambda: np.round(level + rng.normal(0, 0.6, shape)),
        # one machine is young: its hours double soon
        "hours": lambda: np.where(np.arange(MACHINES) == 0, 0, 20_000)[:, None] + np.cumsum(
            np.full(shape, 24 / a_day) + rng.integers(0, 2, shape), axis=1),
        "errors": lambda: np.cumsum((rng.random(shape) < 0.004 / a_day) * rng.geometric(0.02, shape), axis=1),
        "vendor": lambda: np.round(10 ** rng.uniform(0, 5, shape)),
        "zero": lambda: rng.normal(0, 0.02, (MACHINES, 1)) + rng.normal(0, 1, shape),
        "setpoint": lambda: np.repeat(rng.choice([40.0, 60.0], (MACHINES, (LEARNED + WATCHED) // 7 + 1)), 49 * a_day,
                                      axis=1)[:, : shape[1]],
    }[kind]().astype(float)


def counted(values: np.ndarray, a_day: int, weeks: slice) -> Cells:
    """Cells of some weeks; nothing but the readings as they came."""
    days = np.arange(weeks.start * 7, weeks.stop * 7)
    cells, some = Cells(1, BINS), values[:, days[0] * a_day: (days[-1] + 1) * a_day]
    raw = some.reshape(-1, 1)
    none = np.zeros(raw.shape, dtype=bool)
    codes = cells.codes([f"m{at}" for at in range(len(values))])
    cells.add(np.repeat(codes, some.shape[1]), np.tile(np.repeat(days, a_day), len(values)) + AXIS.first_slot(FIRST),
              Signals(raw, np.full(raw.shape, np.nan), none, none[:, 0], np.ones(1), np.zeros((1, BINS - 1))))
    return cells


def learned(values: np.ndarray, a_day: int) -> WatchReference:
    """What the first weeks come to."""
    cells = counted(values, a_day, slice(0, LEARNED))
    centre, none = raw_means(cells, slice(None), np.ones(1)), np.zeros((MACHINES, 1))
    column = WatchedColumn("sensor", "bar", "Sensor", "sensor", None, None, is_judged=False)
    bare = WatchReference("toy", 1, "", {}, 0, 1, "week", (column,), (), tuple(cells.machines), (0,) * MACHINES,
                          ("all",), {}, centre, centre, centre[:1], np.ones(1), np.ones(1), np.zeros((1, BINS - 1)),
                          np.zeros((1, BINS)), np.zeros((0, 2)), none, none * np.nan, {})
    counts = of_fleet(cells)
    reference = of_nature(bare, counts, AXIS, RULES)
    return replace(reference, facts=quality_facts(counts, reference, AXIS))


def of_fleet(cells: Cells) -> FleetCells:
    """All machines in one group."""
    span = Span(cells.first_slot, cells.first_slot + cells.slots)
    return FleetCells.of([cells], tuple(cells.machines), (0,) * len(cells.machines), 1, span, AXIS, most=MACHINES,
                         seed=0)


def findings(reference: WatchReference, values: np.ndarray, a_day: int) -> list[list[Finding]]:
    """Findings of each week that is watched."""
    cells = counted(values, a_day, slice(LEARNED - 8, LEARNED + WATCHED))
    return [quality_findings(window_counts(cells, AXIS, FIRST + LEARNED + week, reference), reference, RULES)
            for week in range(WATCHED)]


@pytest.mark.parametrize("a_day", [1, 24])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_sensor_does_by_nature_is_no_fault(kind: str, a_day: int) -> None:
    values = readings(kind, a_day)
    assert [each for week in findings(learned(values, a_day), values, a_day) for each in week] == []


@pytest.mark.parametrize("a_day", [1, 24])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NEVER_STUCK])
def test_a_stuck_sensor_is_found_once_it_rests_longer_than_any_other_did(kind: str, a_day: int) -> None:
    values = readings(kind, a_day)
    reference = learned(values, a_day)
    values[5, LEARNED * 7 * a_day:] = values[5, LEARNED * 7 * a_day]
    weeks = [week for week, found in enumerate(findings(reference, values, a_day))
             if ("resting", ("m5",)) in {(each.rule, each.machines) for each in found}]
    allowed = reference.columns[0].rest_windows
    assert 1 <= allowed <= (3 if kind == "whole" and a_day == 1 else 1)
    assert weeks == list(range(allowed - 1, WATCHED))       # and as long as it is stuck


@pytest.mark.parametrize("a_day", [1, 24])
@pytest.mark.parametrize(("kind", "factor"), [("real", 100.0), ("whole", 10.0), ("hours", 60.0), ("real", 1 / 6.8948)])
def test_another_unit_is_found_on_a_level_and_on_a_counter(kind: str, factor: float, a_day: int) -> None:
    values = readings(kind, a_day)
    reference = learned(values, a_day)
    values[3:7, LEARNED * 7 * a_day:] *= factor
    found = findings(reference, values, a_day)
    for week in found:
        units = [each for each in week if each.rule == "unit"]
        assert [(each.machines, round(each.value / factor, 6)) for each in units] == [(("m3", "m4", "m5", "m6"), 1.0)]


def test_counts_of_rare_errors_and_values_around_zero_keep_no_level() -> None:
    for kind in ("errors", "zero"):
        assert learned(readings(kind, 1), 1).columns[0].unit_reach == NO_LEVEL
    assert learned(readings("hours", 1), 1).columns[0].is_counter


def test_a_sensor_that_was_dead_in_the_reference_already_is_no_news() -> None:
    values = readings("real", 24)
    values[2], values[4] = 7.0, np.nan
    found = findings(learned(values, 24), values, 24)
    assert found == [[]] * WATCHED
    other = values.copy()
    other[3, LEARNED * 168:], other[6, LEARNED * 168:] = 7.0, np.nan
    rules = {(each.rule, each.machines) for each in findings(learned(values, 24), other, 24)[0]}
    assert rules == {("resting", ("m3",)), ("missing", ("m6",))}


def test_a_short_reference_does_not_know_how_long_whole_numbers_rest() -> None:
    values = readings("whole", 1)
    values[:, ::2] = values[:, 1::2]                            # equal on two days in a row
    for end, is_judged in ((1, False), (LEARNED, True)):
        cells = counted(values, 1, slice(0, end))
        reference = of_nature(learned(values, 1), of_fleet(cells), AXIS, RULES)
        assert (reference.columns[0].rest_windows > 0) == is_judged
