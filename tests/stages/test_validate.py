"""The stage validate: a verdict, a report and a quarantine; or one message and nothing written."""

import json

import pandas as pd
import pytest
from tests.canonical_frames import ROOT, failures, telemetry, write_canonical, write_contract
from tests.stages.running import run_stage

from oilcan.ground.errors import DataError


def validate(folder, **paths):
    named = {"contract": folder / "toy.yaml", "canonical": folder / "canonical"} | paths
    outs = [folder / name for name in ("data_quality.json", "detail.json", "data_quality.html", "quarantine.parquet")]
    run_stage("validate", named["contract"], named["canonical"], *outs, params=ROOT / "params.yaml")
    return outs


@pytest.fixture
def fleet(tmp_path):
    rows = telemetry()
    rows.loc[[5, 2000], "heat"] = [999.0, 1.0]
    write_contract(tmp_path)
    return write_canonical(tmp_path, rows, failures())


def test_it_writes_metrics_a_report_and_the_quarantine(fleet):
    metrics, detail, report, quarantine = validate(fleet)
    values = json.loads(detail.read_text(encoding="utf-8"))
    compared = json.loads(metrics.read_text(encoding="utf-8"))
    assert compared.items() <= values.items()
    assert len(compared) == 5
    assert values["passed"] is True
    assert values["counts"]["outside_range"] == 2
    assert pd.read_parquet(quarantine)["column"].tolist() == ["heat", "heat"]
    page = report.read_text(encoding="utf-8")
    assert "<svg" in page
    assert "Readings outside the physical range" in page


def test_the_report_needs_nothing_from_outside(fleet):
    page = validate(fleet)[2].read_text(encoding="utf-8")
    assert "http" not in page
    assert "<script" not in page
    assert "src=" not in page


def test_two_runs_write_the_same_bytes(fleet):
    first = [path.read_bytes() for path in validate(fleet)]
    assert first == [path.read_bytes() for path in validate(fleet)]


def test_refused_data_leave_nothing_behind(tmp_path):
    write_contract(tmp_path)
    write_canonical(tmp_path, telemetry().assign(heat=20.0))
    with pytest.raises(DataError, match=r"(?s)heat: 2,880 of 2,880 readings outside.*failures: none at all"):
        validate(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canonical", "toy.yaml"]


def test_a_truncated_partition_is_named(fleet):
    part = fleet / "canonical/telemetry/part-0001.parquet"
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"part-0001.parquet: not readable as Parquet .*dvc repro"):
        validate(fleet)


def test_a_missing_canonical_folder_is_named(fleet):
    with pytest.raises(DataError, match=r"nowhere/.*does not exist"):
        validate(fleet, canonical=fleet / "nowhere")
