"""The stage reference: what monitoring compares with, learned from nothing of the test part."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import yaml
from tests.stages.running import ROOT, run_stage
from tests.training_frames import INDEPENDENT, independent, write

from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.io.bundle import bundle_folder


def test_independent_rows_have_no_reference_and_it_says_why(tmp_path: Path) -> None:
    paths = write(tmp_path, independent(), INDEPENDENT)
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump(yaml.safe_load(params.read_text()) | {"reference": {"rows_per_batch": 100}}))
    metrics, out = tmp_path / "evaluate.json", tmp_path / "out"
    metrics.write_text("{}")
    run_stage("reference", Path(paths["contract"]), tmp_path, Path(paths["prepared"]), Path(paths["features"]),
              Path(paths["model"]), ROOT / "monitoring.yaml", metrics, out, params=params)
    assert json.loads((out / "reference.json").read_text())["watched"] is False
    assert [path.name for path in out.iterdir()] == ["reference.json"]


def test_it_is_part_of_the_bundle_and_small(watched_plant: Path) -> None:
    reference = watched_plant / "models/reference" / bundle_folder.WATCH
    loaded = bundle_folder.load_bundle(watched_plant / "models/bundle").watch_reference
    assert loaded is not None
    assert loaded.to_bytes() == reference.read_bytes()
    assert reference.stat().st_size < 1_000_000 * len(loaded.columns) / 50


def test_no_output_is_compressed_by_the_zlib_of_this_python(watched_plant: Path) -> None:
    files = [path for folder in ("data", "models", "metrics") for path in (watched_plant / folder).rglob("*")
             if path.is_file() and "raw" not in path.parts]
    archives = [path for path in files if zipfile.is_zipfile(path)]
    assert {path.name for path in archives} >= {"watch_reference.npz", "material.npz"}
    for path in archives:
        members = zipfile.ZipFile(path).infolist()
        assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}, path
    assert not [path for path in files if path.read_bytes()[:2] == b"\x1f\x8b"]        # gzip


def test_it_ends_where_the_test_part_begins(watched_plant: Path) -> None:
    reference = WatchReference.from_bytes((watched_plant / "models/reference/watch_reference.npz").read_bytes(), "here")
    split = json.loads((watched_plant / "data/prepared/prepare.json").read_text())["split"]
    first_test = split["first_test"]
    assert reference.last <= pd.Timestamp(first_test).value // 1000
    assert not set(reference.machines) & set(split["unseen_machines"])
