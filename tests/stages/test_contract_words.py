"""Each example of docs/contract-examples.md is run: its files, read by its contract, give its table."""

import re
from pathlib import Path

import pytest
import yaml

from oilcan.contract import parse_contract
from oilcan.core.ingest import ingest
from oilcan.io.raw_data import reading

PAGE = Path(__file__).parents[2] / "docs/contract-examples.md"
REST = {
    "name": "example", "version": 1, "description": "An example.", "source": {"licence": "CC0-1.0"},
    "time": {"kind": "instant", "period": "1h"}, "failures": {"from": "end_of_life"}, "tasks": {"rul": {"kind": "rul"}},
    "rows": {"windows": ["6h"]}, "split": {"by": "machine", "validation": 0.2, "test": 0.2},
    "costs": {"missed_failure_eur": 10, "false_alarm_eur": 1, "planned_repair_eur": 2},
}  # fmt: skip
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.S | re.M))


def canonical(section, folder):
    """Name, expected text and canonical table of a section."""
    blocks = re.findall(r"```(\w+) ?(\S*)\n(.*?)```", section, re.S)
    for kind, name, text in blocks:
        if kind == "csv":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    words = next(text for kind, _, text in blocks if kind == "yaml")
    whole = REST | yaml.safe_load(words)
    contract = parse_contract(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False), "example")
    table, wanted = next((name, text) for kind, name, text in blocks if kind == "text")
    return wanted, ingest(reading.read_raw(contract, folder, folder / "live"), contract).tables[table]


@pytest.mark.parametrize("title", SECTIONS)
def test_an_example_gives_the_table_it_shows(title, tmp_path):
    wanted, table = canonical(SECTIONS[title], tmp_path)
    assert table.to_csv(index=False, lineterminator="\n") == wanted


def test_every_example_shows_a_table():
    assert all(re.search(r"```text \w+\n.", section) for section in SECTIONS.values())
