"""The stage simulate: the raw files of the demo fleet, whole, repeatable and as their contract says."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest
from tests.stages.running import run_stage

from oilcan.ground.errors import ContractError
from oilcan.io.raw_data.reading import read_raw
from oilcan.io.stage import stage_inputs

ROOT = Path(__file__).parents[2]


def simulate(folder, contract=ROOT / "datasets/demo_fleet.yaml", **changes):
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for old, new in {"machines: 100": "machines: 3", "days: 365": "days: 35", **changes}.items():
        assert old in text
        text = text.replace(old, new)
    params = folder.parent / f"{folder.name}.params.yaml"
    params.write_text(text, encoding="utf-8")
    run_stage("simulate", contract, folder, params=params)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_files_are_those_the_contract_reads(tmp_path):
    written = simulate(tmp_path / "raw")
    contract = stage_inputs.read_contract(ROOT / "datasets/demo_fleet.yaml")
    tables = read_raw(contract, tmp_path / "raw")
    assert {piece.file for pieces in tables.values() for piece in pieces} == set(written)
    assert set(tables) == {"telemetry", "errors", "maintenance", "failures", "machines", "truth"}


def test_the_same_parameters_give_the_same_bytes_and_another_seed_others(tmp_path):
    first = simulate(tmp_path / "first")
    assert simulate(tmp_path / "second") == first
    other = simulate(tmp_path / "third", **{"seed: 20260101": "seed: 1"})
    assert other["telemetry.parquet"] != first["telemetry.parquet"]


def test_machines_days_and_start_are_those_of_the_parameters(tmp_path):
    simulate(tmp_path / "raw", **{"start: '2024-01-01'": "start: '2023-05-01'"})
    telemetry = pd.read_parquet(tmp_path / "raw/telemetry.parquet")
    assert telemetry["machine_id"].nunique() == 3
    assert telemetry["time"].min() == pd.Timestamp("2023-05-01")
    assert telemetry["time"].max() < pd.Timestamp("2023-05-01") + pd.Timedelta(days=35)


def test_a_fleet_above_a_hundred_machines_is_written_group_after_group(tmp_path):
    simulate(tmp_path / "raw", **{"machines: 100": "machines: 102", "days: 365": "days: 30"})
    groups = pyarrow.parquet.ParquetFile(tmp_path / "raw/telemetry.parquet")
    machines = [set(groups.read_row_group(at, columns=["machine_id"])["machine_id"].to_pylist()) for at in range(2)]
    assert [len(each) for each in machines] == [100, 2]
    assert groups.num_row_groups == 2
    failures = pd.read_csv(tmp_path / "raw/failures.csv")
    assert failures["time"].is_monotonic_increasing
    assert len(pd.read_csv(tmp_path / "raw/machines.csv")) == 102


def test_a_contract_without_a_forecast_within_a_horizon_is_refused(tmp_path):
    text = (ROOT / "datasets/demo_fleet.yaml").read_text(encoding="utf-8")
    task = "  failure: {kind: failure_within, horizon: 72h, lead_time: 12h, modes: true}\n"
    assert task in text
    (tmp_path / "demo_fleet.yaml").write_text(text.replace(task, ""), encoding="utf-8")
    with pytest.raises(ContractError, match=r"tasks\.rul is not of kind failure_within"):
        simulate(tmp_path / "raw", contract=tmp_path / "demo_fleet.yaml")
    assert not (tmp_path / "raw").exists()
