"""Laws of labels, splits and cleaning that hold for any fleet."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from oilcan.contract import Split
from oilcan.core.prepare.cleaning import hold_last
from oilcan.core.prepare.labels import Outlook, label_failures, remaining_life
from oilcan.core.prepare.splits import plan_split

law = settings(deadline=None, max_examples=60)     # the machine may be busy; a law has no deadline
some_events = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60)), max_size=12)
some_rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60)), min_size=1, max_size=40, unique=True)
lengths = st.tuples(st.integers(1, 20), st.integers(0, 10))


def frame(pairs):
    return pd.DataFrame(pairs, columns=["machine_id", "time"]).astype({"machine_id": "str", "time": "int64"})


def labels(rows, events, end, horizon, lead):
    outlook = Outlook.of(rows, events, np.full(len(rows), end))
    return label_failures(outlook, horizon=horizon, lead_time=lead), remaining_life(outlook)


@law
@given(some_rows, some_events, lengths, st.integers(0, 70))
def test_labels_are_what_the_definition_says(rows, events, length, end):
    horizon, lead = length
    found, (life, _) = labels(frame(rows), frame(events), end, horizon, lead)
    for (machine, time), label, remaining in zip(rows, found, life, strict=True):
        seen = [at for name, at in events if name == machine and at <= end]
        fails = any(time + lead < at <= time + lead + horizon for at in seen)
        known = fails or time + lead + horizon <= end
        assert label == fails if known else np.isnan(label)
        ahead = [at - time for at in seen if at > time]
        assert remaining == min(ahead) if ahead else np.isnan(remaining)


@law
@given(some_rows, some_events, lengths)
def test_intervals_of_one_horizon_partition_the_timeline(rows, events, length):
    horizon, _ = length
    table, failed = frame(rows), frame(events).drop_duplicates()
    counted = sum(labels(table, failed, 10_000, horizon, lead)[0] for lead in range(0, 61, horizon))
    for (machine, time), count in zip(rows, counted, strict=True):
        ahead = [at for name, at in set(events) if name == machine and at > time]
        assert (count > 0) == bool(ahead)
        assert count == len({(at - time - 1) // horizon for at in ahead})


@law
@given(some_rows, some_events, lengths, st.integers(-500, 500))
def test_shifting_all_times_shifts_the_labels_with_them(rows, events, length, shift):
    horizon, lead = length
    plain = labels(frame(rows), frame(events), 50, horizon, lead)
    moved = labels(frame(rows).assign(time=lambda t: t["time"] + shift),
                   frame(events).assign(time=lambda t: t["time"] + shift), 50 + shift, horizon, lead)
    np.testing.assert_array_equal(plain[0], moved[0])
    np.testing.assert_array_equal(plain[1], moved[1])


@law
@given(some_rows, some_events, lengths, st.randoms(use_true_random=False))
def test_labels_do_not_depend_on_the_order_of_rows_or_events(rows, events, length, random):
    horizon, lead = length
    plain = labels(frame(rows), frame(events), 50, horizon, lead)[0]
    order = random.sample(range(len(rows)), len(rows))
    mixed = labels(frame([rows[at] for at in order]), frame(random.sample(events, len(events))), 50, horizon, lead)[0]
    np.testing.assert_array_equal(plain[order], mixed)


@law
@given(some_rows, some_events, lengths, st.integers(0, 60))
def test_what_is_unknown_at_an_early_end_is_never_called_negative_wrongly(rows, events, length, end):
    horizon, lead = length
    early, (early_life, bound) = labels(frame(rows), frame(events), end, horizon, lead)
    late, (late_life, _) = labels(frame(rows), frame(events), 10_000, horizon, lead)
    known = ~np.isnan(early)
    np.testing.assert_array_equal(early[known], late[known])
    censored = np.isnan(early_life) & ~np.isnan(late_life)
    assert (late_life[censored] >= bound[censored]).all()


@law
@given(some_rows, some_events, lengths, st.floats(0.1, 0.4), st.floats(0.1, 0.4), st.integers(0, 5),
       st.sampled_from([0.0, 0.4]))  # fmt: skip
def test_no_training_label_looks_past_the_first_row_of_a_later_part(rows, events, length, val, test, seed, unseen):
    horizon, lead = length
    machines = pd.DataFrame({"machine_id": list("abc"), "is_test": False, "first_time": 0, "last_time": 60})
    split = Split(by="time", validation=val, test=test, unseen_machines=unseen)
    plan = plan_split(split, machines, strata=pd.Series(True, index=list("abc")), gap=horizon + lead, seed=seed)
    table = frame(rows)
    parts = plan.assign(table)
    time = table["time"].to_numpy()
    for earlier, later in (("train", "validation"), ("train", "test"), ("validation", "test")):
        if (parts == earlier).any() and (parts == later).any():
            assert time[parts == later].min() - time[parts == earlier].max() > horizon + lead
    assert not set(table["machine_id"][np.isin(parts, ["train", "validation"])]) & set(plan.of_machine)
    until = np.minimum(60, plan.known_until(parts))
    train = parts == "train"
    for chosen in (frame(events), frame(events)[lambda t: t["time"] <= plan.cuts[0]]):
        found = remaining_life(Outlook.of(table, chosen, until))[0][train]
        np.testing.assert_array_equal(found, remaining_life(Outlook.of(table, frame(events), until))[0][train])


@law
@given(st.integers(10, 60), st.integers(0, 9), st.sampled_from(["machine", "given"]))
def test_a_machine_is_in_one_part_alone_and_no_part_is_forgotten(count, seed, by):
    names = [f"m{number}" for number in range(count)]
    machines = pd.DataFrame({"machine_id": names, "is_test": [number % 4 == 0 for number in range(count)]})
    strata = pd.Series([number % 3 == 0 for number in range(count)], index=names)
    plan = plan_split(Split(by=by, validation=0.25, test=0.25), machines, strata=strata, gap=0, seed=seed)
    assert set(plan.of_machine) == set(names)
    assert set(plan.of_machine.values()) == {"train", "validation", "test"}


@law
@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=2, max_size=30), st.integers(0, 5), st.data())
def test_filling_does_not_look_ahead(values, longest, data):
    rows = frame([("a", at) for at in range(len(values))]).assign(x=pd.Series(values, dtype="float64"))
    cut = data.draw(st.integers(1, len(values)))
    whole = hold_last(rows, ["x"], longest=longest)[0]["x"].to_numpy()[:cut]
    np.testing.assert_array_equal(hold_last(rows.iloc[:cut], ["x"], longest=longest)[0]["x"].to_numpy(), whole)
