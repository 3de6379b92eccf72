import numpy as np
import pytest

from oilcan.contract import Costs
from oilcan.core.judging import costs
from oilcan.core.judging.event_matching import EventCounts

PRICES = Costs(missed_failure_eur=1000.0, false_alarm_eur=10.0, planned_repair_eur=100.0)


def _counts(failures: int, detected: int, false: int) -> EventCounts:
    return EventCounts(failures, detected, failures - detected, detected + false, detected, false, np.zeros(0))


def test_a_policy_is_charged_for_misses_false_alarms_and_repairs() -> None:
    assert costs.policy_cost(_counts(5, 3, 7), PRICES) == 2 * 1000 + 7 * 10 + 3 * 100


def test_no_alarms_cost_what_running_to_failure_costs() -> None:
    assert costs.policy_cost(_counts(5, 0, 0), PRICES) == costs.run_to_failure(5, PRICES)


def test_all_failures_detected_without_a_false_alarm_is_perfect() -> None:
    assert costs.policy_cost(_counts(5, 5, 0), PRICES) == costs.perfect(5, PRICES)
    assert costs.saving_captured(500.0, 5000.0, 500.0) == 1.0


def test_the_saving_is_measured_against_the_better_simple_policy() -> None:
    assert costs.saving_captured(60.0, 80.0, 20.0) == pytest.approx(20 / 60)
    assert costs.saving_captured(90.0, 80.0, 20.0) == pytest.approx(-10 / 60)


def test_without_failures_no_saving_is_captured() -> None:
    assert costs.saving_captured(10.0, 0.0, 0.0) is None


def test_lives_that_all_end_alike_are_repaired_just_before() -> None:
    policy = costs.best_period(np.full(20, 200.0), np.ones(20, bool), PRICES)
    assert policy.interval == 200.0
    assert policy.relative_cost == pytest.approx(0.1)


def test_failures_without_memory_leave_nothing_to_plan() -> None:
    lives = np.random.default_rng(3).exponential(100.0, 4000)
    assert costs.best_period(lives, np.ones(4000, bool), PRICES).relative_cost > 0.95


def test_without_a_failure_there_is_no_period() -> None:
    assert costs.best_period(np.array([5.0]), np.array([False]), PRICES) == costs.PeriodicPolicy(None, 1.0)


def test_candidate_thresholds_are_distinct_and_end_above_all() -> None:
    p = np.random.default_rng(0).random(5000)
    cuts = costs.candidate_thresholds(p, 100)
    assert (np.diff(cuts) > 0).all()
    assert cuts[0] == p.min()
    assert cuts[-1] > p.max()
    assert len(cuts) <= 100


def test_no_scores_give_the_threshold_that_never_alarms() -> None:
    assert costs.candidate_thresholds(np.array([np.nan])).tolist() == [np.inf]


def test_rows_without_a_label_are_no_events() -> None:
    counts = costs.row_counts(np.array([np.nan, 1.0, 0.0]), np.array([True, True, False]))
    assert (counts.n_failures, counts.alarms, counts.exposure) == (1, 1, 2.0)


def test_the_price_ratio_keeps_the_price_of_a_false_alarm() -> None:
    scaled = costs.scale_missed(PRICES, 7.0)
    assert (scaled.missed_failure_eur, scaled.false_alarm_eur) == (70.0, 10.0)
