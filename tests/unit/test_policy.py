import json

import numpy as np
import pandas as pd
import pytest
from tests.evaluation_frames import FLEET, cycles_text, fleet_contract

from oilcan.contract import Alarms, parse_contract
from oilcan.core.alarms.crews import crews, plain_policy
from oilcan.core.alarms.policy import AlarmPolicy, AlarmState, step
from oilcan.ground.errors import ContractError


def _alarms(policy: AlarmPolicy, p: list[float], hours: np.ndarray | None = None) -> list[int]:
    hours = np.arange(float(len(p))) if hours is None else hours
    raised = step(policy, AlarmState.of(1), np.zeros(len(p), dtype=int), hours, np.array(p))
    return np.flatnonzero(raised).tolist()


def _crew(policy: AlarmPolicy, p: np.ndarray, hours: np.ndarray, crew: list[str] | None = None
          ) -> tuple[np.ndarray, AlarmState]:
    """`p` has a line per machine and a column per hour."""
    state = AlarmState.of(len(p))
    machine, hour = np.repeat(np.arange(len(p)), p.shape[1]), np.tile(hours, len(p))
    labels = None if crew is None else np.repeat(crew, p.shape[1])
    return step(policy, state, machine, hour, p.ravel(), labels).reshape(p.shape), state


def test_the_first_row_at_the_threshold_alarms_and_silences_for_the_refractory_time():
    assert _alarms(AlarmPolicy.plain(0.5, 3.0), [0.1, 0.5, 0.9, 0.9, 0.9, 0.9]) == [1, 4]


def test_silence_does_not_reach_the_next_machine():
    raised, _ = _crew(AlarmPolicy.plain(0.5, 50.0), np.ones((2, 2)), np.array([8.0, 9.0]))
    assert raised.tolist() == [[True, False], [True, False]]


def test_without_refractory_time_every_row_above_is_an_alarm_and_nan_never_is():
    assert _alarms(AlarmPolicy.plain(0.5), [0.6, np.nan, 0.6]) == [0, 2]


def test_no_rows_give_no_alarms():
    assert _alarms(AlarmPolicy.plain(0.5, 1.0), []) == []


def test_refractory_time_survives_fractions_of_an_hour():
    minutes = np.arange(7) * (10.0 / 60.0) + 473_000.0
    assert _alarms(AlarmPolicy.plain(0.5, 0.5), [1.0] * 7, minutes) == [0, 3, 6]


def test_a_machine_alarms_only_after_enough_rows_in_a_row():
    assert _alarms(AlarmPolicy(0.5, 0.5, confirm=3, refractory=9.0), [0.6, 0.6, 0.1, 0.6, 0.6, 0.6]) == [5]


def test_an_alarm_stays_on_down_to_the_release_and_is_told_again():
    assert _alarms(AlarmPolicy(0.8, 0.4, refractory=2.0), [0.5, 0.9, 0.5, 0.5, 0.3, 0.5]) == [1, 3]


def test_a_crew_gets_no_more_than_its_budget_and_the_highest_first():
    p = np.array([[0.6], [0.9], [0.7]])
    raised, state = _crew(AlarmPolicy.plain(0.5, 1.0, per_week=2), p, np.array([0.0]))
    assert raised.ravel().tolist() == [False, True, True]
    assert state.held_back.tolist() == [1, 0, 0]


def test_equal_probabilities_at_one_instant_go_in_the_order_of_the_rows():
    raised, _ = _crew(AlarmPolicy.plain(0.5, 1.0, per_week=1), np.full((3, 1), 0.7), np.array([0.0]))
    assert raised.ravel().tolist() == [True, False, False]


def test_crews_have_budgets_of_their_own():
    raised, state = _crew(AlarmPolicy.plain(0.5, 1.0, per_week=1), np.full((3, 1), 0.7), np.array([0.0]),
                          ["north", "south", "north"])
    assert raised.ravel().tolist() == [True, True, False]
    assert sorted(state.recent) == ["north", "south"]


def test_what_was_held_back_is_told_when_the_week_is_over_if_it_is_still_on():
    hours = np.arange(0.0, 200.0, 24.0)
    p = np.array([[0.9] + [0.0] * 8, [0.7] * 9])
    raised, state = _crew(AlarmPolicy.plain(0.5, 500.0, per_week=1), p, hours)
    assert hours[raised[1]].tolist() == [168.0]
    assert state.held_back.tolist() == [0, 1]


def test_an_alarm_that_waits_counts_as_held_back_once_per_refractory_time():
    p = np.array([[0.9] + [0.0] * 5, [0.7] * 6])
    _, state = _crew(AlarmPolicy.plain(0.5, 3.0, per_week=1), p, np.arange(6.0))
    assert state.held_back.tolist() == [0, 2]


def test_a_machine_that_came_later_starts_with_nothing():
    state = AlarmState.of(1)
    step(AlarmPolicy.plain(0.5, 9.0), state, np.array([0]), np.array([0.0]), np.array([0.9]))
    state.grow(3)
    raised = step(AlarmPolicy.plain(0.5, 9.0), state, np.arange(3), np.full(3, 1.0), np.full(3, 0.9))
    assert raised.tolist() == [False, True, True]


def test_a_policy_survives_json():
    policy = AlarmPolicy(0.6, 0.4, 2, 12.0, 3)
    assert AlarmPolicy.from_json(json.loads(json.dumps(policy.as_json()))) == policy


@pytest.mark.parametrize("wrong", [
    {"release": 0.7}, {"confirm": 0}, {"refractory": -1.0}, {"per_week": 0}, {"release": float("nan")}])
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="alarm policy"):
        AlarmPolicy(**{"threshold": 0.5, "release": 0.5} | wrong)


def test_a_hundred_thresholds_of_a_large_fleet_take_under_three_seconds():
    import time

    rng = np.random.default_rng(0)
    machine, hours = np.repeat(np.arange(100), 1460), np.tile(np.arange(1460) * 6.0, 100)
    p = rng.random(146_000) ** 3
    started = time.process_time()
    for threshold in np.linspace(0.0, 1.0, 100):
        step(AlarmPolicy.plain(float(threshold), 84.0), AlarmState.of(100), machine, hours, p)
    assert time.process_time() - started < 3.0


def test_crews_are_a_column_of_the_machines_and_no_entry_is_unknown():
    spec = fleet_contract().model_copy(update={"alarms": Alarms(per_week=3, crew="site")})
    machines = pd.DataFrame({"machine_id": ["a", "b"], "site": ["north", None]})
    found = crews(spec, machines, pd.Series(["a", "a", "b", "c"]))
    assert found is not None
    assert found.tolist() == ["north", "north", "unknown", "unknown"]
    assert plain_policy(spec, spec.tasks["failure"], 0.4) == AlarmPolicy.plain(0.4, 60.0, per_week=3)


@pytest.mark.parametrize(("text", "said"), [
    ("alarms: {per_week: 3, crew: nowhere}", "alarms.crew: 'nowhere' is not a column of the machines table"),
    ("alarms: {per_week: 0}", "alarms.per_week"),
])
def test_a_budget_without_its_crews_is_refused(text, said):
    with pytest.raises(ContractError, match=said):
        parse_contract(FLEET + text, "toy.yaml")


def test_a_budget_per_week_is_refused_where_cycles_are_counted():
    with pytest.raises(ContractError, match=r"needs time.kind 'instant'"):
        parse_contract(cycles_text(FLEET) + "alarms: {per_week: 3}", "toy.yaml")
