"""Raw files are read as the contract says, and every problem of every file is told at once."""

import gzip
import textwrap

import pandas as pd
import pytest

from oilcan.contract import parse_contract
from oilcan.ground.errors import DataError
from oilcan.io.raw_data.reading import read_raw

CONTRACT = """
    name: press_line
    version: 1
    description: Presses.
    source: {licence: CC0-1.0}
    time: {kind: instant, period: 1h}
    tables:
      telemetry:
        grain: one row per machine and hour
        files: ["*.csv"]
        columns:
          machine_id: {from: press, type: text, unit: none, description: Press}
          time: {type: instant, unit: UTC, description: Reading}
          volt: {type: number, unit: V, nullable: true, description: Supply}
    failures: {from: none}
    tasks: {x: {kind: label, column: bad}}
    rows: {windows: [24h]}
    split: {by: time, validation: 0.2, test: 0.2}
    costs: {missed_failure_eur: 10, false_alarm_eur: 1, planned_repair_eur: 2}
"""
GOOD = "press,time,volt\nA,2024-01-01,1.5\nB,2024-01-01,\n"


def contract(*changes):
    text = textwrap.dedent(CONTRACT).replace("failures: {from: none}", "failures: {from: flag, column: bad}")
    text = text.replace("{kind: label, column: bad}", "{kind: failure_within, horizon: 24h, lead_time: 0h}")
    text = text.replace("      volt:", "      bad: {from: volt, type: flag, unit: none, description: Bad}\n      volt:")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_contract(text, "datasets/press_line.yaml")


def read(folder, *changes):
    return read_raw(contract(*changes), folder)["telemetry"]


def put(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        gzip.compress(GOOD.encode()),
        b"\n" + GOOD.encode(),
        GOOD.rstrip("\n").encode(),
        b'"press","time","volt"\n"A","2024-01-01","1.5"\n"B","2024-01-01",""\n',
    ],
    ids=["plain", "bom", "crlf", "gzip", "blank line first", "no last line feed", "quoted"],
)
def test_the_same_table_is_read_however_it_is_written(tmp_path, content):
    put(tmp_path, "a.csv", content)
    (piece,) = read(tmp_path)
    assert piece.frame.columns.tolist() == ["press", "time", "volt"]
    assert piece.frame["press"].tolist() == ["A", "B"]
    assert piece.frame["volt"].iloc[0] == 1.5
    assert pd.isna(piece.frame["volt"].iloc[1])
    assert piece.rows.tolist() == [1, 2]


def test_files_come_in_the_order_of_their_names(tmp_path):
    for name in ("c.csv", "a.csv", "b.csv"):
        put(tmp_path, name, GOOD)
    assert [piece.file for piece in read(tmp_path)] == ["a.csv", "b.csv", "c.csv"]


def test_blanks_separate_however_many_there_are_and_positions_name(tmp_path):
    put(tmp_path, "a.csv", "1  2024-01-01\t2.5  \n  2 2024-01-01 3.5\n")
    (piece,) = read(tmp_path, ("files:", "header: false\n    separator: blank\n    files:"), ("from: press", "from: 0"),
                    ("time: {type", "time: {from: 1, type"), ("from: volt", "from: 2"), ("volt: {", "volt: {from: 2, "))
    assert piece.frame.columns.tolist() == [0, 1, 2]
    assert piece.frame[0].tolist() == ["1", "2"]
    assert piece.frame[2].tolist() == [2.5, 3.5]


def test_a_number_that_is_none_leaves_its_column_as_text_for_ingest_to_judge(tmp_path):
    put(tmp_path, "a.csv", GOOD.replace("1.5", "high"))
    (piece,) = read(tmp_path)
    assert piece.frame["volt"].tolist() == ["high", ""]


def test_a_decimal_comma_and_another_separator_are_read(tmp_path):
    put(tmp_path, "a.csv", "press;time;volt\nA;2024-01-01;1,5\n")
    (piece,) = read(tmp_path, ("files:", "separator: ';'\n    decimal: ','\n    files:"))
    assert piece.frame["volt"].tolist() == [1.5]


def test_another_encoding_is_read_when_it_is_named(tmp_path):
    put(tmp_path, "a.csv", GOOD.replace("A", "Förder").encode("latin-1"))
    (piece,) = read(tmp_path, ("files:", "encoding: latin-1\n    files:"))
    assert piece.frame["press"].tolist() == ["Förder", "B"]


