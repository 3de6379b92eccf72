"""The stage prepare: cleaned partitions and labelled rows; or one message and nothing written."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.canonical_frames import FLEET, ROOT, ROWS, events, failures, telemetry, write_canonical, write_contract
from tests.stages.running import run_stage

from oilcan.ground.errors import ContractError, DataError

NOTHING = pd.DataFrame({"machine_id": pd.Series(dtype="str"), "time": pd.Series(dtype="datetime64[us, UTC]"),
                        "column": pd.Series(dtype="str"), "reason": pd.Series(dtype="str")})


def prepare(folder, quarantine=NOTHING):
    quarantine.to_parquet(folder / "quarantine.parquet", index=False)
    run_stage("prepare", folder / "toy.yaml", folder / "canonical", folder / "quarantine.parquet",
              folder / "prepared", params=ROOT / "params.yaml")
    return folder / "prepared"


@pytest.fixture
def fleet(tmp_path):
    write_contract(tmp_path)
    return write_canonical(tmp_path, telemetry(), failures())


def test_rows_are_sorted_labelled_and_parted(fleet):
    rows = pd.read_parquet(prepare(fleet) / "rows.parquet")
    assert rows.columns.tolist() == [
        "partition", "machine_id", "time", "part", "target_failure", "next_failure_failure", "wait_failure",
        "seen_failure", "target_failure__motor", "target_failure__seal", "target_rul", "bound_rul"]
    assert rows.equals(rows.sort_values(["partition", "machine_id", "time"], ignore_index=True))
    assert set(rows["part"]) == {"train", "validation", "test"}
    summary = json.loads((fleet / "prepared/prepare.json").read_text(encoding="utf-8"))
    assert summary["rows_picked"] == len(rows) + sum(summary["rows_left_out"].values())
    assert summary["parts"]["train"]["rows"] == (rows["part"] == "train").sum()


def test_every_row_has_its_reading_in_its_partition(fleet):
    out = prepare(fleet)
    rows = pd.read_parquet(out / "rows.parquet")
    for number, part in enumerate(sorted((out / "telemetry").iterdir())):
        readings = pd.read_parquet(part)
        ours = rows[rows["partition"] == number]
        assert len(ours.merge(readings, on=["machine_id", "time"])) == len(ours) > 0


def test_quarantined_readings_are_missing_and_bridged_by_the_last_one(fleet):
    rows = telemetry()
    bad = rows.loc[100:106, ["machine_id", "time"]].assign(column="heat", reason="stuck")
    readings = pd.read_parquet(prepare(fleet, bad) / "telemetry/part-0000.parquet")
    assert readings["heat"].iloc[100:108].isna().tolist() == [False] * 3 + [True] * 4 + [False]
    assert readings["heat"].iloc[101] == rows["heat"].iloc[99]
    assert np.allclose(readings["ratio"].dropna(), readings["heat"].dropna() / 100)


def test_labels_and_truth_never_stand_among_the_readings(tmp_path):
    rows = pd.DataFrame({"machine_id": [f"r{n:03d}" for n in range(200)], "heat": 300.0})
    rows["broke"] = np.arange(200) % 5 == 0
    write_contract(tmp_path, ROWS)
    write_canonical(tmp_path, rows, events([], "mode").drop(columns="time"))
    out = prepare(tmp_path, NOTHING.drop(columns="time"))
    assert pd.read_parquet(out / "telemetry/part-0000.parquet").columns.tolist() == ["machine_id", "heat"]
    assert pd.read_parquet(out / "rows.parquet")["target_broke"].sum() == 40


def test_two_runs_write_the_same_bytes(fleet):
    first = {path: path.read_bytes() for path in prepare(fleet).rglob("*") if path.is_file()}
    assert first == {path: path.read_bytes() for path in prepare(fleet).rglob("*") if path.is_file()}
    assert len(first) == 10


def test_the_truth_of_a_simulation_goes_to_the_rows(tmp_path):
    truth = FLEET.replace("derived:", """  truth:
    grain: one row per machine and hour
    files: [truth.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      p_failure: {type: number, unit: "1", description: Probability}
derived:""")
    write_contract(tmp_path, truth)
    write_canonical(tmp_path, telemetry(), failures())
    telemetry()[["machine_id", "time"]].assign(p_failure=0.25).iloc[:-1].to_parquet(
        tmp_path / "canonical/truth.parquet", index=False)
    known = pd.read_parquet(prepare(tmp_path) / "rows.parquet")["p_true"]
    assert known.dropna().unique().tolist() == [0.25]


def test_a_part_with_one_class_is_refused_and_nothing_is_left_behind(tmp_path):
    write_contract(tmp_path)
    write_canonical(tmp_path, telemetry(), failures()[lambda table: table["time"].dt.day < 12])
    with pytest.raises(DataError, match=r"(?s)split: parts cannot carry the tasks.*test: one class only"):
        prepare(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canonical", "quarantine.parquet", "toy.yaml"]


def test_a_derived_column_that_uses_an_unknown_one_is_refused(tmp_path):
    write_contract(tmp_path, FLEET.replace("heat / 100", "heat / steam"))
    write_canonical(tmp_path, telemetry(), failures())
    with pytest.raises(ContractError, match=r"derived.ratio \('heat / steam'\): position 8: no column 'steam'"):
        prepare(tmp_path)


def test_a_derived_column_cannot_use_a_label(tmp_path):
    write_contract(tmp_path, ROWS.replace("failures:", "derived:\n  leak: {expression: broke * 2, unit: '1', "
                                          "description: a leak}\nfailures:"))
    rows = pd.DataFrame({"machine_id": [f"r{n:03d}" for n in range(50)], "heat": 300.0, "broke": True})
    write_canonical(tmp_path, rows, events([], "mode").drop(columns="time"))
    with pytest.raises(ContractError, match=r"no column 'broke' \(known: heat\)"):
        prepare(tmp_path, NOTHING.drop(columns="time"))
