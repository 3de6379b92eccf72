"""docs/contract.md says every word of the contract language, and its examples are contracts."""

import re
from pathlib import Path

import pydantic
import pytest

from oilcan import contract as language

PAGE = (Path(__file__).parents[2] / "docs/contract.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
PARTS = [part for part in vars(language).values() if isinstance(part, type) and issubclass(part, pydantic.BaseModel)]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_word_is_explained(part):
    said = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`\n]+)`", PAGE))))
    assert {field.alias or name for name, field in part.model_fields.items()} <= said


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("\n", 1)[0])
def test_an_example_is_a_valid_contract(example):
    name = example.split("\n", 1)[0].removeprefix("name: ")
    assert language.parse_contract(example, "docs/contract.md").name == name


def test_there_is_an_example_of_each_shape():
    kinds = [language.parse_contract(example, "docs/contract.md").time.kind for example in EXAMPLES]
    assert sorted(kinds) == ["cycle", "instant", "none"]
