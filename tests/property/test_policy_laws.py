"""Laws of the alarm policy, against a plain account of it row by row."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oilcan.core.alarms import policy as policy_module
from oilcan.core.alarms.policy import WEEK_H, AlarmPolicy, AlarmState, step

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)


@st.composite
def policies(draw):
    threshold = draw(st.sampled_from(LEVELS))
    release = draw(st.sampled_from([level for level in LEVELS if level <= threshold]))
    return AlarmPolicy(threshold, release, draw(st.integers(1, 3)), draw(st.sampled_from([0.0, 6.0, 50.0, 200.0])),
                       draw(st.sampled_from([None, 1, 2, 4])))


@st.composite
def fleets(draw):
    """Machine, hour, p and crew of each row, sorted by machine and time; machines report when they like."""
    sizes = draw(st.lists(st.integers(1, 25), min_size=1, max_size=4))
    machine = np.repeat(np.arange(len(sizes)), sizes)
    hours = np.concatenate([np.sort(draw(st.permutations(range(40)))[:size]) * 12.0 for size in sizes])
    p = np.array(draw(st.lists(st.sampled_from((*LEVELS, np.nan)), min_size=sum(sizes), max_size=sum(sizes))))
    return machine, hours, p, np.array(["north", "south"])[machine % 2]


def by_hand(policy, machine, hours, p, crew):
    """The three rules as they are written in the module, one row at a time."""
    run, on, last, told = {}, {}, {}, {}
    raised = np.zeros(len(p), dtype=bool)
    for row in np.lexsort((-np.nan_to_num(p), hours)):
        who, when = machine[row], hours[row]
        run[who] = run.get(who, 0) + 1 if p[row] >= policy.threshold else 0
        on[who] = run[who] >= policy.confirm or (on.get(who, False) and bool(p[row] >= policy.release))
        if not on[who] or when < last.get(who, -np.inf) + policy.refractory:
            continue
        week = [tick for tick in told.get(crew[row], []) if tick > when - WEEK_H]
        if policy.per_week is None or len(week) < policy.per_week:
            raised[row], last[who] = True, when
            told.setdefault(crew[row], []).append(when)
    return raised


@given(policies(), fleets())
@settings(max_examples=200, deadline=None)
def test_the_alarms_are_those_of_the_rules_taken_row_by_row(policy, rows):
    machine, hours, p, crew = rows
    raised = step(policy, AlarmState.of(machine.max() + 1), machine, hours, p, crew)
    assert (raised == by_hand(policy, machine, hours, p, crew)).all()


@given(policies(), fleets(), st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_any_number_of_rows_looked_at_together_raises_the_same_alarms(policy, rows, size):
    machine, hours, p, crew = rows
    whole, cut = (AlarmState.of(machine.max() + 1) for _ in range(2))
    raised = step(policy, whole, machine, hours, p, crew)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy_module, "_PIECE", size)
        assert (step(policy, cut, machine, hours, p, crew) == raised).all()
    for field in dataclasses.fields(AlarmState):
        np.testing.assert_equal(getattr(cut, field.name), getattr(whole, field.name))


@given(policies(), fleets(), st.data())
@settings(max_examples=100, deadline=None)
def test_rows_given_in_pieces_raise_the_same_alarms(policy, rows, data):
    machine, hours, p, crew = rows
    state, whole = AlarmState.of(machine.max() + 1), AlarmState.of(machine.max() + 1)
    cuts = np.array(sorted(data.draw(st.lists(st.sampled_from(range(0, 480, 12)), max_size=6))))
    batch = np.searchsorted(cuts, hours, side="left")
    raised = np.zeros(len(p), dtype=bool)
    for number in np.unique(batch):
        rows_now = batch == number
        raised[rows_now] = step(policy, state, machine[rows_now], hours[rows_now], p[rows_now], crew[rows_now])
    assert (raised == step(policy, whole, machine, hours, p, crew)).all()
    for field in dataclasses.fields(AlarmState):
        assert np.array_equal(getattr(state, field.name), getattr(whole, field.name)), field.name


@given(policies(), fleets(), st.data())
@settings(max_examples=100, deadline=None)
def test_alarms_do_not_change_when_the_future_is_removed(policy, rows, data):
    machine, hours, p, crew = rows
    past = hours <= data.draw(st.sampled_from(range(0, 480, 12)))
    n = machine.max() + 1
    whole = step(policy, AlarmState.of(n), machine, hours, p, crew)
    assert (whole[past] == step(policy, AlarmState.of(n), machine[past], hours[past], p[past], crew[past])).all()


@given(policies(), fleets())
@settings(max_examples=100, deadline=None)
def test_no_trailing_week_of_a_crew_holds_more_than_its_budget(policy, rows):
    machine, hours, p, crew = rows
    raised = step(policy, AlarmState.of(machine.max() + 1), machine, hours, p, crew)
    for label in np.unique(crew):
        told = hours[raised & (crew == label)]
        counts = [((told > when - WEEK_H) & (told <= when)).sum() for when in told]
        assert max(counts, default=0) <= (policy.per_week or len(p))
