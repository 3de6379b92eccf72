"""The stage fetch: files in place are checked and counted; what is wrong is refused."""

import hashlib
from pathlib import Path

import pytest
from tests.stages.running import run_stage

from oilcan.ground.errors import DataError, IntegrityError

PARAMS = Path(__file__).parents[2] / "params.yaml"
ROWS = b"machine_id,bad\n1,0\n"
CONTRACT = f"""
name: press
version: 1
description: d
source: {{licence: CC0-1.0, files: [{{path: a.csv, sha256: {hashlib.sha256(ROWS).hexdigest()}}}]}}
time: {{kind: none}}
tables:
  telemetry:
    grain: g
    files: ["*.csv"]
    columns:
      machine_id: {{type: text, unit: none, description: d}}
      bad: {{type: flag, unit: none, role: label, description: d}}
failures: {{from: none}}
tasks: {{bad: {{kind: label, column: bad}}}}
split: {{by: row, validation: 0.2, test: 0.2}}
costs: {{missed_failure_eur: 1, false_alarm_eur: 1, planned_repair_eur: 1}}
"""


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "press.yaml"
    path.write_text(CONTRACT)
    (tmp_path / "press").mkdir()
    return path


def test_placed_files_are_checked_and_left_alone(contract, capsys):
    file = contract.parent / "press/a.csv"
    file.write_bytes(ROWS)
    before = file.stat().st_mtime_ns
    run_stage("fetch", contract, file.parent, params=PARAMS)
    assert capsys.readouterr().out == "fetch: files 1, downloaded 0\n"
    assert file.stat().st_mtime_ns == before


def test_a_missing_file_is_refused(contract):
    with pytest.raises(DataError, match="oilcan dataset place press --from FOLDER"):
        run_stage("fetch", contract, contract.parent / "press", params=PARAMS)


def test_other_bytes_are_refused_and_kept(contract):
    file = contract.parent / "press/a.csv"
    file.write_bytes(b"mine")
    with pytest.raises(IntegrityError, match="--any-version"):
        run_stage("fetch", contract, file.parent, params=PARAMS)
    assert file.read_bytes() == b"mine"
