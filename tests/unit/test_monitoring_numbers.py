"""Numbers of monitoring against their definitions: windows, distances, chances, estimates without labels."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from oilcan.core.bundle.watch_reference import BINS
from oilcan.monitoring.limits.drawn_limits import Source, Terms, draw_limits
from oilcan.monitoring.limits.limit_material import fewest_in_slot
from oilcan.monitoring.statistics.cells import UNIT, Cells
from oilcan.monitoring.statistics.event_statistics import EventCounts, Rate, chances, learn_rates
from oilcan.monitoring.statistics.input_statistics import (
    ALERTING,
    STATISTICS,
    MachineWindows,
    common_step,
    psi,
    statistics,
    step_statistics,
    wasserstein,
)
from oilcan.monitoring.statistics.label_free import estimate
from oilcan.monitoring.statistics.machine_steps import BEFORE, LAG, StepScale, slot_means, steps_of
from oilcan.monitoring.window_axis import WindowAxis

GOLDEN = Path(__file__).parents[1] / "golden/label_free_nannyml.json"


@pytest.mark.parametrize(("text", "instant", "name"), [
    ("day", "2024-05-15 10:00", "2024-05-15"), ("week", "2024-05-15 10:00", "2024-05-13"),
    ("week", "2024-05-13 00:00", "2024-05-13"), ("month", "2024-05-15 10:00", "2024-05-01"),
    ("month", "2023-12-31 23:59", "2023-12-01"), ("14d", "2024-05-15 10:00", "2024-05-13"),
])
def test_a_window_stands_still_on_the_calendar(text: str, instant: str, name: str) -> None:
    axis = WindowAxis.parse(text)
    exact = np.array([pd.Timestamp(instant, tz="UTC").value // 1000])
    window = int(axis.window_of(axis.slot_of(exact))[0])
    assert axis.name(window) == name
    assert axis.start(window) <= exact[0] < axis.start(window + 1)


@pytest.mark.parametrize("until", ["2024-05-20 00:00", "2024-05-26 23:59"])
def test_the_last_whole_window_has_ended(until: str) -> None:
    axis = WindowAxis.parse("week")
    assert axis.name(axis.last_whole(pd.Timestamp(until, tz="UTC").value // 1000)) == "2024-05-13"


@pytest.mark.parametrize(("text", "cycles", "message"), [
    ("36h", False, "not a whole number of days"), ("30 cycles", False, "does not fit"), ("week", True, "does not fit"),
    ("soon", False, "not a duration"),
])
def test_a_window_that_is_none_is_refused(text: str, cycles: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowAxis.parse(text, counts_cycles=cycles)


def test_distances_of_equal_shares_are_zero_and_do_not_depend_on_the_size_of_an_outlier() -> None:
    edges, shares = np.array([[-1.0, 0.0, 1.0]]), np.array([[0.25, 0.25, 0.25, 0.25]])
    equal = np.array([[25.0, 25.0, 25.0, 25.0]])
    assert psi(equal, shares).item() == pytest.approx(0, abs=1e-12)
    assert wasserstein(equal, edges, shares).item() == pytest.approx(0, abs=1e-12)
    near, far = (np.bincount(np.searchsorted(edges[0], [0.5, value], side="right"), minlength=4)[None].astype(float)
                 for value in (1.5, 1e9))
    assert psi(near, shares).item() == psi(far, shares).item()


def test_psi_is_the_textbook_sum() -> None:
    current, reference = np.array([10.0, 30.0, 60.0]) / 100, np.array([0.2, 0.3, 0.5])
    expected = ((current - reference) * np.log(current / reference)).sum()
    assert psi(np.array([[10.0, 30.0, 60.0]]), reference[None]).item() == pytest.approx(expected)


def test_wasserstein_of_a_shifted_sample_is_the_shift() -> None:
    rng = np.random.default_rng(1)
    sample = rng.normal(size=200_000)
    edges = np.quantile(sample, np.linspace(0.0005, 0.9995, 200))[None]
    shares = np.bincount(np.searchsorted(edges[0], sample, side="right"), minlength=201)[None] / len(sample)
    moved = np.bincount(np.searchsorted(edges[0], sample + 0.3, side="right"), minlength=201)[None].astype(float)
    assert wasserstein(moved, edges, shares).item() == pytest.approx(0.3, abs=0.01)


def test_a_step_is_found_at_its_slot_and_a_fault_that_grows_is_none() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.1, (2, 60))
    after = np.arange(60) - 40
    stepped, growing = noise[0] + (after >= 0), noise[1] + np.maximum(after, 0) ** 2 * 0.2
    found = steps_of(np.stack([stepped, growing])[:, :, None], np.zeros((2, 60), dtype=bool), np.full(1, 0.01))[:, :, 0]
    assert int(np.nanargmax(found[0])) == 40
    assert found[0, 40] > 2 * np.nanmax(found[1])


@pytest.mark.parametrize("a_day", [1, 4, 24, 144])
def test_a_day_with_less_than_half_of_its_readings_says_nothing_of_steps(a_day: int) -> None:
    n = np.full((3, 40, 1), a_day)
    n[0, 20:24, 0] = np.array([a_day, (a_day - 1) // 2, 0, 0])     # hot days: their warm hours are left out
    cells = Cells(1, BINS, ["hot", "cool", "other"])
    cells.fill(0, {"readings": np.full((3, 40), a_day), "n": n})
    growing = np.maximum(np.arange(40) - 19, 0.0) * 2             # from day 20 on
    total = np.round(growing[None, :, None] * n * UNIT).astype(np.int64)
    means = slot_means(n, total, fewest=fewest_in_slot(cells))
    steps = steps_of(means[:2], np.zeros((2, 40), dtype=bool), np.full(1, 0.01))[:, 20, 0]
    assert np.isnan(steps[0])                                       # nobody knows that it goes on growing
    assert 0 < steps[1] < 5


@pytest.mark.parametrize(("rows", "is_judged"), [(24, False), (0, True)], ids=["left out", "no rows"])
@pytest.mark.parametrize("silent", [1, 2])
def test_a_step_is_not_judged_where_heat_leaves_out_how_it_goes_on(silent: int, rows: int, is_judged: bool) -> None:
    n, readings = np.full((6, 70, 1), 24), np.full((6, 70), 24)
    n[0, 44 - silent: 44], readings[0, 44 - silent: 44] = 0, rows       # the last days of four from the step on
    cells = Cells(1, BINS, list("abcdef"))
    level = np.random.default_rng(4).normal(0, 0.1, (6, 70, 1))
    level[0, 40:] += 3.0
    cells.fill(0, {"readings": readings, "n": n, "total": np.round(level * n * UNIT).astype(np.int64)})
    none = np.zeros((6, 70), dtype=bool)
    scale = StepScale(np.full(1, 0.01), np.arange(19.0)[None] + 1, np.arange(19.0)[None] + 1)
    jump = MachineWindows.of(cells, none, scale, np.array([35, 49]), fewest=24, fewest_slot=12).jump
    step = jump[0, 0, 0, 40 - 35 + LAG]
    assert np.isnan(step) != (is_judged or silent == 1)
    assert np.isnan(step) or step > 3


def test_a_step_at_work_and_in_the_slot_after_it_is_explained() -> None:
    line, explained = np.repeat([0.0, 1.0], 10)[None, :, None], np.zeros((1, 20), dtype=bool)
    for slot, is_explained in ((9, True), (10, True), (11, False)):
        explained[:] = np.arange(20) == slot
        assert np.isnan(steps_of(line, explained, np.ones(1))[0, 10, 0]) == is_explained


def test_what_the_whole_fleet_does_is_no_step_of_a_machine() -> None:
    means = np.random.default_rng(3).normal(0, 0.1, (9, 30, 1))
    alone = steps_of(means, np.zeros((9, 30), dtype=bool), np.full(1, 0.01))
    means[:, 15:] += 2.0
    together = steps_of(means, np.zeros((9, 30), dtype=bool), np.full(1, 0.01))
    assert np.abs(together[:, 15]).max() < np.nanmax(np.abs(alone)) + 5
    means[:2, 15:] += 2.0
    assert (steps_of(means, np.zeros((9, 30), dtype=bool), np.full(1, 0.01))[:2, 15] > 8).all()


def test_a_score_says_how_rare_a_step_is_and_comes_back_from_json() -> None:
    none, slots = np.zeros((100, 300), dtype=bool), slice(BEFORE, -4)
    scores = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        scale = StepScale.learn(rng.normal(size=(100, 300, 2)), none)
        again = StepScale.from_json(json.loads(json.dumps(scale.as_json())))
        scores.append(again.scores(rng.normal(size=(100, 300, 2)), none)[:, slots])
    # Of 28,000 steps 28 are above score 3, in the reference and in the fleet, so one pair of fleets scatters by 19 %
    # (measured on 30 pairs, mean 1.01): five pairs together lie within three of their standard deviations.
    for score, scatter in ((2.0, 0.05), (2.5, 0.11), (3.0, 0.19)):
        for sign in (1, -1):
            share = np.mean([(sign * each > score).mean() for each in scores])
            assert share == pytest.approx(10.0**-score, rel=3 * scatter / np.sqrt(5)), (score, sign)


def test_a_few_steps_teach_no_scale() -> None:
    means, none = np.random.default_rng(1).normal(size=(2, 20, 1)), np.zeros((2, 20), dtype=bool)
    scale = StepScale.from_json(json.loads(json.dumps(StepScale.learn(means, none).as_json())))
    assert np.isnan(scale.scores(means, none)).all()
    assert np.isnan(step_statistics(np.full((1, 4, 1, 2), np.nan))["together"]).all()
    none = step_statistics(np.empty((3, 0, 2, 7)))
    assert {name: (values.shape, bool(np.isnan(values).all())) for name, values in none.items()} == {
        "together": ((3, 2), True), "largest": ((3, 2), True)}


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_machines_that_step_together_are_named_and_surprise_more_the_more_they_are(count: int, sign: float) -> None:
    scores = np.random.default_rng(4).choice([-1, 1], (30, 7)) * np.random.default_rng(5).exponential(0.43, (30, 7))
    scores[:count, 4] = sign * np.linspace(4.0, 3.0, count)
    slot, direction, machines = common_step(scores)
    assert (slot, direction) == (4, sign)
    assert set(range(count)) <= set(machines)
    fewer = scores.copy()
    fewer[count - 1, 4] = 0.0
    surprise = [step_statistics(each[None, :, None])["together"].item() for each in (scores, fewer)]
    assert surprise[0] > surprise[1]


def test_limits_keep_the_rate_of_false_alerts_that_they_promise() -> None:
    rng = np.random.default_rng(5)

    def draw(count: int) -> MachineWindows:
        deviation, jump = rng.normal(size=(count, 20, 3)), rng.exponential(size=(count, 20, 3, 7))
        histogram = rng.multinomial(100, [0.25] * 4, size=(count, 20, 3))
        return MachineWindows(deviation, jump, histogram)

    edges, shares = np.tile([-0.7, 0.0, 0.7], (3, 1)), np.full((3, 4), 0.25)
    source = Source(draw(100), np.zeros(20, dtype=int), np.ones(3, dtype=bool), np.ones(3), edges, shares)
    limits = draw_limits(source, [0] * 20, Terms(0.2, 2, 3, 2000, 1))
    assert limits is not None
    scaled = limits.scaled(statistics(draw(400), np.ones(3), edges, shares))
    alerts = [STATISTICS.index(name) for name in ALERTING]
    beyond = (scaled > limits.at_once)[:, :, alerts].any(axis=(1, 2)).mean()
    assert 0.03 < beyond < 0.2            # part of the chance is kept for the rule over several windows


def test_limits_are_none_where_there_is_too_little_to_draw_from() -> None:
    windows = MachineWindows(np.zeros((5, 4, 1)), np.zeros((5, 4, 1, 7)), np.ones((5, 4, 1, 2), dtype=int))
    source = Source(windows, np.zeros(4, dtype=int), np.ones(1, dtype=bool), np.ones(1), np.zeros((1, 1)),
                    np.full((1, 2), 0.5))
    assert draw_limits(source, [0] * 4, Terms(0.1, 2, 3, 200, 1)) is None
    assert draw_limits(source, [0], Terms(0.1, 2, 3, 200, 1)) is None


@pytest.mark.parametrize(("k", "e", "count", "exposure"),
                         [(7, 10.0, 30, 100.0), (0, 10.0, 30, 100.0), (12, 3.0, 5, 9.0)])
def test_the_chance_of_a_rate_is_that_of_the_exact_test(k: int, e: float, count: int, exposure: float) -> None:
    high, low = chances(k, e, Rate(count, exposure))
    exact = {side: binomtest(k, k + count, e / (e + exposure), alternative=side).pvalue for side in ("greater", "less")}
    assert (high, low) == pytest.approx((exact["greater"], exact["less"]))


def test_clusters_of_events_are_judged_by_their_own_spread() -> None:
    rng = np.random.default_rng(3)
    clustered = rng.poisson(3, 50) * 5.0
    rate = learn_rates(EventCounts({"errors": clustered}, {"errors": np.ones(50)}), span=8, least_wander=0.0)["errors"]
    assert 3 < rate.dispersion <= 8
    assert chances(60.0, 2.0, rate)[0] > 100 * chances(60.0, 2.0, Rate(rate.count, rate.exposure))[0]


def test_estimates_without_labels_are_those_of_nannyml_to_three_digits() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    p = np.array(golden["p"])
    found = estimate(p, golden["threshold"]).as_json()
    for name, value in golden["nannyml"].items():
        assert found[name] == pytest.approx(value, abs=5e-4), name


def test_estimates_without_labels_cannot_see_a_changed_mechanism() -> None:
    rng = np.random.default_rng(4)
    p = rng.beta(1, 8, 20_000)
    as_before, changed = rng.random(20_000) < p, rng.random(20_000) < 0.5 * p
    estimated = estimate(p, 0.3)
    is_on = p >= 0.3
    assert estimated.precision == pytest.approx(as_before[is_on].mean(), abs=0.03)
    assert changed[is_on].mean() < 0.6 * estimated.precision


@pytest.mark.parametrize("p", [np.zeros(0), np.zeros(5), np.full(3, np.nan)])
def test_estimates_of_nothing_are_unknown(p: np.ndarray) -> None:
    assert estimate(p, 0.5).average_precision is None
