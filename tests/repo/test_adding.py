"""CONTRIBUTING.md names every file that a newcomer touches: few, and those that exist."""

import re

import pytest

from tests.repo.closure import ROOT

PLACEHOLDER = "NAME"


@pytest.mark.parametrize(("title", "most"), [("Add a model", 8), ("Add a feature family", 8)])
def test_adding_a_kind_touches_few_files_that_exist(title, most):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = re.search(rf"(?ms)^## {title}$(.*?)(?=^## |\Z)", text)
    assert section
    files = re.findall(r"(?m)^\d+\. `([^`]+)`", section[1])
    assert 0 < len(files) <= most
    present = [path.rpartition("/")[0] if PLACEHOLDER in path else path for path in files]
    missing = [path for path in present if not (ROOT / path).exists()]
    assert missing == []
