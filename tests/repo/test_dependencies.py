"""DVC does not follow imports (treeverse/dvc issue 9195), so this file does."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from oilcan.io.stage.dvc_files import find_stage, stage_names
from tests.repo import closure
from tests.repo.closure import ROOT, covers, import_closure, suggested_deps

ALSO = {        # code of other sections that a stage needs: features know the options they were planned with
    "review": {"featurize", "gate_policy"}, "monitor": {"featurize", "validate", "monitoring"},
    "reference": {"monitoring"},
}
STAGES = sorted(address for address in stage_names(ROOT))


def _entry(address: str):
    return find_stage(ROOT, f"{address}@ai4i2020" if address.endswith(":fetch") else address)


def _script(entry) -> str:
    return next(word for word in entry.cmd.split() if word.startswith("src/stages/"))


@pytest.mark.parametrize("address", STAGES)
def test_deps_cover_the_import_closure(address):
    entry = _entry(address)
    script = _script(entry)
    missing = sorted(
        file
        for file in {script, "requirements/core.txt"} | import_closure(ROOT / script)
        if not any(covers(dep, file) for dep in entry.deps)
    )
    assert not missing, f"{address}: add to deps: {suggested_deps(ROOT / script)}"


@pytest.mark.parametrize("address", STAGES)
def test_no_dep_on_code_that_is_not_imported(address):
    entry = _entry(address)
    used = import_closure(ROOT / _script(entry)) | {_script(entry)}
    idle = [dep for dep in entry.deps if dep.startswith("src/") and not any(covers(dep, file) for file in used)]
    assert not idle, f"{address}: these deps are imported by nothing it runs: {idle}"


@pytest.mark.parametrize("address", STAGES)
def test_the_paths_of_the_command_are_declared(address):
    entry = _entry(address)
    paths = [word for word in entry.cmd.split() if "/" in word]
    declared = {*entry.deps, *entry.outs}
    assert [path for path in paths if path not in declared] == []


@pytest.mark.parametrize("address", STAGES)
def test_params_are_exactly_the_sections_the_script_reads(address):
    entry = _entry(address)
    code = (ROOT / _script(entry)).read_text(encoding="utf-8")
    names = set(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))
    # `compute` says where work runs; outputs do not depend on it (tests/model/test_determinism.py)
    read = set(re.findall(r'Params, args\.params, "(\w+)"\)', code)) & (names - {"compute"})
    assert set(entry.params) == read


@pytest.mark.parametrize("address", STAGES)
def test_code_of_other_sections_is_no_dep(address):
    entry = _entry(address)
    modules = {Path(dep).stem for dep in entry.deps if dep.startswith("src/oilcan/params/")} - {"__init__"}
    assert modules <= {*entry.params, "compute"} | ALSO.get(entry.name, set())
    assert not {"src/oilcan/params", "src/oilcan/params/stages"} & set(entry.deps)


def test_the_closure_sees_imports_of_imports_and_inside_functions(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text("def main():\n    from oilcan.io.stage import stage\n", encoding="utf-8")
    files = import_closure(script)
    assert {"src/oilcan/io/stage/stage.py", "src/oilcan/ground/errors.py"} <= files


def test_an_init_is_in_the_closure_as_soon_as_it_holds_code(tmp_path: Path, monkeypatch):
    package = tmp_path / "src/oilcan"
    package.mkdir(parents=True)
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    monkeypatch.setattr(closure, "SRC", tmp_path / "src")
    script = tmp_path / "script.py"
    script.write_text("import oilcan.part\n", encoding="utf-8")
    (package / "part.py").write_text("", encoding="utf-8")
    for text, expected in (('"""What is inside."""\n', {"src/oilcan/part.py"}),
                           ('"""What is inside."""\nLIMIT = 1\n', {"src/oilcan/part.py", "src/oilcan/__init__.py"})):
        (package / "__init__.py").write_text(text, encoding="utf-8")
        assert import_closure(script) == expected


@pytest.mark.parametrize("address", STAGES)
def test_no_stage_can_shadow_a_module(address):
    # a file `calendar.py` beside the script would break pandas; -P leaves the script's folder off the path
    entry = _entry(address)
    assert entry.cmd.startswith("PYTHONPATH=src exec python -P src/stages/")
    assert Path(_script(entry)).stem not in sys.stdlib_module_names
