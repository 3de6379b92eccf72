import numpy as np
import pandas as pd
from tests.training_frames import FLEET, INDEPENDENT, contract

from oilcan.training.threshold import ValidationForecasts, choose_policy

MACHINES = pd.DataFrame({"machine_id": ["a"]})


def _one_machine(p: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    time = (pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(p)) * 6.0, unit="h"))
    rows = pd.DataFrame({"machine_id": "a", "time": time.astype("datetime64[us, UTC]")})
    failures = pd.DataFrame({"machine_id": ["a"], "time": [time[60]], "mode": ["seal"]})
    target = np.zeros(len(p))
    target[51:59] = 1.0
    return rows, target, failures


def test_the_threshold_lies_between_noise_and_warning():
    p = np.full(100, 0.05)
    p[[10, 30]] = 0.3
    p[52] = 0.6
    rows, target, failures = _one_machine(p)
    spec = contract(FLEET)
    choice = choose_policy(spec, spec.tasks["failure"], ValidationForecasts(rows, target, p, failures, MACHINES))
    assert choice.policy.threshold == 0.6
    assert (choice.counts.detected, choice.counts.false_alarms) == (1, 0)


def test_alarms_that_only_cost_are_not_raised():
    p = np.zeros(100)
    p[80:90] = 0.9
    rows, target, failures = _one_machine(p)
    spec = contract(FLEET.replace("missed_failure_eur: 20000", "missed_failure_eur: 1"))
    choice = choose_policy(spec, spec.tasks["failure"], ValidationForecasts(rows, target, p, failures, MACHINES))
    assert choice.policy.threshold > 0.9


def test_independent_rows_are_events_of_their_own():
    spec = contract(INDEPENDENT)
    target, p = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.5, 0.9])
    rows = pd.DataFrame({"machine_id": list("abcd")})
    choice = choose_policy(spec, spec.tasks["broken"], ValidationForecasts(rows, target, p, pd.DataFrame(), MACHINES))
    assert choice.policy.threshold == 0.5
    assert choice.cost == 8000.0


def _fleet(p_healthy: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Twenty machines of 100 six-hourly rows; each fails at row 60 and is sure of it from row 51 on."""
    blocks = [_one_machine(np.zeros(100)) for _ in range(20)]
    rows = pd.concat([block[0].assign(machine_id=f"m{at:02d}") for at, block in enumerate(blocks)], ignore_index=True)
    failures = pd.concat([block[2].assign(machine_id=f"m{at:02d}") for at, block in enumerate(blocks)])
    p = np.tile(p_healthy, (20, 1))
    p[:, 51:59] = 0.6
    return rows, failures, p.ravel()


def test_rows_to_confirm_are_asked_for_where_single_rows_are_false_on_every_machine():
    lonely = np.zeros(100)
    lonely[[5, 15, 25]] = 0.7
    rows, failures, p = _fleet(lonely)
    spec = contract(FLEET)
    judged = ValidationForecasts(rows, np.zeros(len(p)), p, failures, MACHINES)
    choice = choose_policy(spec, spec.tasks["failure"], judged)
    assert choice.policy.confirm == 2
    assert (choice.counts.detected, choice.counts.false_alarms) == (20, 0)
    assert choice.as_json()["steps"]["confirm"]["kept"]


def test_what_one_machine_alone_would_save_leaves_the_policy_plain():
    rows, failures, p = _fleet(np.zeros(100))
    p[[5, 15]] = 0.9
    spec = contract(FLEET)
    judged = ValidationForecasts(rows, np.zeros(len(p)), p, failures, MACHINES)
    choice = choose_policy(spec, spec.tasks["failure"], judged)
    assert (choice.policy.confirm, choice.policy.release) == (1, choice.policy.threshold)
    step = choice.as_json()["steps"]["confirm"]
    assert 0 < step["gain_eur"] <= step["noise_eur"]


def test_the_budget_of_the_contract_stands_in_the_policy():
    rows, failures, p = _fleet(np.zeros(100))
    spec = contract(FLEET + "alarms: {per_week: 4}")
    judged = ValidationForecasts(rows, np.zeros(len(p)), p, failures, MACHINES)
    choice = choose_policy(spec, spec.tasks["failure"], judged)
    assert choice.policy.per_week == 4
    assert choice.counts.detected == 4


def test_a_part_too_short_to_judge_a_failure_leaves_the_choice_to_the_prices():
    rows, target, failures = _one_machine(np.linspace(0.0, 0.5, 100))
    spec = contract(FLEET)
    short = slice(0, 5)
    choice = choose_policy(spec, spec.tasks["failure"], ValidationForecasts(
        rows[short], target[short], np.zeros(5), failures, MACHINES))
    assert choice.policy.threshold == 800 / (800 + 20000 - 4000)
    assert choice.counts.n_failures == 0


def test_of_a_flat_valley_the_middle_is_taken_and_not_the_edge():
    p = np.full(100, 0.02)
    p[51:59] = np.linspace(0.2, 0.9, 8)
    rows, target, failures = _one_machine(p)
    spec = contract(FLEET)
    choice = choose_policy(spec, spec.tasks["failure"], ValidationForecasts(rows, target, p, failures, MACHINES))
    assert choice.counts.detected == 1
    assert 0.2 < choice.policy.threshold < 0.9