def test_rows_of_the_wrong_width_are_told_by_their_number(tmp_path):
    rows = ["press,time,volt", "A,2024-01-01,1", "A,2024", "A,2024-01-02,1", "A,2024-01-03,1,1", "B,2024-01-01,2"]
    put(tmp_path, "a.csv", "\n".join(rows))
    (piece,) = read(tmp_path)
    assert [(bad.row, bad.reason) for bad in piece.malformed] == [
        (2, "wrong number of cells (found 2, wanted 3)"), (4, "wrong number of cells (found 4, wanted 3)")]
    assert piece.rows.tolist() == [1, 3, 5]
    assert piece.malformed[0].text == "A,2024"


def test_line_feeds_inside_quotes_do_not_cut_a_row(tmp_path):
    put(tmp_path, "a.csv", 'press,time,volt\n"A\nx",2024-01-01,1\nB,2024-01-01,2\n')
    (piece,) = read(tmp_path)
    assert piece.frame["press"].tolist() == ["A\nx", "B"]


def test_parquet_comes_typed(tmp_path):
    table = pd.DataFrame({"press": ["A"], "time": pd.to_datetime(["2024-01-01"]), "volt": [1.5]})
    table.to_parquet(tmp_path / "a.parquet")
    (piece,) = read(tmp_path, ('"*.csv"', '"*.parquet"'), ("files:", "format: parquet\n    files:"))
    assert piece.frame["volt"].tolist() == [1.5]
    assert pd.api.types.is_datetime64_dtype(piece.frame["time"].dtype)


def broken(tmp_path, *changes):
    with pytest.raises(DataError) as caught:
        read(tmp_path, *changes)
    return str(caught.value)


def test_a_missing_folder_says_how_to_fill_it(tmp_path):
    text = broken(tmp_path / "press_line")
    assert "press_line: does not exist" in text
    assert "oilcan dataset place press_line" in text


def test_a_missing_file_says_what_is_there(tmp_path):
    put(tmp_path, "data.txt", "x")
    assert "tables.telemetry.files: no file '*.csv' (found data.txt)" in broken(tmp_path)


def test_problems_of_all_files_are_told_at_once(tmp_path):
    put(tmp_path, "a.csv", "press,volt\nA,1\n")
    put(tmp_path, "b.csv", gzip.compress(GOOD.encode() * 99)[:-20])
    put(tmp_path, "c.csv", b"press,time,volt\nA,2024-01-01,1\nF\xf6rder,2024-01-01,1\n")
    put(tmp_path, "d.csv", "")
    put(tmp_path, "e.csv", "press,time,volt,note\nA,2024-01-01,1,x\n")
    put(tmp_path, "f.csv", "press,time,volt,volt\nA,2024-01-01,1,2\n")
    put(tmp_path, "g.csv", b"PAR1\x00\x01\x02")
    put(tmp_path, "h.csv", b"ELF\x00\x01\x02")
    text = broken(tmp_path)
    assert "a.csv: column 'time' is missing (found 'press', 'volt')" in text
    assert "b.csv: gzip is truncated or damaged" in text
    assert "c.csv: not utf-8 in line 3 (found byte 0xf6)" in text
    assert "d.csv: is empty" in text
    assert "e.csv: columns 'note' are not listed; list them, or say `unlisted: ignore`" in text
    assert "f.csv: two columns are called 'volt'" in text
    assert "g.csv: is a Parquet file; say `format: parquet`" in text
    assert "h.csv: holds no text" in text


def test_unlisted_columns_are_ignored_where_the_contract_says_so(tmp_path):
    put(tmp_path, "a.csv", "press,time,volt,note\nA,2024-01-01,1,x\n")
    (piece,) = read(tmp_path, ("files:", "unlisted: ignore\n    files:"))
    assert "note" not in piece.frame


def test_a_truncated_parquet_file_is_told(tmp_path):
    pd.DataFrame({"press": ["A"]}).to_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    put(tmp_path, "a.parquet", whole[:-30])
    text = broken(tmp_path, ('"*.csv"', '"*.parquet"'), ("files:", "format: parquet\n    files:"))
    assert "a.parquet: not readable as Parquet" in text


def test_a_column_missing_from_parquet_is_told(tmp_path):
    pd.DataFrame({"press": ["A"], "volt": [1.0]}).to_parquet(tmp_path / "a.parquet")
    text = broken(tmp_path, ('"*.csv"', '"*.parquet"'), ("files:", "format: parquet\n    files:"))
    assert "a.parquet: column 'time' is missing" in text


def test_an_unknown_encoding_is_told(tmp_path):
    put(tmp_path, "a.csv", GOOD)
    assert "unknown encoding 'utf-9'" in broken(tmp_path, ("files:", "encoding: utf-9\n    files:"))
