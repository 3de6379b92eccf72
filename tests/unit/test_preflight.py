"""`oilcan doctor start` says in words what DVC would refuse in its own, before anything runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from oilcan.ground.errors import ContractError, DataError, OilcanError, ParamsError
from oilcan.io.repository import preflight

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("params.yaml", "dvc.yaml", "data/dvc.yaml", "data/fetched.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "datasets", tmp_path / "datasets")
    return tmp_path


def choose(root: Path, old: str, new: str) -> None:
    file = root / "params.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_raw_files_that_a_stage_makes_need_not_be_there(root):
    assert preflight.check(root) == "demo_fleet"


def test_raw_files_that_no_stage_makes_must_be_there(root):
    choose(root, "dataset: demo_fleet", "dataset: ai4i2020")
    with pytest.raises(DataError, match=r"data/raw/ai4i2020: .* `oilcan dataset place ai4i2020 --from FOLDER`") as told:
        preflight.check(root)
    assert "tables.telemetry: no file 'ai4i2020.csv'" in str(told.value)
    (root / "data/raw/ai4i2020").mkdir(parents=True)
    (root / "data/raw/ai4i2020/ai4i2020.csv").touch()
    assert preflight.check(root) == "ai4i2020"


def test_files_that_are_fetched_need_not_be_there(root):
    choose(root, "dataset: demo_fleet", "dataset: ai4i2020")
    (root / "data/fetched.yaml").write_text("fetched: [ai4i2020]\n", encoding="utf-8")
    assert preflight.check(root) == "ai4i2020"


@pytest.mark.parametrize(("old", "new", "kind", "said"), [
    ("dataset: demo_fleet", "dataset: demo_flet", ContractError, r"found 'demo_flet', known: ai4i2020, .*demo_fleet"),
    ("dataset:", "dataste:", ParamsError, r"dataste: no such word \(found 'demo_fleet'\)"),
    ("machines_per_partition", "machines_per_partitio", ParamsError, r"ingest\.machines_per_partitio: no such word"),
    ("dataset:", "dataset: [", ParamsError, "not readable as YAML"),
])
def test_what_is_misspelt_is_told(root, old, new, kind, said):
    choose(root, old, new)
    with pytest.raises(kind, match=said):
        preflight.check(root)


def test_a_contract_that_is_not_valid_is_told(root):
    (root / "datasets/demo_fleet.yaml").write_text("name: demo_fleet\n", encoding="utf-8")
    with pytest.raises(OilcanError, match=r"datasets/demo_fleet\.yaml is not a valid contract"):
        preflight.check(root)


def test_a_path_that_is_not_ascii_is_announced(root):
    assert preflight.limits(root) == []
    found, = preflight.limits(root / "Werk Süd")
    assert "`dvc exp run --queue` ends as Failed" in found


def test_the_c_locale_without_utf8_is_announced_where_dvc_cannot_work(tmp_path):
    code = ("import pathlib; from oilcan.io.repository import preflight; "
            "print(len(preflight.limits(pathlib.Path('Werk S\\u00fcd').absolute())))")
    counted = [subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"LC_ALL": "C"} | more,
                              capture_output=True, text=True, check=True).stdout.strip()
               for more in ({"PYTHONUTF8": "0"}, {"PYTHONUTF8": "1"})]
    assert counted == ["2", "1"]


def test_it_waits_for_no_pandas():
    code = "import sys, oilcan.operations.doctor, oilcan.io.repository.preflight; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
