"""One word finds everything: stage = script = section of params.yaml = test file = docs page."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from oilcan.ground.section import section
from oilcan.io.stage.dvc_files import stage_names
from oilcan.params.whole import Params
from tests.repo.closure import ROOT

STAGES = sorted(address.rpartition(":")[2] for address in stage_names(ROOT))


def _tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout
    return [ROOT / line for line in listing.splitlines() if (ROOT / line).is_file()]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_found_by_its_name_everywhere(stage):
    assert (ROOT / f"src/stages/{stage}.py").is_file()
    assert (ROOT / f"docs/stages/{stage}.md").is_file()
    assert (ROOT / f"tests/stages/test_{stage}.py").is_file()
    if stage != "fetch":                        # fetching has nothing to choose: the contract says it all
        assert stage in yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("pipeline", ["dvc.yaml", "data/dvc.yaml"])
def test_every_stage_says_what_it_does(pipeline):
    for name, entry in yaml.safe_load((ROOT / pipeline).read_text(encoding="utf-8"))["stages"].items():
        assert entry.get("do", entry).get("desc"), name


def test_params_yaml_is_valid_and_in_the_form_dvc_writes():
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    section(Params, yaml.safe_load(text), "params.yaml")
    assert not re.search(r"[\[{]", re.sub(r"#.*", "", text)), "flow style is rewritten by `dvc exp run -S`"


@pytest.mark.parametrize("file", _tracked("src/oilcan/*.py"), ids=lambda f: f.relative_to(ROOT).as_posix())
def test_a_module_stays_small(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("name", ["bootstrap", "core", "test"])
def test_lock_files_are_hashed_and_name_no_index(name):
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^[a-z0-9][^ ;]*==\S+[^\n]*(?:\n    --hash=sha256:[0-9a-f]{64}[^\n]*)+", text, re.M)
    assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.M))
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host|https?://|file://", text)


def test_nothing_names_a_path_of_one_machine():
    found = [
        f"{file.relative_to(ROOT)}: {hit}"
        for file in _tracked()
        if file.suffix not in {".png", ".parquet", ".gz"} and "LICENSE" not in file.name
        for hit in re.findall(r"(?<![\w./])/(?:work|root|home|opt|Users)/\S+", file.read_text(encoding="utf-8"))
    ]
    assert not found


def test_relative_links_of_documents_resolve():
    broken = []
    for page in _tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_every_contract_is_named_after_its_file_and_listed():
    page = (ROOT / "docs/contract.md").read_text(encoding="utf-8") + (ROOT / "README.md").read_text(encoding="utf-8")
    for file in (ROOT / "datasets").glob("*.yaml"):
        assert file.stem in page
