"""Findings of exploration about a public data set, from its raw files."""

import json
from pathlib import Path

import pandas as pd
import yaml

from oilcan.contract import parse_contract
from oilcan.core.exploration.fleet_findings import Exploration, explore
from oilcan.core.exploration.fleet_record import record
from oilcan.core.ingest import ingest
from oilcan.core.prepare.partitions import clean_readings
from oilcan.io.raw_data.reading import read_raw

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "data/samples/files/md5"


def explored(name: str, folder: Path, change=lambda text: text) -> Exploration:
    """Findings about a data set from its raw files, with all its labels, as `oilcan explore` has them."""
    contract = parse_contract(change((ROOT / f"datasets/{name}.yaml").read_text()), f"{name}.yaml")
    tables = ingest(read_raw(contract, folder), contract, max_rejected_share=0.0).tables
    readings, _ = clean_readings(tables["telemetry"], contract, fill_periods=3)
    rows = None
    if contract.time.kind == "none":
        targets = {f"target_{task}": tables["telemetry"][spec.column].astype(float)
                   for task, spec in contract.tasks.items()}
        rows = pd.DataFrame({"machine_id": tables["telemetry"]["machine_id"], "part": "train", **targets})
    return explore(record(contract, readings, tables, rows, None), rows, seed=1)


def sample(name: str, folder: Path) -> Path:
    """The raw files of a data set that travels in git, under their names in `folder`."""
    digest = yaml.safe_load((ROOT / f"data/raw/{name}.dvc").read_text())["outs"][0]["md5"]
    for entry in json.loads(_held(digest).read_text()):
        target = folder / entry["relpath"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(_held(entry["md5"]))
    return folder


def _held(digest: str) -> Path:
    return SAMPLES / digest[:2] / digest[2:]
