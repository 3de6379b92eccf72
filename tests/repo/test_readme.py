"""The README says what the commands say."""

import re

import yaml

from tests.repo.closure import ROOT
from tests.repo.readme import BLOCKS, IDEA, block, shortened

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _shown(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\n(.*?)```", README, re.S)
    assert found, name
    return found[1]


def test_the_summary_is_that_of_the_committed_metrics():
    # the last part lists the reports that are there; a clone that has pulled nothing has fewer
    figures, _, _ = block("summary", ROOT).partition("Look next:")
    assert _shown("summary").startswith(figures), "run `make readme`"


def test_every_block_stands_in_the_readme():
    for name, commands in BLOCKS.items():
        for command, _ in commands:
            assert f"$ {command}\n" in _shown(name), "run `make readme`"


def test_lines_left_out_leave_a_mark():
    assert shortened(["a 1", "b", "", "c", "a 2 ", ""], "^a") == ["a 1", "...", "a 2"]
    assert shortened(["a 1", "", "b"], "") == ["a 1", "", "b"]


def test_the_idea_it_tries_is_a_parameter():
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    path, _, value = IDEA.partition("=")
    for step in path.split("."):
        values = values[step]
    assert isinstance(values, int)
    assert values != int(value)


def test_every_make_target_it_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets


def test_every_contract_it_names_exists():
    for file in (ROOT / "datasets").glob("*.yaml"):
        assert f"`{file.stem}`" in README or file.stem == "demo_fleet"
