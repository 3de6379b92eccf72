"""Targets of tasks whose outcome a column states: the class or number that holds some time ahead."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oilcan.contract import Split
from oilcan.core.prepare.outcomes import value_ahead
from oilcan.core.prepare.splits import plan_split


def frame(machine, time, **columns):
    return pd.DataFrame({"machine_id": list(machine), "time": time, **columns})


@pytest.mark.parametrize(("ahead", "wanted"), [
    (0, ["good", "good", None]), (2, ["good", "worn", None]), (4, ["worn", "worn", None])])
def test_the_last_statement_at_or_before_the_time_ahead_counts(ahead, wanted):
    rows, stated = frame("aab", [3, 5, 5]), frame("aa", [1, 7], state=["good", "worn"])
    found = value_ahead(rows, stated, "state", ahead=ahead)
    assert [None if pd.isna(value) else value for value in found] == wanted


def test_a_missing_statement_says_nothing_and_instants_count_in_hours():
    time = pd.to_datetime(["2024-01-01 00:00", "2024-01-01 06:00"], utc=True).astype("datetime64[us, UTC]")
    stated = frame("aa", time, wear=[1.5, np.nan])
    assert value_ahead(frame("a", time[:1]), stated, "wear", ahead=6.0).tolist() == [1.5]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.integers(0, 3)), max_size=30,
                unique_by=lambda statement: statement[:2]),
       st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 20)), min_size=1, max_size=10), st.integers(0, 5))
def test_it_is_what_a_search_row_by_row_finds(statements, asked, ahead):
    statements.sort()
    stated = frame([s[0] for s in statements], [s[1] for s in statements], x=[float(s[2]) for s in statements])
    rows = frame([a[0] for a in asked], [a[1] for a in asked])
    wanted = [max(((time, value) for machine, time, value in statements if machine == asks and time <= at + ahead),
                  default=(0, np.nan))[1] for asks, at in asked]
    assert np.array_equal(value_ahead(rows, stated.astype({"time": "int64"}), "x", ahead=ahead), wanted, equal_nan=True)


def test_groups_are_never_parted():
    machines = pd.DataFrame({"machine_id": [str(at) for at in range(60)], "is_test": False})
    groups = pd.Series([f"pump {at % 10}" for at in range(60)], index=machines["machine_id"])
    split = Split(by="group", validation=0.2, test=0.2)
    plan = plan_split(split, machines, strata=groups, gap=0, seed=1, groups=groups)
    parts = pd.Series(plan.of_machine)
    assert parts.groupby(groups).nunique().max() == 1
    assert parts.groupby(groups).first().value_counts().to_dict() == {"train": 6, "validation": 2, "test": 2}
