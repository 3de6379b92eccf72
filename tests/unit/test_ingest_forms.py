"""Long tables, joined files, rows for all machines: every record is accounted for."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from oilcan.contract import parse_contract
from oilcan.core.ingest import RawPiece, ingest
from oilcan.ground.errors import ContractError, DataError

COLUMNS = {"machine_id": {"type": "text"}, "time": {"type": "instant", "unit": "UTC"}}


def contract(telemetry, **tables):
    def described(table):
        columns = {name: {"unit": "none", "description": name} | words for name, words in table["columns"].items()}
        return {"grain": "one row", "files": ["*.csv"]} | table | {"columns": columns}

    whole = {
        "name": "toy", "version": 1, "description": "A toy.", "source": {"licence": "CC0-1.0"},
        "time": {"kind": "instant", "period": "1h"}, "failures": {"from": "end_of_life"},
        "tasks": {"rul": {"kind": "rul"}}, "rows": {"windows": ["6h"]},
        "split": {"by": "machine", "validation": 0.2, "test": 0.2},
        "costs": {"missed_failure_eur": 10, "false_alarm_eur": 1, "planned_repair_eur": 2},
        "tables": {"telemetry": described(telemetry)} | {name: described(table) for name, table in tables.items()},
    }  # fmt: skip
    return parse_contract(yaml.safe_dump(whole, sort_keys=False), "toy")


def piece(rows, columns, file="a.csv"):
    return RawPiece(file, pd.DataFrame(rows, columns=columns.split(), dtype="str"), np.arange(1, len(rows) + 1))


LONG = {"pivot": {"tag": "tag", "value": "value"}, "columns": COLUMNS | {
    "heat": {"from_tag": "T", "type": "number", "nullable": True},
    "on": {"from_tag": "S", "type": "flag", "nullable": True}}}
HOUR = "2024-01-01 0{}:00".format


def total(counts):
    return (counts["kept"] + sum(counts["excluded"].values()) + sum(counts["refused"].values())
            + counts["duplicates_identical"])


def test_a_bad_record_of_a_long_table_costs_its_own_cell_alone():
    rows = [["a", HOUR(0), "T", "hot"], ["a", HOUR(0), "S", "1"], ["a", HOUR(1), "T", "5"], ["a", HOUR(1), "T", "5"],
            ["a", HOUR(1), "T", "6"]]
    done = ingest({"telemetry": [piece(rows, "machine_id time tag value")]}, contract(LONG), max_rejected_share=1.0)
    telemetry, counts = done.tables["telemetry"], done.counts["telemetry"]
    assert telemetry["heat"].tolist()[1:] == [5.0]
    assert telemetry["on"].tolist()[:1] == [True]
    assert counts["refused"] == {"heat: not a finite number": 1, "duplicate key, other content": 1}
    assert (counts["duplicates_identical"], counts["rows"], counts["read"]) == (1, 2, 5)
    assert done.rejected["row"].tolist() == [1, 5]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*map(st.sampled_from, (["a", "b", ""], [HOUR(0), HOUR(1), "noon"], ["T", "S", ""],
                                                 ["1", "0", "", "x"]))), min_size=1, max_size=25))
def test_records_of_a_long_table_add_up(rows):
    tables = {"telemetry": [piece([["z", HOUR(5), "T", "1"], *map(list, rows)], "machine_id time tag value")]}
    counts = ingest(tables, contract(LONG), max_rejected_share=1.0).counts["telemetry"]
    assert counts["read"] == total(counts) == len(rows) + 1


def test_tags_without_a_column_are_named():
    rows = [["a", HOUR(0), "T", "1"], ["a", HOUR(0), "P-7", "1"]]
    tables = {"telemetry": [piece(rows, "machine_id time tag value")]}
    with pytest.raises(DataError, match=r"tags 'P-7' are not listed; give each a column with `from_tag`"):
        ingest(tables, contract(LONG))
    loose = ingest(tables, contract(LONG | {"unlisted": "ignore"}))
    assert loose.counts["telemetry"]["excluded"] == {"tag not listed": 1}


def joined(by):
    return contract({"join": {"p": {"files": ["p.csv"], "by": by}}, "columns": COLUMNS | {
        "heat": {"type": "number"}, "press": {"join": "p", "type": "number"}}})


def test_joined_records_without_a_partner_are_counted_on_both_sides():
    tables = {"telemetry": [piece([["a", HOUR(0), "1"], ["a", HOUR(1), "2"]], "machine_id time heat")],
              "telemetry.p": [piece([["a", HOUR(1), "7"], ["a", HOUR(1), "7"], ["a", HOUR(9), "8"]],
                                    "machine_id time press", "p.csv")]}
    done = ingest(tables, joined(["machine_id", "time"]), max_rejected_share=1.0)
    assert done.tables["telemetry"]["press"].tolist() == [7.0]
    counts = done.counts["telemetry"]
    assert counts["refused"] == {"press: missing in join p": 1}
    part = counts["joined"]["telemetry.p"]
    assert part["excluded"] == {"no such row in the table it belongs to": 1}
    assert part["duplicates_identical"] == 1
    assert total(part) == part["read"] == 3


def test_files_of_other_lengths_are_not_joined_by_order():
    tables = {"telemetry": [piece([["a", HOUR(0), "1"], ["a", HOUR(1), "2"]], "machine_id time heat")],
              "telemetry.p": [piece([["7"]], "press", "p.csv")]}
    with pytest.raises(DataError, match=r"join p: .*found 1 in p\.csv, wanted 2 in a\.csv"):
        ingest(tables, joined("row_order"))


def test_a_row_for_all_machines_does_not_displace_a_machine_s_own():
    spec = contract({"columns": COLUMNS | {"heat": {"type": "number"}}},
                    maintenance={"all_machines": ["ALL"], "columns": COLUMNS | {"component": {"type": "text"}}})
    tables = {"telemetry": [piece([["a", HOUR(0), "1"], ["b", HOUR(0), "2"]], "machine_id time heat")],
              "maintenance": [piece([["a", HOUR(3), "oil"], ["ALL", HOUR(3), "oil"], ["ALL", HOUR(4), "oil"]],
                                    "machine_id time component")]}
    done = ingest(tables, spec)
    jobs = done.tables["maintenance"]
    assert jobs["machine_id"].tolist() == ["a", "a", "b", "b"]
    counts = done.counts["maintenance"]
    assert (counts["read"], counts["kept"], counts["copied_to_all_machines"]) == (3, 3, 3)


@pytest.mark.parametrize(("words", "message"), [
    ({"heat": {"from_tag": "T", "type": "number"}}, r"heat\.from_tag: only in a table with `pivot:"),
    ({"heat": {"from": "h", "from_path": "x", "type": "number"}}, "a column has one origin (found from, from_path)"),
    ({"heat": {"from_cells": "mean(x)", "type": "number"}}, "heat.from_cells: position 1"),
    ({"heat": {"from_path": "(", "type": "number"}}, "not a regular expression"),
    ({"heat": {"join": "p", "type": "number"}}, "no such join (found 'p', known [])"),
])
def test_words_that_do_not_go_together_are_refused_when_the_contract_is_read(words, message):
    with pytest.raises(ContractError, match=message if "`" in message else re.escape(message)):
        contract({"columns": COLUMNS | words})


@pytest.mark.parametrize(("entry", "message"), [
    ({"column": "heat", "reason": "r"}, "wanted one of equals, in, matches, missing (found 0)"),
    ({"column": "cold", "missing": True, "reason": "r"}, "no column below (found 'cold')"),
    ({"column": "heat", "matches": "1", "reason": "r"}, "matches: only for text (found 'number')"),
])
def test_a_filter_says_one_thing_about_a_column(entry, message):
    with pytest.raises(ContractError, match=re.escape(message)):
        contract({"only": [entry], "columns": COLUMNS | {"heat": {"type": "number"}}})
