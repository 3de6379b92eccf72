"""Moments of every kind of time: whatever JSON or an address holds, it is a moment in range or refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oilcan.serving.bodies.instants_json import InstantFormat
from oilcan.serving.ground.refusal import Refusal

KINDS = [InstantFormat("instant"), InstantFormat("cycle"),
         *(InstantFormat("elapsed", unit) for unit in ("s", "min", "h"))]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(
    lambda moment: f"{moment.isoformat()}Z") | st.integers(0, 2**53).map(float)
CONTENT = st.recursive(SCALARS, lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside), max_leaves=5)


@pytest.mark.parametrize("moments", KINDS, ids=lambda moments: f"{moments.kind} {moments.unit}")
@given(content=CONTENT)
def test_any_json_is_a_moment_in_range_or_none(moments, content):
    time = moments.read(content)
    assert time is None or (type(time) is int and abs(time) < 2**63)
    times, wrong = moments.read_all([content])
    assert (time is None) == (0 in wrong)
    assert time is None or times.tolist() == [time]


@pytest.mark.parametrize("moments", KINDS, ids=lambda moments: f"{moments.kind} {moments.unit}")
@given(text=st.text() | st.integers().map(str) | st.integers(1, 6_000).map(lambda n: "9" * n) | st.floats().map(str))
def test_any_text_of_an_address_is_a_moment_or_refused(moments, text):
    try:
        time = moments.parse(text, "query.since")
    except Refusal:
        time = 0
    assert abs(time) < 2**63


def test_times_before_the_epoch_and_after_the_last_year_are_none():
    assert InstantFormat("instant").read("1899-12-31T23:59:59Z") is None
    assert InstantFormat("instant").read("2200-01-01T00:00:00Z") is None
    assert InstantFormat("cycle").read(2**53 + 1) is InstantFormat("elapsed").read(math.inf) is None
