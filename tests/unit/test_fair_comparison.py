"""A champion is compared only on rows that it has not learned from, and whose columns mean what it has learned."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.stages.running import run_stage
from tests.training_frames import FLEET, fleet, write

from oilcan.contract import parse_contract
from oilcan.core.bundle.learned_rows import LearnedRows
from oilcan.governance.fair_comparison import fairness
from oilcan.ground.errors import IntegrityError
from oilcan.ground.hashing import sha256
from oilcan.io.bundle import bundle_folder, champion
from oilcan.io.stage import files


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, str]:
    paths = write(tmp_path_factory.mktemp("fleet"), fleet())
    for stage, names in (("train", ("contract", "prepared", "features", "model", "description", "metrics")),
                         ("package", ("contract", "prepared", "features", "model", "description", "reference",
                                      "bundle"))):
        run_stage(stage, *(Path(paths[name]) for name in names), params=Path(paths["params"]))
    return paths


@pytest.fixture(scope="module")
def bundle(made):
    return bundle_folder.load_bundle(Path(made["bundle"]))


def broken(bundle, contract, rows):
    return [check.name for check in fairness(bundle, contract, rows) if not check.passed]


def test_the_same_split_is_fair(bundle):
    rows, _, _ = fleet()
    assert broken(bundle, bundle.contract, rows) == []


def test_a_window_that_the_champion_has_learned_from_is_refused(bundle):
    rows, _, _ = fleet()
    leaky = rows.assign(part=rows["part"].where(rows["part"] != "validation", "test"))
    assert broken(bundle, bundle.contract, leaky) == ["champion, rows it has not learned from"]
    seen = int((rows["part"] == "validation").sum())
    check = fairness(bundle, bundle.contract, leaky)[0]
    assert f"it has learned from {seen:,} of" in check.found
    assert check.severity == "hold"


def test_other_machines_of_the_same_time_are_fair(bundle):
    rows, _, _ = fleet()
    others = rows.assign(part="test", machine_id="other " + rows["machine_id"].astype(str))
    assert broken(bundle, bundle.contract, others) == []


def test_independent_rows_are_known_by_their_name():
    import pandas as pd

    rows = pd.DataFrame({"machine_id": ["a", "b", "c"], "part": ["train", "test", "validation"]})
    assert LearnedRows.of(rows).cover(rows).tolist() == [True, False, True]


@pytest.mark.parametrize(("change", "wanted"), [
    ({"unit": "m/s"}, ["champion, contract version 1 against 2"]), ({"description": "in other words"}, [])])
def test_a_champion_of_another_contract_version(bundle, change, wanted):
    values = yaml.safe_load(FLEET) | {"version": 2}
    values["tables"]["telemetry"]["columns"]["x"] |= change
    later = parse_contract(yaml.safe_dump(values), "datasets/fleet.yaml")
    reads_x = replace(bundle.plan, features=tuple(replace(each, sensor="x") for each in bundle.plan.features))
    rows, _, _ = fleet()
    assert broken(replace(bundle, plan=reads_x), later, rows) == wanted


def test_a_champion_of_another_data_set(bundle):
    other = bundle.contract.model_copy(update={"name": "other"})
    rows, _, _ = fleet()
    assert "champion, same data set" in broken(bundle, other, rows)


def test_a_champion_of_an_older_bundle_version_is_named_with_the_way_out(made, tmp_path):
    import shutil

    folder = tmp_path / "champion"
    shutil.copytree(made["bundle"], folder)
    manifest = json.loads((folder / "manifest.json").read_text()) | {"version": 5}
    files.write_json(manifest, folder / "manifest.json")
    files.write_text(f"{sha256(folder / 'manifest.json')}  manifest.json\n", folder / "manifest.sha256")
    files.write_json({"bundle": sha256(folder / "manifest.json"), "approval": None}, tmp_path / "champion.json")
    with pytest.raises(IntegrityError, match=r"another version of Oilcan packaged this bundle .*version 5; wanted .*6"):
        champion.read_champion(tmp_path / "champion.json")
