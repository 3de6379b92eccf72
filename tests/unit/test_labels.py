import numpy as np
import pandas as pd
import pytest
from tests.canonical_frames import START, events

from oilcan.core.prepare.labels import Outlook, label_failures, observed_until, remaining_life


def hours(machine, *at):
    return events([(machine, hour, "x") for hour in at], "mode")[["machine_id", "time"]]


def outlook(rows, failures, until_h):
    until = np.full(len(rows), int((START + pd.Timedelta(hours=until_h)).value // 1000))
    return Outlook.of(rows, failures, until)


@pytest.mark.parametrize(("failure_h", "label"), [(6, 0), (6.001, 1), (30, 1), (30.001, 0)])
def test_the_interval_is_open_at_its_start_and_closed_at_its_end(failure_h, label):
    view = outlook(hours("a", 0), hours("a", failure_h), 1000)
    assert label_failures(view, horizon=24, lead_time=6).tolist() == [label]


def test_minutes_that_are_no_binary_fraction_of_an_hour_are_exact():
    rows, lead, horizon = hours("a", 1 / 60 * 7), 20 / 60, 10 / 60
    view = outlook(rows, hours("a", 1 / 60 * 37), 1000)
    assert label_failures(view, horizon=horizon, lead_time=lead).tolist() == [1.0]


def test_a_label_is_unknown_where_the_interval_runs_past_the_last_observation():
    view = outlook(hours("a", 0, 70, 70.5), hours("a", 500), 100)
    assert label_failures(view, horizon=24, lead_time=6).tolist()[:2] == [0.0, 0.0]
    assert np.isnan(label_failures(view, horizon=24, lead_time=6)[2])


def test_a_failure_within_an_interval_that_runs_past_the_end_is_known():
    view = outlook(hours("a", 90), hours("a", 99), 100)
    assert label_failures(view, horizon=24, lead_time=6).tolist() == [1.0]


def test_failures_of_other_machines_do_not_count():
    view = outlook(hours("a", 0), hours("b", 10), 1000)
    assert label_failures(view, horizon=24, lead_time=6).tolist() == [0.0]
    assert np.isinf(view.next_failure()).all()


def test_the_time_after_a_failure_is_the_next_life():
    view = outlook(hours("a", 9, 11), hours("a", 10, 40), 1000)
    assert remaining_life(view)[0].tolist() == [1.0, 29.0]


def test_a_row_at_the_failure_instant_is_seen_as_such():
    view = outlook(hours("a", 9, 10, 11), hours("a", 10), 1000)
    assert view.is_failure().tolist() == [False, True, False]


def test_where_no_failure_was_seen_the_life_is_unknown_and_at_least_what_was_observed():
    target, bound = remaining_life(outlook(hours("a", 40), hours("a", 10, 200), 100))
    assert np.isnan(target).all()
    assert bound.tolist() == [60.0]


def test_a_machine_that_went_silent_early_is_observed_until_its_own_last_reading():
    machines = pd.DataFrame({"machine_id": ["runs", "late", "silent"],
                             "last_time": START + pd.to_timedelta([100, 97, 50], unit="h")})
    machines["last_time"] = machines["last_time"].astype("datetime64[us, UTC]")
    rows = pd.concat([hours(name, 0) for name in machines["machine_id"]], ignore_index=True)
    until = observed_until(rows, machines, hours("silent", 60), tolerance=6)
    passed = (pd.to_datetime(until, unit="us", utc=True) - START) / pd.Timedelta(hours=1)
    assert passed.tolist() == [100.0, 100.0, 60.0]


def test_cycles_of_two_machines_do_not_run_side_by_side():
    machines = pd.DataFrame({"machine_id": ["a", "b"], "last_time": [200, 199]})
    rows = pd.DataFrame({"machine_id": ["a", "b"], "time": [1, 1]})
    none = pd.DataFrame({"machine_id": pd.Series(dtype="str"), "time": pd.Series(dtype="int64")})
    assert observed_until(rows, machines, none, tolerance=5).tolist() == [200, 199]
