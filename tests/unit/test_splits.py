import numpy as np
import pandas as pd
import pytest
from tests.canonical_frames import FLEET, fleet_contract

from oilcan.contract import Split
from oilcan.core.prepare.labels import NEVER
from oilcan.core.prepare.splits import plan_split
from oilcan.ground.errors import ContractError


def machines(count, *, tests=0):
    names = [f"m{number:03d}" for number in range(count)]
    return pd.DataFrame({"machine_id": names, "is_test": np.arange(count) < tests, "first_time": 1, "last_time": 1001})


def plan(split, table, *, failed=None, gap=0.0, seed=1):
    failed = table["machine_id"].str[-1].isin(["0", "1"]) if failed is None else failed
    strata = pd.Series(np.asarray(failed), index=table["machine_id"])
    return plan_split(split, table, strata=strata, gap=gap, seed=seed)


def test_shares_of_the_span_become_cuts_before_which_a_gap_is_left_out():
    split = plan(Split(by="time", validation=0.15, test=0.2), machines(3), gap=30)
    assert split.cuts == (651, 801)
    rows = pd.DataFrame({"machine_id": "m000", "time": [620, 621, 650, 651, 770, 771, 801]})
    assert split.assign(rows).tolist() == ["train", "gap", "gap", "validation", "validation", "gap", "test"]


def test_first_instants_are_taken_as_written():
    table = machines(2).astype({"first_time": "datetime64[us, UTC]", "last_time": "datetime64[us, UTC]"})
    split = plan(Split(by="time", validation="2015-08-01", test="2015-10-01 06:00"), table)
    assert [str(pd.Timestamp(cut, unit="us")) for cut in split.cuts] == ["2015-08-01 00:00:00", "2015-10-01 06:00:00"]


def test_machines_kept_unseen_are_scored_in_the_test_part_alone():
    split = plan(Split(by="time", validation=0.2, test=0.2, unseen_machines=0.1), machines(100))
    assert len(split.of_machine) == 10
    rows = pd.DataFrame({"machine_id": min(split.of_machine), "time": [1, 700, 900]})
    assert split.assign(rows).tolist() == ["unseen", "unseen", "test"]


def test_a_draw_of_machines_keeps_the_share_of_failed_ones():
    split = plan(Split(by="machine", validation=0.2, test=0.3), machines(100))
    parts = pd.Series(split.of_machine)
    assert parts.value_counts().to_dict() == {"train": 50, "test": 30, "validation": 20}
    failed = parts[parts.index.str[-1].isin(["0", "1"])]
    assert failed.value_counts().to_dict() == {"train": 10, "test": 6, "validation": 4}


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_machines():
    split, table = Split(by="machine", validation=0.2, test=0.2), machines(40)
    assert plan(split, table).of_machine == plan(split, table.sample(frac=1, random_state=3)).of_machine
    assert plan(split, table).of_machine != plan(split, table, seed=2).of_machine


def test_given_test_machines_are_test_and_validation_comes_from_the_rest():
    split = plan(Split(by="given", validation=0.25), machines(12, tests=4))
    parts = pd.Series(split.of_machine)
    assert parts[:4].tolist() == ["test"] * 4
    assert parts[4:].value_counts().to_dict() == {"train": 6, "validation": 2}


def test_only_the_last_row_of_a_given_test_machine_is_scored_when_asked():
    split = plan(Split(by="given", validation=0.25, test_rows="last"), machines(12, tests=4))
    rows = pd.DataFrame({"machine_id": ["m000", "m000", "m011"], "time": [1, 2, 1]})
    assert split.assign(rows).tolist()[:2] == ["not_last", "test"]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_part_knows_what_happened_until_the_next_cut_alone(part):
    split = plan(Split(by="time", validation=0.2, test=0.2), machines(3))
    known = split.known_until(np.array([part, "test"], dtype=object))
    assert known.tolist() == [split.cuts[0 if part == "train" else 1], NEVER]


@pytest.mark.parametrize(("old", "new", "message"), [
    ("by: time", "by: row", "split.by: 'row' does not go with time.kind 'instant'"),
    ("test: 0.2,", "test: 0.2, gap: 29h,", r"split.gap: 29h is shorter than horizon \+ lead time = 30"),
])  # fmt: skip
def test_a_contract_cannot_ask_for_a_split_that_leaks(old, new, message):
    with pytest.raises(ContractError, match=message):
        fleet_contract(FLEET.replace(old, new))
