"""Laws of calibration, thresholds and intervals."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oilcan.contract import Costs
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging.event_matching import EventCounts
from oilcan.core.model import calibration, hazards, intervals
from oilcan.training.threshold import cheapest

SCORES = st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), min_size=2, max_size=60)


@settings(max_examples=100, deadline=None)
@given(SCORES, st.sampled_from(["none", "sigmoid", "isotonic"]))
def test_calibration_keeps_the_order_and_stays_a_probability(pairs, method):
    score = np.array([score for score, _ in pairs]) / 10**6
    calibrator = calibration.fit(method, score, np.array([float(hit) for _, hit in pairs]))
    p = calibrator(np.linspace(0, 1, 1001))
    assert (np.diff(p) >= 0).all()
    assert p[0] >= 0
    assert p[-1] <= 1


@settings(max_examples=60, deadline=None)
@given(SCORES, st.sampled_from(["sigmoid", "isotonic"]), st.integers(1, 8))
def test_kept_calibration_is_never_worse_than_none(pairs, method, machines):
    score = np.array([score for score, _ in pairs]) / 10**6
    target = np.array([float(hit) for _, hit in pairs])
    kept = calibration.choose(method, score, target, np.arange(len(pairs)) % machines)
    assert kept.after <= kept.before


COUNTS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 100)), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(COUNTS, st.floats(1, 1e5), st.floats(1, 100), st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_dearer_miss_never_raises_the_threshold(pairs, missed, times, false_alarm, planned):
    counts = [EventCounts(20, 20 - miss, miss, 0, 0, false, np.zeros(0)) for miss, false in pairs]
    policies = [AlarmPolicy.plain(at / len(counts)) for at in range(len(counts))]

    def threshold(price: float) -> float:
        costs = Costs(missed_failure_eur=price, false_alarm_eur=false_alarm, planned_repair_eur=planned)
        return cheapest(policies, counts, costs).policy.threshold

    assert threshold(missed * times) <= threshold(missed)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500), st.integers(0, 6)), min_size=1, max_size=80))
def test_intervals_hold_their_forecast(triples):
    forecast, truth, machines = (np.array(column) for column in zip(*triples, strict=True))
    low, high = intervals.fit(forecast, truth, machines, 500.0)(forecast)
    assert (low <= forecast).all()
    assert (forecast <= high).all()
    assert low.min() >= 0
    assert high.max() <= 500


HAZARDS = st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(HAZARDS, st.integers(0, 2))
def test_an_outlook_is_monotone_and_says_p_at_its_own_horizon(rows, own):
    values = np.array(rows)
    said = hazards.by_horizon(values[:, :3], own, values[:, 3])
    assert np.array_equal(said[:, own], values[:, 3])
    assert (np.diff(said, axis=1) >= 0).all()
    assert said.min() >= 0
    assert said.max() <= 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.just(np.nan), st.floats(0.1, 90)), st.floats(0, 99)), min_size=1, max_size=30))
def test_intervals_at_risk_add_up_to_the_outcome(pairs):
    wait, seen = (np.array(column) for column in zip(*pairs, strict=True))
    row, interval, fails = hazards.at_risk(wait, seen, (10.0, 30.0, 60.0))
    failed = np.bincount(row[fails], minlength=len(wait))
    watched = seen >= 60.0
    assert np.array_equal(failed[watched], hazards.outcome(wait, seen, 60.0)[watched])
    assert np.array_equal(np.bincount(row, minlength=len(wait))[watched & (failed == 0)],
                          np.full((watched & (failed == 0)).sum(), 3))
    assert not (interval == 2)[seen[row] < 60.0].any()
