import numpy as np
import pandas as pd
import pytest
from tests.canonical_frames import FLEET, ROWS, events, failures, fleet_contract, machine_table, telemetry

from oilcan.core.prepare.forecast_rows import label_rows, part_rows, pick_rows, plan_parts
from oilcan.core.prepare.part_counts import PartCounts
from oilcan.core.prepare.partitions import Prepared
from oilcan.ground.errors import DataError


def labelled(failed, text=FLEET, rows=None):
    contract = fleet_contract(text)
    readings = telemetry() if rows is None else rows
    machines = machine_table(readings)
    picked = readings.iloc[pick_rows(readings, contract)].reset_index(drop=True).assign(partition=0)
    plan = plan_parts([picked], machines, failed, contract, seed=1)
    kept, left_out = part_rows(picked, failed, contract, plan)
    return label_rows(kept, machines, failed, contract, plan), left_out, contract


def counted(*pieces, contract):
    counts = PartCounts(contract)
    for rows in pieces:
        counts.add(rows)
    return counts


def test_a_row_is_picked_every_stride_and_the_next_one_after_a_missing_row():
    rows = telemetry(machines=2, hours=8).drop(index=[2, 8]).reset_index(drop=True)
    picked = rows["time"].iloc[pick_rows(rows, fleet_contract())]
    assert picked.dt.hour.tolist() == [0, 3, 4, 6, 1, 2, 4, 6]


def test_rows_at_the_failure_instant_are_left_out_and_counted():
    failed = pd.concat([failures(), events([("m01", 100, "seal")], "mode")], ignore_index=True)
    rows, left_out, _ = labelled(failed)
    at = failed["time"].iloc[-1]
    assert not ((rows["machine_id"] == "m01") & (rows["time"] == at)).any()
    assert left_out["failure_instant"] == 1


def test_every_failure_mode_has_a_target_and_the_overall_one_is_their_union():
    rows, _, _ = labelled(failures())
    modes = rows[["target_failure__motor", "target_failure__seal"]].max(axis=1)
    known = rows["target_failure"].notna()
    assert (modes[known] == rows.loc[known, "target_failure"]).all()


def test_a_remaining_life_that_ends_after_the_next_cut_is_unknown_to_training():
    rows, _, contract = labelled(failures())
    train = rows[rows["part"] == "train"]
    first_validation = rows.loc[rows["part"] == "validation", "time"].min()
    ends = train["time"] + pd.to_timedelta(train["target_rul"], unit="h")
    assert ends.dropna().max() <= first_validation
    assert train["target_rul"].isna().sum() > 0
    assert (train["bound_rul"] <= (first_validation - train["time"]) / pd.Timedelta(hours=1)).all()
    counted(rows, contract=contract).check()


def test_next_failure_is_endless_where_none_was_seen():
    rows, _, _ = labelled(failures())
    assert (np.isinf(rows["next_failure_failure"]) == rows["target_rul"].isna()).all()


def test_a_part_with_one_class_only_is_refused_with_counts_and_remedy():
    rows, _, contract = labelled(failures()[lambda table: table["time"].dt.day < 12])
    message = r"(?s)test: one class only for task 'failure' \(found 0 positive and \d+ negative rows.*Move split"
    with pytest.raises(DataError, match=message):
        counted(rows, contract=contract).check()


def test_an_empty_part_is_refused():
    rows, _, contract = labelled(failures())
    with pytest.raises(DataError, match="validation: no rows"):
        counted(rows[rows["part"] != "validation"], contract=contract).check()


def test_independent_rows_keep_the_share_of_the_label_in_every_part():
    rows = pd.DataFrame({"machine_id": [f"r{n:04d}" for n in range(1000)]})
    rows["broke"] = (np.arange(1000) % 10 == 0)
    none = events([], "mode").drop(columns="time")
    table, _, contract = labelled(none, ROWS, rows)
    assert table.groupby("part")["target_broke"].agg(["size", "sum"]).to_numpy().tolist() == [
        [200, 20.0], [600, 60.0], [200, 20.0]]
    assert counted(table, contract=contract).as_json()["test"]["positive_target_broke"] == 20


def test_an_unknown_label_is_censored_and_not_negative():
    rows = pd.DataFrame({"machine_id": [f"r{n:04d}" for n in range(100)]})
    rows["broke"] = pd.array([None, True, False, False] * 25, "boolean")
    table, _, _ = labelled(events([], "mode").drop(columns="time"), ROWS, rows)
    assert table["target_broke"].isna().sum() == 25


def test_partitions_of_machines_are_counted_and_judged_as_the_whole_fleet():
    rows, _, contract = labelled(failures())
    by_machine = [piece for _, piece in rows.groupby("machine_id")]
    whole, parts = counted(rows, contract=contract), counted(*by_machine, contract=contract)
    assert len(by_machine) > 1
    assert parts.as_json() == whole.as_json()
    assert parts.ends == whole.ends


def test_what_a_partition_contributes_holds_none_of_its_readings():
    readings = telemetry()
    kept = Prepared(readings, readings.iloc[:2], len(readings), 0, 0).without_telemetry()
    assert kept.telemetry.size == 0
    assert kept.telemetry.columns.empty         # an empty slice keeps the readings that it was cut from
