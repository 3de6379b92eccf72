"""Failures written as a flag or as the end of a life, with and without test lives."""

import textwrap

import numpy as np
import pandas as pd
import pytest

from oilcan.contract import parse_contract
from oilcan.core.ingest import RawPiece, ingest
from oilcan.ground.errors import DataError

HEAD = """
    name: engines
    version: 1
    description: Engines.
    source: {licence: CC0-1.0}
    costs: {missed_failure_eur: 10, false_alarm_eur: 1, planned_repair_eur: 2}
"""
LIVES = HEAD + """
    time: {kind: cycle, period: 1 cycle}
    tables:
      telemetry:
        grain: one row per cycle
        files: [train.txt]
        test_files: [test.txt]
        header: false
        separator: blank
        columns:
          machine_id: {from: 0, type: integer, unit: none, description: Engine}
          time: {from: 1, type: integer, unit: cycles, description: Cycle}
          heat: {from: 2, type: number, unit: K, description: Heat}
    failures: {from: end_of_life, mode: worn, test_rul_files: [rul.txt]}
    tasks: {rul: {kind: rul, cap: 125 cycles}}
    rows: {windows: [5 cycles]}
    split: {by: given, validation: 0.2}
"""
FLAG = HEAD + """
    time: {kind: instant, period: 1d}
    tables:
      telemetry:
        grain: one row per day
        files: [days.csv]
        columns:
          machine_id: {type: text, unit: none, description: Drive}
          time: {type: instant, unit: UTC, description: Day}
          model: {type: text, unit: none, role: static, nullable: true, description: Model}
          failed: {type: flag, unit: none, role: label, description: Last day}
    failures: {from: flag, column: failed, mode: drive}
    tasks: {failure: {kind: failure_within, horizon: 7d, lead_time: 0h}}
    rows: {windows: [7d]}
    split: {by: time, validation: 0.2, test: 0.2}
"""
NO_TIME = HEAD + """
    time: {kind: none}
    tables:
      telemetry:
        grain: one row per piece
        files: [a.csv]
        columns:
          machine_id: {type: text, unit: none, description: Piece}
          bad: {type: flag, unit: none, role: label, description: Broken}
    failures: {from: none}
    tasks: {bad: {kind: label, column: bad}}
    split: {by: row, validation: 0.2, test: 0.2}
"""


def piece(rows, columns, file, **words):
    frame = pd.DataFrame(rows, columns=columns, dtype="str")
    return RawPiece(file, frame, np.arange(1, len(frame) + 1), **words)


def run(text, **tables):
    spec = parse_contract(textwrap.dedent(text), "datasets/engines.yaml")
    return ingest(tables, spec, max_rejected_share=0.0)


def lives(test_ids=("10", "2"), rul=("7", "9 ")):
    train = [["2", "1", "5"], ["2", "2", "5"], ["11", "1", "5"]]
    test = [[machine, "1", "5"] for machine in test_ids]
    return {
        "telemetry": [piece(train, [0, 1, 2], "train.txt"), piece(test, [0, 1, 2], "test.txt", is_test=True)],
        "test_rul": [piece([[line] for line in rul], [0], "rul.txt")],
    }


def test_a_life_ends_at_its_last_cycle_and_a_test_life_after_its_remaining_ones():
    failures = run(LIVES, **lives()).tables["failures"].set_index("machine_id")
    assert failures["time"].to_dict() == {"11": 1, "2": 2, "test-10": 8, "test-2": 10}
    assert set(failures["mode"]) == {"worn"}
    assert str(failures["time"].dtype) == "int64"


def test_test_machines_are_marked_and_do_not_mix_with_training_ones():
    machines = run(LIVES, **lives()).tables["machines"]
    assert dict(zip(machines["machine_id"], machines["is_test"], strict=True)) == {
        "11": False, "2": False, "test-10": True, "test-2": True}


def test_remaining_lives_must_be_one_for_each_test_machine():
    with pytest.raises(DataError, match=r"rul\.txt: 1 remaining lives for 2 test machines"):
        run(LIVES, **lives(rul=["7"]))


@pytest.mark.parametrize("line", ["many", "-3"])
def test_a_remaining_life_is_a_number_of_at_least_zero(line):
    with pytest.raises(DataError, match=r"rul\.txt: 1 of 2 lines hold no remaining life"):
        run(LIVES, **lives(rul=["7", line]))


DAYS = [["d1", "2024-01-01", "", "0"], ["d1", "2024-01-02", "X", "1"], ["d2", "2024-01-01", "Y", "0"]]


def days(rows=DAYS):
    return {"telemetry": [piece(rows, ["machine_id", "time", "model", "failed"], "days.csv")]}


def test_a_flag_is_a_failure_at_its_row_and_no_column_of_the_telemetry():
    done = run(FLAG, **days())
    assert done.tables["failures"]["machine_id"].tolist() == ["d1"]
    assert done.tables["failures"]["time"].dt.day.tolist() == [2]
    assert done.tables["failures"]["mode"].tolist() == ["drive"]
    assert done.tables["telemetry"].columns.tolist() == ["machine_id", "time", "model"]
    assert done.counts["failures"]["drawn_from"] == "telemetry"


def test_what_never_changes_is_taken_from_the_first_reading_that_says_it():
    machines = run(FLAG, **days()).tables["machines"]
    assert dict(zip(machines["machine_id"], machines["model"], strict=True)) == {"d1": "X", "d2": "Y"}


def test_rows_without_time_have_no_time_column_anywhere():
    done = run(NO_TIME, telemetry=[piece([["a", "1"], ["b", "0"]], ["machine_id", "bad"], "a.csv")])
    assert all("time" not in table for table in done.tables.values())
    assert done.tables["machines"].columns.tolist() == ["machine_id", "is_test"]
    assert done.tables["telemetry"]["bad"].tolist() == [True, False]
