"""Words of the contract that ingest obeys: contradictions among them are refused before a file is read."""

from pathlib import Path

import pytest

from oilcan.contract import parse_contract
from oilcan.ground.errors import ContractError

TEXT = (Path(__file__).parents[2] / "datasets/demo_fleet.yaml").read_text(encoding="utf-8")
LOAD = "load_pct: {type: number,"
OPERATOR = "operator_name: {type: text, unit: none, role: ignore, personal: drop,"
MACHINE = "machine_id: {type: text,"


def parse(old, new):
    assert old in TEXT
    return parse_contract(TEXT.replace(old, new, 1), "datasets/demo_fleet.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (LOAD, LOAD + " shift: 1d,", "columns.load_pct.shift: a length of time, and only for instants"),
        ("time: {type: instant,", "time: {type: instant, shift: 3 cycles,", "columns.time.shift: a length of time"),
        (LOAD, LOAD + " personal: hash,", "columns.load_pct.personal: text can be hashed or dropped"),
        (MACHINE, MACHINE + " personal: drop,", "columns.machine_id.personal: .* a key column only hashed"),
        (
            "files: [errors.csv]",
            "files: [errors.csv]\n    exclude: [{column: kode, equals: E1, reason: test}]",
            "tables.errors.exclude.0.column: no column below .found 'kode'",
        ),
    ],
)
def test_a_contradiction_is_named(old, new, message):
    with pytest.raises(ContractError, match=message):
        parse(old, new)


def test_the_look_ahead_is_that_of_the_headline_task():
    assert parse("horizon: 72h", "horizon: 2d").look_ahead() == (48.0, 12.0)


def test_a_key_may_be_hashed():
    assert parse(MACHINE, MACHINE + " personal: hash,").tables["telemetry"].columns["machine_id"].personal == "hash"
