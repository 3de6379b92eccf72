"""Each example of docs/contract-examples.md is run: its files, read by its contract, give its tables."""

import csv
import io
import re
import sqlite3
import typing
from pathlib import Path

import pandas as pd
import pytest
import yaml
from tests.unit.test_sheets import workbook

from oilcan import contract as language
from oilcan.core.ingest import ingest
from oilcan.io.raw_data import queries, reading

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/contract-examples.md"
REST = {
    "name": "example", "version": 1, "description": "An example.", "source": {"licence": "CC0-1.0"},
    "time": {"kind": "instant", "period": "1h"}, "failures": {"from": "end_of_life"}, "tasks": {"rul": {"kind": "rul"}},
    "rows": {"windows": ["6h"]}, "split": {"by": "machine", "validation": 0.2, "test": 0.2},
    "costs": {"missed_failure_eur": 10, "false_alarm_eur": 1, "planned_repair_eur": 2},
}  # fmt: skip
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.S | re.M))
READ = [language.Table, language.Column, language.Pivot, language.RowFilter, language.Query, language.Failures]
LATER = [language.Contract, language.Source, language.Download, language.Time, language.Derived, language.Task,
         language.Rows, language.Split, language.Costs, language.Limits, language.Alarms]


def blocks_of(section):
    return re.findall(r"```(\w+) ?(\S*)\n(.*?)```", section, re.S)


def write(name, text, encoding, folder):
    """A file of an example, in the format that its name says."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pd.read_csv(io.StringIO(text)).to_parquet(path, index=False)
    elif path.suffix == ".xlsx":
        path.write_bytes(workbook(Orders=list(csv.reader(text.splitlines()))))
    else:
        path.write_text(text, encoding=encoding)


def canonical(section, folder, monkeypatch):
    """Expected text of tables by name, and the canonical tables of a section."""
    blocks = blocks_of(section)
    words = yaml.safe_load(next(text for kind, _, text in blocks if kind == "yaml"))
    contract = language.parse_contract(yaml.safe_dump(REST | words, allow_unicode=True, sort_keys=False), "example")
    for kind, name, text in blocks:
        if kind == "csv":
            write(name, text, contract.tables["telemetry"].encoding, folder)
        elif kind == "sql":
            with sqlite3.connect(folder / f"{name}.db") as database:
                database.executescript(text)
            database.close()
            monkeypatch.setenv(queries.variable(name), f"sqlite:///{folder}/{name}.db")
    queries.take_snapshots(contract, folder)
    wanted = {name: text for kind, name, text in blocks if kind == "text"}
    return wanted, ingest(reading.read_raw(contract, folder, folder / "live"), contract).tables


@pytest.mark.parametrize("title", SECTIONS)
def test_an_example_gives_the_tables_it_shows(title, tmp_path, monkeypatch):
    wanted, tables = canonical(SECTIONS[title], tmp_path, monkeypatch)
    assert {name: tables[name].to_csv(index=False, lineterminator="\n") for name in wanted} == wanted


def test_every_example_shows_a_table():
    assert all(re.search(r"```text \w+\n.", section) for section in SECTIONS.values())


def used(part, held, words):
    """Add to `words` each (part, word) that a piece of a contract uses; parts are told by the types of the fields."""
    for name, field in part.model_fields.items():
        word = field.alias or name
        if word in held:
            words.add((part.__name__, word))
            for inner in parts_in(field.annotation):
                for piece in pieces(held[word], inner):
                    used(inner, piece, words)
    return words


def parts_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, language.Contract.__mro__[1]):
        return [annotation]
    return [part for inner in typing.get_args(annotation) for part in parts_in(inner)]


def pieces(value, part):
    """Mappings that are this part: the value itself, or what it holds by name or in a list."""
    held = value if isinstance(value, list) else [value]
    known = {field.alias or name for name, field in part.model_fields.items()}
    for one in held:
        if isinstance(one, dict) and set(one) <= known:
            yield one
        elif isinstance(one, dict):
            yield from (inner for inner in one.values() if isinstance(inner, dict))


def words_of(contracts):
    return set().union(*(used(language.Contract, yaml.safe_load(text), set()) for text in contracts))


def test_every_word_stands_in_an_example_that_a_test_runs():
    shown = words_of(text for section in SECTIONS.values() for kind, _, text in blocks_of(section) if kind == "yaml")
    whole = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "datasets").glob("*.yaml"))]
    whole += re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/contract.md").read_text(encoding="utf-8"), re.S)
    words = {part: {(part.__name__, field.alias or name) for name, field in part.model_fields.items()}
             for part in [*READ, *LATER]}
    assert set().union(*(words[part] for part in READ)) - shown == set()
    assert set().union(*(words[part] for part in LATER)) - shown - words_of(whole) == set()
