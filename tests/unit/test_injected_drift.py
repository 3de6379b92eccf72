"""Readings changed on purpose: the right machines, the right column, and only while the switch is there."""

import math
from pathlib import Path

import pandas as pd
import pytest

from oilcan.ground.errors import DataError
from oilcan.operations.injected_drift import InjectedDrift


@pytest.mark.parametrize(("text", "value"), [("flow+1.5", 3.5), ("flow-1.5", 0.5), ("flow*100", 200.0)])
def test_a_change_is_of_its_column_and_its_machines_only(text: str, value: float) -> None:
    rows = pd.DataFrame({"machine_id": ["a", "b"], "flow": [2.0, 2.0], "speed": [5, 5]})
    drift = InjectedDrift.parse(text, 0.5)
    changed = drift.apply(rows, drift.chosen(["a", "b"]))
    assert changed["flow"].tolist() == [2.0, value]
    assert changed["speed"].tolist() == [5, 5]
    assert rows["flow"].tolist() == [2.0, 2.0]


def test_a_column_can_go_missing() -> None:
    rows = pd.DataFrame({"machine_id": ["a"], "flow": [2.0]})
    assert math.isnan(InjectedDrift.parse("flow=missing").apply(rows, {"a"})["flow"][0])


@pytest.mark.parametrize("share", [0.01, 0.1, 0.34, 0.6, 1.0])
def test_the_share_of_machines_is_kept_and_the_choice_does_not_depend_on_their_order(share: float) -> None:
    ids = [f"M{number:03d}" for number in range(50)]
    drift = InjectedDrift("x", 1.0, 1.0, share)
    assert len(drift.chosen(ids)) == max(1, math.floor(share * 50 + 1e-9))
    assert drift.chosen(ids[::-1]) == drift.chosen(ids)


def test_the_switch_is_looked_at_each_time(tmp_path: Path) -> None:
    drift = InjectedDrift.parse("x+1", 1.0, tmp_path / "drift")
    assert not drift.is_on
    (tmp_path / "drift").touch()
    assert drift.is_on


@pytest.mark.parametrize("text", ["flow", "flow+", "flow+x", "flow=gone", "+1", "flow/2"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"--drift .*wanted COLUMN\+SIZE"):
        InjectedDrift.parse(text)


def test_a_share_or_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match=r"--drift-machines 2: is not a share"):
        InjectedDrift.parse("x+1", 2.0)
    with pytest.raises(DataError, match=r"sends no column 'x' \(it sends flow, speed"):
        InjectedDrift.parse("x+1").check(["flow", "speed"])
