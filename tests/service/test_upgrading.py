"""What Oilcan made at commit d261a0c is taken to the present version, and there is a way back (docs/upgrading.md).

`tests/golden/upgrade` was made by that commit: a store after some requests, a bundle of a small fleet, contracts,
params.yaml.
"""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from oilcan.contract import parse_contract
from oilcan.ground.errors import IntegrityError, ParamsError, StoreError
from oilcan.ground.section import section
from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import layout_of, stored_columns
from oilcan.io.stores.databases.migrations import MIGRATIONS
from oilcan.io.stores.log_entries import Cursor
from oilcan.params.whole import Params

ROOT = Path(__file__).parents[2]
OLD = ROOT / "tests/golden/upgrade"
CONTRACTS = sorted(path.stem for path in OLD.glob("*.yaml") if path.stem != "params")
OLD_VERSION = 3                 # of the tables at d261a0c


@pytest.fixture
def store(tmp_path) -> Path:
    path = tmp_path / "service.db"
    path.write_bytes(gzip.decompress((OLD / "store.sqlite.gz").read_bytes()))
    return path


def test_a_store_is_brought_up_to_date_with_all_that_is_in_it(store):
    opened = open_store(f"sqlite:///{store}")
    contract = parse_contract((OLD / "demo_fleet.yaml").read_text(encoding="utf-8"), "demo_fleet.yaml")
    opened.use_layout(layout_of(contract, list(stored_columns(contract))), 0)
    assert len(opened.readings(limit=1_000)) == 360
    assert [record.kind for record in opened.records("maintenance")] == ["bearing"]
    seen, unseen = sorted(opened.alarms(), key=lambda alarm: alarm.id)
    assert (seen.acknowledged_by, seen.comments[0].text, seen.finding) == ("crew", "bearing was hot", None)
    assert unseen.acknowledged_at is None
    assert [key.name for key in opened.keys.all()] == ["gateway"]
    assert sum(len(entry.readings) for entry in opened.changes(Cursor()).entries) == 360      # the log begins with them
    assert opened.notices.newest() == []
    opened.close()
    command = [str(Path(sys.executable).with_name("oilcan")), "doctor", "--store", f"sqlite:///{store}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, f"{store}: sound")


def test_the_way_back_is_the_copy_and_the_old_program_refuses_the_new_store(store, monkeypatch):
    kept = shutil.copy(store, store.with_name("service.before.db"))
    open_store(f"sqlite:///{store}").close()
    monkeypatch.setattr("oilcan.io.stores.databases.migrations.MIGRATIONS", MIGRATIONS[:OLD_VERSION])
    with pytest.raises(StoreError, match=f"of version {len(MIGRATIONS)}, written by a newer Oilcan .this one knows 3.*"
                                         "Run that Oilcan, or choose another store"):
        open_store(f"sqlite:///{store}")
    open_store(f"sqlite:///{kept}").close()


def test_a_bundle_of_another_version_is_refused_with_the_command_that_makes_it_anew(tmp_path):
    subprocess.run(["tar", "-xf", OLD / "bundle.tar.gz", "-C", tmp_path], check=True)
    with pytest.raises(IntegrityError, match=r"another version of Oilcan .*version 4; wanted.*`dvc repro package`, or "
                                             "load it with the Oilcan that wrote it"):
        load_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_means_what_it_meant(name):
    old, new = (parse_contract((folder / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")
                for folder in (OLD, ROOT / "datasets"))
    assert {table: sorted(each.columns) for table, each in old.tables.items()}.items() <= {
        table: sorted(each.columns) for table, each in new.tables.items()}.items()
    assert (old.time, old.rows, old.tasks) == (new.time, new.rows, new.tasks)


def test_params_of_a_team_are_merged_by_git_and_nothing_of_theirs_is_lost(tmp_path):
    base = (OLD / "params.yaml").read_text(encoding="utf-8")
    theirs = base.replace("dataset: demo_fleet", "dataset: azure_pdm").replace("jobs: 2", "jobs: 8").replace(
        "seed: 20260103", "seed: 7")
    for name, text in (("mine", theirs), ("base", base), ("new", (ROOT / "params.yaml").read_text(encoding="utf-8"))):
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError, match=r"(?s)max_rejected_share: no such word.*explore: Field required"):
        section(Params, yaml.safe_load(theirs), "params.yaml")
    subprocess.run(["git", "merge-file", "mine", "base", "new"], cwd=tmp_path, check=True)
    merged = section(Params, yaml.safe_load((tmp_path / "mine").read_text(encoding="utf-8")), "params.yaml")
    assert (merged.dataset, merged.compute.jobs, merged.train.seed) == ("azure_pdm", 8, 7)
