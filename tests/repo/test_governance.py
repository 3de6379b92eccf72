"""Each line of the register of risks and of the mappings points at evidence that is there."""

import re

import pytest

from tests.repo.closure import ROOT

PAGE = (ROOT / "docs/governance.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in PAGE.split("\n## ")[1:]}
MAPPED = [name for name, part in SECTIONS.items() if "| evidence |" in part]
LINES = [(name, line) for name in MAPPED for line in SECTIONS[name].splitlines()
         if line.startswith("| ") and "| evidence |" not in line]


def test_the_register_and_three_mappings_are_there():
    assert [name.split(" (")[0].split(":")[0] for name in MAPPED] == [
        "Register of risks", "EU AI Act", "ISO/IEC 42001", "NIST AI RMF 1.0"]
    assert len(LINES) >= 40


@pytest.mark.parametrize(("section", "line"), LINES, ids=lambda text: text.strip("| ").split(" | ")[0][:40])
def test_each_line_has_evidence(section, line):
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert len(cells) == 3, section
    assert all(cells), "an empty cell"
    named = re.findall(r"`([^`]+)`", cells[2])
    assert named, "names no evidence"
    for evidence in named:
        path, _, name = evidence.partition("::")
        place = ROOT / path
        assert place.exists(), evidence
        if name:
            assert name in place.read_text(encoding="utf-8"), evidence
