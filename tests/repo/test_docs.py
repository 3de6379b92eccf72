"""Tables that are written from code and YAML are those of this code and this YAML."""

import re
from itertools import pairwise

import pytest
import yaml

from tests.repo.closure import ROOT
from tests.repo.docs import TABLES, renewed


@pytest.mark.parametrize("name", TABLES)
def test_a_generated_table_is_renewed(name):
    page, write = TABLES[name]
    text = (ROOT / page).read_text(encoding="utf-8")
    assert renewed(text, name, write()) == text, "run `make tables`"


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="no marks <!-- stages -->"):
        renewed("a page", "stages", "")


def dependencies() -> dict[str, set[str]]:
    """Stage -> the stages whose outputs it reads."""
    entries = {name: entry.get("do", entry) for file in ("dvc.yaml", "data/dvc.yaml")
               for name, entry in yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["stages"].items()}
    made_by = {next(iter(out)) if isinstance(out, dict) else out: name for name, entry in entries.items()
               for kind in ("outs", "metrics", "plots") for out in entry.get(kind, [])}
    return {name: {made_by[path] for path in entry.get("deps", []) if path in made_by}
            for name, entry in entries.items()}


def test_the_arrows_of_the_readme_are_dependencies_of_the_pipeline():
    chart = (ROOT / "README.md").read_text(encoding="utf-8").split("```mermaid\n")[1].split("```")[0]
    reads = dependencies()
    stages, drawn = set(reads) - {"simulate", "fetch"}, set()        # raw files have the same place whoever brings them
    for line in chart.splitlines():
        ends = [re.split(r"[\[(]", part.strip())[0] for part in line.split("-->")]
        for first, second in pairwise(ends):
            if {first, second} <= stages:
                assert first in reads[second], f"{first} --> {second}"
                drawn |= {first, second}
    assert drawn == stages
