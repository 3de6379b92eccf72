"""`dvc metrics` shows what people compare, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.repo.closure import ROOT

MOST = 30           # of the demo fleet: what a person takes in at once


def _dvc(*command: str) -> subprocess.CompletedProcess[str]:
    here = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                         "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(["dvc", *command], cwd=ROOT, env=here, capture_output=True, text=True, check=True)


def _rows(values: dict) -> int:
    """Rows of DVC: numbers and words; it leaves lists out."""
    return sum(_rows(value) if isinstance(value, dict) else not isinstance(value, list) for value in values.values())


def test_few_rows_and_no_warning():
    done = _dvc("metrics", "show", "--json")
    shown = json.loads(done.stdout)[""]["data"]
    assert done.stderr == ""
    assert sum(_rows(file["data"]) for file in shown.values()) <= MOST
    assert {"metrics/evaluate.json", "metrics/review.json"} <= set(shown)


def test_every_metric_file_stands_beside_its_detail():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for stage in stages.values():
        outs = {path for out in stage.get("outs", []) for path in (out if isinstance(out, dict) else [out])}
        for metric in (path for entry in stage.get("metrics", []) for path in entry):
            assert metric.replace("metrics/", "metrics/detail/") in outs, metric
