"""The stage ingest: raw files in, canonical tables out, nothing half-written when it refuses."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from tests.stages.running import run_stage

from oilcan.core.ingest import machine_groups
from oilcan.ground import needs
from oilcan.ground.errors import DataError
from oilcan.io.raw_data import reading
from oilcan.io.raw_data.in_parts import raw_parts
from oilcan.io.stage import table_files

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """A small fleet as raw files, its contract and parameters."""
    folder = tmp_path_factory.mktemp("fleet")
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("machines: 100", "machines: 4").replace("days: 365", "days: 40")
    text = text.replace("machines_per_partition: 25", "machines_per_partition: 1")
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "datasets/demo_fleet.yaml", folder)
    run_stage("simulate", folder / "demo_fleet.yaml", folder / "raw", params=folder / "params.yaml")
    return folder


def ingest(fleet, raw, out):
    run_stage("ingest", fleet / "demo_fleet.yaml", raw, fleet / "live", out, params=fleet / "params.yaml")


def test_the_demo_fleet_becomes_canonical(fleet, tmp_path):
    ingest(fleet, fleet / "raw", tmp_path / "canonical")
    out = tmp_path / "canonical"
    telemetry = pd.concat([pd.read_parquet(part) for part in table_files.partitions(out / "telemetry")])
    counts = json.loads((out / "ingest.json").read_text(encoding="utf-8"))
    assert len(telemetry) == counts["telemetry"]["kept"] > 3500
    assert not telemetry.duplicated(["machine_id", "time"]).any()
    assert counts["telemetry"]["out_of_order"] > 0
    assert counts["telemetry"]["refused"] == {}
    machines = pd.read_parquet(out / "machines.parquet")
    assert "operator_name" not in machines
    assert len(machines) == 4
    for name in ("errors", "maintenance", "failures", "truth", "rejected"):
        assert (out / f"{name}.parquet").is_file()


def test_two_runs_write_the_same_bytes_though_one_reads_in_parts(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(raw_parts, "ROWS_AT_ONCE", 900)
    for name, rows in {"whole": raw_parts.MOST_IN_MEMORY, "parts": 900}.items():
        monkeypatch.setattr(raw_parts, "MOST_IN_MEMORY", rows)
        monkeypatch.setattr(machine_groups, "ROWS_PER_PARTITION", 900)
        ingest(fleet, fleet / "raw", tmp_path / name)
    assert written(tmp_path / "whole") == written(tmp_path / "parts")
    assert len(list((tmp_path / "parts/telemetry").iterdir())) > 1


def written(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_refused_run_leaves_what_was_there_before(fleet, tmp_path):
    ingest(fleet, fleet / "raw", tmp_path / "canonical")
    before = (tmp_path / "canonical/ingest.json").read_bytes()
    shutil.copytree(fleet / "raw", tmp_path / "raw")
    (tmp_path / "raw/failures.csv").write_text("machine_id,time,component\nX1,2024-01-02,seal\n", encoding="utf-8")
    with pytest.raises(DataError, match="failures: 1 for 'unknown machine', first in failures"):
        ingest(fleet, tmp_path / "raw", tmp_path / "canonical")
    assert (tmp_path / "canonical/ingest.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canonical", "raw"]


def test_a_missing_file_is_one_message_and_nothing_is_written(fleet, tmp_path):
    shutil.copytree(fleet / "raw", tmp_path / "raw")
    (tmp_path / "raw/errors.csv").unlink()
    with pytest.raises(DataError, match=r"tables\.errors\.files: no file 'errors\.csv'"):
        ingest(fleet, tmp_path / "raw", tmp_path / "canonical")
    assert not (tmp_path / "canonical").exists()


def test_the_key_of_hashes_comes_from_the_environment(fleet, tmp_path, monkeypatch):
    text = (fleet / "demo_fleet.yaml").read_text(encoding="utf-8")
    hashed = text.replace("role: ignore, personal: drop", "role: static, personal: hash")
    (tmp_path / "demo_fleet.yaml").write_text(hashed, encoding="utf-8")
    paths = (tmp_path / "demo_fleet.yaml", fleet / "raw", fleet / "live", tmp_path / "canonical")
    monkeypatch.delenv("OILCAN_HASH_KEY", raising=False)
    with pytest.raises(DataError, match="OILCAN_HASH_KEY: not set"):
        run_stage("ingest", *paths, params=fleet / "params.yaml")
    monkeypatch.setenv("OILCAN_HASH_KEY", "a secret")
    run_stage("ingest", *paths, params=fleet / "params.yaml")
    names = pd.read_parquet(tmp_path / "canonical/machines.parquet")["operator_name"]
    assert names.str.fullmatch("[0-9a-f]{64}").all()


@pytest.mark.parametrize(("word", "scarce", "message"), [
    ("    all_machines: [every]\n", {"available_memory": lambda: 1000},
     r"about 7,6\d\d records of telemetry and truth must be read whole because of 'all_machines', .* GiB of mem"),
    ("", {"shutil": SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=1000))},
     r"about 7,6\d\d records of telemetry and truth are sorted here by machine, which takes .* GiB of disk"),
])
def test_what_does_not_fit_is_refused_before_it_is_read(fleet, tmp_path, monkeypatch, word, scarce, message):
    text = (fleet / "demo_fleet.yaml").read_text(encoding="utf-8")
    text = text.replace("    files: [telemetry.parquet]\n", f"    files: [telemetry.parquet]\n{word}")
    (tmp_path / "demo_fleet.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(raw_parts, "MOST_IN_MEMORY", 0)
    for name, value in scarce.items():
        monkeypatch.setattr(needs, name, value)
    monkeypatch.setattr(reading, "read_raw", lambda *_: pytest.fail("it reads"))
    with pytest.raises(DataError, match=message):
        run_stage("ingest", tmp_path / "demo_fleet.yaml", fleet / "raw", fleet / "live", tmp_path / "out",
                  params=fleet / "params.yaml")
