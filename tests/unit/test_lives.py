import numpy as np
import pandas as pd
import pytest

from oilcan.core.judging import life_tables


def test_a_life_starts_anew_after_a_failure_and_the_last_one_is_censored() -> None:
    failures = pd.DataFrame({"machine_id": ["b", "a", "a"], "time": [5, 30, 10]})
    start, end = pd.Series({"a": 0.0, "b": 0.0}), pd.Series({"a": 40.0, "b": 5.0})
    length, failed = life_tables.lives(start, end, failures)
    assert length.tolist() == [10.0, 20.0, 10.0, 5.0]
    assert failed.tolist() == [True, True, False, True]


def test_failures_outside_the_observation_are_left_out() -> None:
    failures = pd.DataFrame({"machine_id": ["a", "z"], "time": [50, 3]})
    length, failed = life_tables.lives(pd.Series({"a": 0.0}), pd.Series({"a": 40.0}), failures)
    assert (length.tolist(), failed.tolist()) == ([40.0], [False])


def test_the_median_life_uses_lives_that_had_not_ended() -> None:
    ended = np.array([10.0, 20.0, 30.0])
    assert life_tables.median_life(ended, np.ones(3, bool)) == 20.0
    assert life_tables.median_life(np.append(ended, [40.0, 40.0]), np.array([True, True, True, False, False])) == 30.0
    assert life_tables.median_life(ended, np.zeros(3, bool)) is None


def test_age_runs_from_the_last_event_at_or_before_the_row() -> None:
    failures = pd.DataFrame({"machine_id": ["a"], "time": [10]})
    maintenance = pd.DataFrame({"machine_id": ["a", "b"], "time": [14, 3]})
    found = life_tables.age(np.array(["a"] * 4 + ["b"]), np.array([9.0, 10.0, 13.0, 15.0, 9.0]),
                      pd.Series({"a": 1.0, "b": 0.0}), failures, maintenance)
    assert found.tolist() == pytest.approx([8.0, 0.0, 3.0, 1.0, 6.0])


def test_age_is_counted_by_machine_whatever_the_order_of_machines_and_events() -> None:
    rng = np.random.default_rng(5)
    machine = np.repeat(["c", "a", "b", "d"], 40)
    tick = np.concatenate([np.sort(rng.choice(200, 40, replace=False)) for _ in range(4)]).astype(float)
    events = pd.DataFrame({"machine_id": rng.choice(list("abcx"), 60), "time": rng.integers(0, 200, 60)})
    start = pd.Series({"a": 20.0, "b": 0.0, "x": 0.0})
    before = [[*events.loc[events["machine_id"] == who, "time"], *start[start.index == who]] for who in machine]
    expected = [min((now - then for then in times if then <= now), default=0.0)
                for now, times in zip(tick, before, strict=True)]
    assert life_tables.age(machine, tick, start, events).tolist() == expected
    assert life_tables.age(pd.Series(machine), tick, start, events, events.iloc[:0]).tolist() == expected
    assert len(life_tables.age(machine[:0], tick[:0], start, events)) == 0
