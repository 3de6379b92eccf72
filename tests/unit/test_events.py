import numpy as np
import pandas as pd
import pytest

from oilcan.core.judging import event_matching
from oilcan.core.timeline import axis

HOURS = np.arange(0.0, 100.0, 2.0)                      # rows of one machine, every two hours


def _failures(**by_machine: list[float]) -> pd.DataFrame:
    lines = [(machine, when) for machine, times in by_machine.items() for when in times]
    return pd.DataFrame(lines, columns=["machine_id", "time"]).astype({"time": "float64"})


def _match(alarm_at: list[float], failures: pd.DataFrame, *, lead: float = 4.0, horizon: float = 10.0,
           until: float | None = None) -> event_matching.EventCounts:
    observed = None if until is None else np.full(len(HOURS), until)
    return event_matching.match(np.array(["a"] * len(HOURS)), HOURS, np.isin(HOURS, alarm_at), failures, lead, horizon,
                        observed)


@pytest.mark.parametrize(("alarm", "detected", "false"), [
    (35.0, 0, 1),      # one tick before the window opens at 50 - 4 - 10 = 36: too early
    (36.0, 1, 0),      # its first instant
    (44.0, 1, 0),
    (46.0, 0, 1),      # exactly the lead time before: the failure is not after t + lead
    (48.0, 0, 1),      # too late to act
])
def test_an_alarm_is_true_and_its_failure_detected_in_the_window_alone(alarm: float, detected: int, false: int
                                                                       ) -> None:
    hours = np.arange(0.0, 100.0)
    counts = event_matching.match(np.array(["a"] * 100), hours, hours == alarm, _failures(a=[50.0]), 4.0, 10.0)
    assert (counts.detected, counts.false_alarms) == (detected, false)


def test_an_alarm_too_late_is_counted_as_late_and_false() -> None:
    counts = _match([48.0], _failures(a=[50.0]))
    assert (counts.late_alarms, counts.false_alarms, counts.missed) == (1, 1, 1)


def test_the_lead_time_runs_from_the_first_alarm_of_the_window() -> None:
    counts = _match([38.0, 44.0], _failures(a=[50.0]))
    assert counts.lead_times.tolist() == [12.0]
    assert (counts.detected, counts.true_alarms) == (1, 2)


def test_one_alarm_may_announce_two_failures() -> None:
    counts = _match([40.0], _failures(a=[48.0, 52.0]))
    assert (counts.n_failures, counts.detected, counts.true_alarms) == (2, 2, 1)


def test_failures_of_two_modes_at_one_instant_count_once() -> None:
    assert _match([], _failures(a=[50.0, 50.0])).n_failures == 1


def test_an_alarm_whose_outcome_is_not_known_yet_is_censored() -> None:
    counts = _match([86.0], _failures(), until=98.0)
    assert (counts.alarms, counts.false_alarms, counts.censored_alarms) == (0, 0, 1)
    assert _match([86.0], _failures(), until=100.0).false_alarms == 1


def test_an_alarm_at_the_end_that_is_known_to_be_true_is_not_censored() -> None:
    counts = _match([88.0], _failures(a=[96.0]), until=98.0)
    assert (counts.true_alarms, counts.censored_alarms) == (1, 0)


def test_a_window_cut_off_by_the_first_row_does_not_count() -> None:
    assert _match([], _failures(a=[11.0])).n_failures == 0
    assert _match([], _failures(a=[14.0])).n_failures == 1


def test_a_window_cut_off_by_the_last_row_does_not_count() -> None:
    assert _match([], _failures(a=[104.0])).n_failures == 1       # closes at 100, where the next row would be
    assert _match([], _failures(a=[104.5])).n_failures == 0


def test_a_life_that_ends_one_step_after_its_last_row_counts() -> None:
    counts = _match([92.0], _failures(a=[100.0]), lead=0.0)
    assert (counts.n_failures, counts.detected) == (1, 1)


def test_failures_of_machines_without_rows_are_left_out() -> None:
    assert _match([], _failures(z=[50.0])).n_failures == 0


def test_exposure_counts_the_rows_whose_alarms_could_be_judged() -> None:
    assert _match([], _failures(), until=98.0).exposure == (98.0 - 14.0) + 2.0


def test_due_rows_are_the_rows_labelled_one() -> None:
    windows = event_matching.lay_out(np.array(["a"] * len(HOURS)), HOURS, _failures(a=[50.0]), 4.0, 10.0)
    after, due = 50.0 - HOURS, windows.due
    assert (due == ((after > 4.0) & (after <= 14.0))).all()


def test_rows_are_due_and_late_however_many_are_looked_up_together(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, hours, failures = np.repeat(["a", "b"], 50), np.tile(HOURS, 2), _failures(a=[50.0], b=[30.0, 70.0])
    whole = event_matching.lay_out(ids, hours, failures, 4.0, 10.0)
    monkeypatch.setattr(axis, "_PIECE", 7)
    cut = event_matching.lay_out(pd.Series(ids), hours, failures, 4.0, 10.0)
    assert whole.due.sum() > whole.late.sum() > 0
    np.testing.assert_equal((cut.due, cut.late, cut.known), (whole.due, whole.late, whole.known))


def test_the_end_of_observation_is_that_of_the_rows_machine() -> None:
    machines = pd.DataFrame({"machine_id": ["a", "b"], "first_time": [0, 0], "last_time": [90, 80]})
    found = event_matching.end_of_observation(machines, pd.Series(["b", "b", "a", "c"]))
    np.testing.assert_equal(found, [80.0, 80.0, 90.0, np.nan])
    assert event_matching.end_of_observation(machines[["machine_id"]], pd.Series(["a"])) is None


def test_rows_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted by machine, then time"):
        event_matching.lay_out(np.array(["a", "b", "a"]), np.array([1.0, 1.0, 2.0]), _failures(), 1.0, 1.0)
    with pytest.raises(ValueError, match="sorted by machine, then time"):
        event_matching.lay_out(np.array(["a", "a"]), np.array([2.0, 1.0]), _failures(), 1.0, 1.0)


def test_a_tally_by_machine_adds_up_to_the_counts() -> None:
    ids, hours = np.repeat(["a", "b"], 50), np.tile(HOURS, 2)
    windows = event_matching.lay_out(ids, hours, _failures(a=[50.0], b=[30.0, 70.0]), 4.0, 10.0)
    onset = np.isin(np.arange(100), [20, 70, 95])
    tally, counts = windows.tally(onset), windows.match(onset)
    assert tally.n_failures.tolist() == [1, 2]
    assert tally.detected.sum() == counts.detected
    assert tally.false_alarms.sum() == counts.false_alarms
