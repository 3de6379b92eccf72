import numpy as np
import pandas as pd
from tests.canonical_frames import telemetry

from oilcan.core.prepare.cleaning import hold_last, remove_quarantined


def test_only_the_quarantined_readings_are_removed():
    rows = telemetry(machines=2, hours=5)
    bad = rows.loc[[1, 7], ["machine_id", "time"]].assign(column=["heat", "flow"], reason="stuck")
    cleaned, count = remove_quarantined(rows, bad)
    assert count == 2
    assert np.flatnonzero(cleaned["heat"].isna()).tolist() == [1]
    assert np.flatnonzero(cleaned["flow"].isna()).tolist() == [7]
    assert rows.notna().all(axis=None)


def test_quarantine_of_other_machines_is_passed_over():
    rows = telemetry(machines=2, hours=5)
    bad = pd.DataFrame({"machine_id": ["m77"], "time": rows["time"].iloc[:1], "column": ["heat"]})
    assert remove_quarantined(rows, bad)[1] == 0


def test_rows_without_time_are_found_by_machine_alone():
    rows = pd.DataFrame({"machine_id": ["a", "b"], "heat": [1.0, 2.0]})
    cleaned, _ = remove_quarantined(rows, pd.DataFrame({"machine_id": ["b"], "column": ["heat"]}))
    assert cleaned["heat"].isna().tolist() == [False, True]


def test_a_reading_is_held_so_many_hours_and_not_longer():
    rows = telemetry(machines=1, hours=8)
    rows.loc[2:6, "heat"] = np.nan
    held, count = hold_last(rows, ["heat"], longest=3)
    assert held["heat"].isna().tolist() == [False] * 5 + [True, True, False]
    assert (held["heat"].iloc[2:5] == rows["heat"].iloc[1]).all()
    assert count == 3


def test_a_reading_is_not_held_over_a_gap_between_rows():
    rows = telemetry(machines=1, hours=8).drop(index=[3, 4, 5, 6]).reset_index(drop=True)
    rows.loc[3, "heat"] = np.nan
    assert hold_last(rows, ["heat"], longest=3)[1] == 0


def test_no_machine_inherits_the_reading_of_another():
    rows = telemetry(machines=2, hours=3)
    rows.loc[3, "heat"] = np.nan
    assert hold_last(rows, ["heat"], longest=1e9)[0]["heat"].isna().tolist() == [False] * 3 + [True, False, False]
