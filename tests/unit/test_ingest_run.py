"""Raw tables become canonical ones, and every row is accounted for."""

import json
import textwrap

import numpy as np
import pandas as pd
import pytest

from oilcan.contract import parse_contract
from oilcan.core.ingest import MachineGroups, Malformed, RawPiece, ingest, machine_groups
from oilcan.ground.columns import ticks
from oilcan.ground.errors import ContractError, DataError

CONTRACT = """
    name: press_line
    version: 3
    description: Presses.
    source: {licence: CC0-1.0}
    time: {kind: instant, period: 1h}
    tables:
      telemetry:
        grain: one row per machine and hour
        files: [telemetry.csv]
        columns:
          machine_id: {from: press, type: text, unit: none, description: Press}
          time: {from: stamp, type: instant, unit: UTC, description: Reading}
          volt: {type: number, unit: V, description: Supply}
          oil: {type: number, unit: bar, nullable: true, description: Oil pressure}
      errors:
        grain: one row per error
        files: [errors.csv]
        columns:
          machine_id: {type: text, unit: none, description: Press}
          time: {type: instant, unit: UTC, description: Error}
          code: {type: text, unit: none, description: Code}
      failures:
        grain: one row per failure
        files: [failures.csv]
        exclude: [{column: time, equals: "2024-01-01 03:00", reason: first-day artefact}]
        columns:
          machine_id: {type: text, unit: none, description: Press}
          time: {type: instant, unit: UTC, description: Failure}
          mode: {type: text, unit: none, description: Part}
      machines:
        grain: one row per machine
        files: [machines.csv]
        columns:
          machine_id: {type: text, unit: none, description: Press}
          site: {type: text, unit: none, role: static, description: Site}
    failures: {from: table}
    tasks: {failure: {kind: failure_within, horizon: 24h, lead_time: 0h}}
    rows: {windows: [24h]}
    split: {by: time, validation: 0.2, test: 0.2}
    costs: {missed_failure_eur: 10, false_alarm_eur: 1, planned_repair_eur: 2}
"""


def contract(*changes):
    text = textwrap.dedent(CONTRACT)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_contract(text, "datasets/press_line.yaml")


def piece(rows, columns, file="a.csv", **words):
    frame = pd.DataFrame(rows, columns=columns.split(), dtype="str")
    return RawPiece(file, frame, np.arange(1, len(frame) + 1), **words)


READINGS = [
    ["A", "2024-01-01 00:00", "220", "4"],
    ["B", "2024-01-01 00:00", "230", ""],
    ["A", "2024-01-01 01:00", "221", "5"],
]


def raw(telemetry=READINGS, errors=(), failures=(), machines=(("A", "north"), ("B", "south"))):
    return {
        "telemetry": [piece(list(telemetry), "press stamp volt oil", "telemetry.csv")],
        "errors": [piece(list(errors), "machine_id time code", "errors.csv")],
        "failures": [piece(list(failures), "machine_id time mode", "failures.csv")],
        "machines": [piece(list(machines), "machine_id site", "machines.csv")],
    }


def run(tables, spec=None, share=1.0, **words):
    return ingest(tables, spec or contract(), max_rejected_share=share, **words)


def test_tables_are_renamed_cast_and_sorted():
    telemetry = run(raw()).tables["telemetry"]
    assert telemetry.columns.tolist() == ["machine_id", "time", "volt", "oil"]
    assert telemetry["machine_id"].tolist() == ["A", "A", "B"]
    assert telemetry["volt"].tolist() == [220.0, 221.0, 230.0]
    assert np.isnan(telemetry["oil"].iloc[2])
    assert str(telemetry["time"].dtype) == "datetime64[us, UTC]"


def test_all_tables_are_there_with_the_right_types_though_empty():
    tables = run(raw()).tables
    assert set(tables) == {"telemetry", "errors", "maintenance", "failures", "machines"}
    for name, last in {"errors": "code", "maintenance": "component", "failures": "mode"}.items():
        assert tables[name].columns.tolist() == ["machine_id", "time", last]
        assert tables[name].dtypes.astype(str).tolist() == ["str", "datetime64[us, UTC]", "str"]


def test_the_machines_table_says_since_when_and_where():
    machines = run(raw()).tables["machines"]
    assert machines["machine_id"].tolist() == ["A", "B"]
    assert machines["site"].tolist() == ["north", "south"]
    assert machines["last_time"].dt.hour.tolist() == [1, 0]
    assert not machines["is_test"].any()


def test_identical_rows_are_kept_once_and_others_of_a_key_refused():
    twins = [*READINGS, READINGS[1], ["B", "2024-01-01 00:00", "999", ""]]
    done = run(raw(twins))
    counts = done.counts["telemetry"]
    assert counts["duplicates_identical"] == 1
    assert counts["refused"] == {"duplicate key, other content": 1}
    assert done.tables["telemetry"]["volt"].tolist() == [220.0, 221.0, 230.0]
    assert json.loads(done.rejected["content"][0])["volt"] == "999"


def test_rows_out_of_order_are_sorted_and_counted():
    done = run(raw([READINGS[2], READINGS[0], READINGS[1]]))
    assert done.counts["telemetry"]["out_of_order"] == 1
    assert done.tables["telemetry"]["time"].dt.hour.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["A", "2024-01-01 09:00", "high", "4"], "volt: not a finite number"),
        (["A", "2024-01-01 09:00", "", "4"], "volt: missing"),
        (["", "2024-01-01 09:00", "220", "4"], "machine_id: missing"),
        (["A", "", "220", "4"], "time: missing"),
        (["A", "soon", "220", "4"], "time: no such instant in zone UTC"),
    ],
)
def test_a_bad_row_is_refused_with_its_place_and_content(row, reason):
    done = run(raw([*READINGS, row]))
    assert len(done.tables["telemetry"]) == 3
    assert done.counts["telemetry"]["refused"] == {reason: 1}
    line = done.rejected.iloc[0]
    assert (line["table"], line["file"], line["row"], line["reason"]) == ("telemetry", "telemetry.csv", 4, reason)
    assert json.loads(line["content"]) == dict(zip(["press", "stamp", "volt", "oil"], row, strict=True))


def test_readings_outside_the_physical_range_are_left_to_validate():
    spec = contract(("volt: {type: number, unit: V", "volt: {type: number, unit: V, range: [0, 250]"))
    done = run(raw([*READINGS, ["A", "2024-01-01 09:00", "9999", "4"]]), spec)
    assert done.counts["telemetry"]["kept"] == 4


def test_exclusions_are_counted_by_their_reason_and_not_refused():
    done = run(raw(failures=[["A", "2024-01-01 03:00:00", "seal"], ["A", "2024-01-02 03:00", "seal"]]))
    assert done.counts["failures"]["excluded"] == {"first-day artefact": 1}
    assert done.counts["failures"]["refused"] == {}
    assert len(done.tables["failures"]) == 1


def test_an_unknown_machine_in_an_event_table_is_refused():
    done = run(raw(errors=[["A", "2024-01-01 00:30", "E1"], ["Z", "2024-01-01 00:30", "E1"]]))
    assert done.counts["errors"]["refused"] == {"unknown machine": 1}
    assert done.tables["errors"]["machine_id"].tolist() == ["A"]


def test_an_unknown_machine_is_left_out_where_the_contract_says_so():
    spec = contract(("files: [errors.csv]", "files: [errors.csv]\n    unknown_machines: ignore"))
    done = run(raw(errors=[["Z", "2024-01-01 00:30", "E1"]]), spec, share=0.0)
    assert done.counts["errors"]["excluded"] == {"unknown machine": 1}


def test_a_listed_machine_without_telemetry_is_left_out_with_its_events():
    tables = raw(errors=[["C", "2024-01-01 00:30", "E1"]], machines=[("A", "n"), ("B", "s"), ("C", "s")])
    done = run(tables, share=0.0)
    assert done.counts["errors"]["excluded"] == {"machine without telemetry": 1}
    assert done.counts["machines"]["excluded"] == {"machine without telemetry": 1}


def test_too_many_refused_rows_are_one_error_that_lists_everything():
    tables = raw([*READINGS, ["A", "2024-01-01 09:00", "high", "4"]], errors=[["Z", "2024-01-01 00:30", "E1"]])
    with pytest.raises(DataError) as caught:
        run(tables, share=0.1)
    text = str(caught.value)
    assert "datasets/press_line.yaml v3" in text
    assert "telemetry: 1 of 4 rows refused (25.0%, allowed at most 10.0%)" in text
    assert "1 for 'volt: not a finite number', first in telemetry.csv row 4" in text
    assert "errors: 1 for 'unknown machine', first in errors.csv row 1" in text


def test_events_of_machines_written_differently_show_both_ways():
    with pytest.raises(DataError, match=r"errors: unknown are 'A-01', the telemetry has 'A', 'B'; write identifiers"):
        run(raw(errors=[["A-01", "2024-01-01 00:30", "E1"]]), share=0.1)


def test_where_the_telemetry_is_wrong_its_consequences_in_other_tables_are_not_told():
    bad = [[machine, "soon", volt, oil] for machine, _, volt, oil in READINGS]
    with pytest.raises(DataError) as caught:
        run(raw(bad, errors=[["A", "2024-01-01 00:30", "E1"]]), share=0.1)
    assert "3 for 'time: no such instant in zone UTC'" in str(caught.value)
    assert "unknown machine" not in str(caught.value)


def test_machines_written_differently_in_two_tables_are_told():
    with pytest.raises(DataError, match=r"2 of 2 machines of the telemetry have no row .*identifiers written alike"):
        run(raw(machines=[("M-A", "north"), ("M-B", "south")]), share=0.1)


def test_mixed_time_zones_stop_the_run_whatever_the_share():
    with pytest.raises(DataError, match="telemetry: time: time zones are mixed"):
        run(raw([*READINGS, ["A", "2024-01-01T09:00:00+02:00", "220", "4"]]))


def test_no_telemetry_left_is_an_error():
    with pytest.raises(DataError, match="telemetry: no row is left"):
        run(raw([["A", "2024-01-01 09:00", "high", "4"]]))


def test_rows_that_could_not_be_cut_are_refused_and_counted():
    tables = raw()
    bad = Malformed(4, "wrong number of cells (found 2, wanted 4)", "A,2024")
    tables["telemetry"] = [RawPiece("t.csv", tables["telemetry"][0].frame, np.array([1, 2, 3]), malformed=(bad,))]
    done = run(tables)
    assert done.counts["telemetry"]["read"] == 4
    assert done.rejected[["file", "row"]].iloc[0].tolist() == ["t.csv", 4]


PERSONAL = ("site: {type: text, unit: none, role: static,", "site: {type: text, unit: none, personal: WORD,")


def test_a_personal_column_is_dropped():
    done = run(raw(), contract((PERSONAL[0], PERSONAL[1].replace("WORD", "drop"))))
    assert "site" not in done.tables["machines"]


def test_a_personal_column_is_hashed_by_the_key_and_never_shown():
    spec = contract((PERSONAL[0], PERSONAL[1].replace("WORD", "hash")))
    tables = raw(machines=[("A", "ann"), ("B", "bob"), ("A", "eve")])
    done = run(tables, spec, hash_key=b"secret")
    assert done.tables["machines"]["site"].str.fullmatch("[0-9a-f]{64}").all()
    assert json.loads(done.rejected["content"][0]) == {"machine_id": "A", "site": "(personal)"}


def test_hashing_without_a_key_is_refused():
    with pytest.raises(DataError, match=r"OILCAN_HASH_KEY: not set.*machines\.site"):
        run(raw(), contract((PERSONAL[0], PERSONAL[1].replace("WORD", "hash"))), hash_key=b"")


def test_the_input_is_not_changed():
    tables = raw([*READINGS, READINGS[0]])
    before = {name: pieces[0].frame.copy() for name, pieces in tables.items()}
    run(tables)
    for name, pieces in tables.items():
        pd.testing.assert_frame_equal(pieces[0].frame, before[name])


@pytest.mark.parametrize("cuts", [(), (2,), (4, 8), (2, 4, 6, 8)])
def test_machine_groups_hold_whole_machines_and_no_small_files_whatever_the_parts(monkeypatch, cuts):
    monkeypatch.setattr(machine_groups, "ROWS_PER_PARTITION", 4)
    telemetry = pd.DataFrame({"machine_id": list("aabbccddee"), "x": range(10)})
    cutting, groups = MachineGroups(machines_per_partition=1), []
    for start, end in zip([0, *cuts], [*cuts, 10], strict=True):
        groups += cutting.add(telemetry.iloc[start:end])
    groups += cutting.rest()
    assert [sorted(set(group["machine_id"])) for group in groups] == [["a", "b"], ["c", "d", "e"]]
    pd.testing.assert_frame_equal(pd.concat(groups, ignore_index=True), telemetry)


ELAPSED = """
name: bench
version: 1
description: Runs on a test bench, timed in minutes.
source: {licence: our own}
time: {kind: elapsed, unit: min, period: 1min}
tables:
  telemetry:
    grain: one row per run and minute
    files: [runs.csv]
    columns:
      machine_id: {from: run, type: text, unit: none, description: Run}
      time: {from: minutes, type: number, unit: min, description: Running time}
      heat: {type: number, unit: degC, description: Heat}
failures: {from: end_of_life, mode: worn}
tasks: {rul: {kind: rul}}
rows: {windows: [5min]}
split: {by: machine, validation: 0.2, test: 0.2}
costs: {missed_failure_eur: 10, false_alarm_eur: 1, planned_repair_eur: 2}
"""


def test_running_time_is_counted_in_its_unit_and_never_called_a_date_or_a_cycle():
    spec = parse_contract(ELAPSED, "bench.yaml")
    frame = pd.DataFrame({"run": "r1", "minutes": ["0", "0.5", "61.25"], "heat": ["1", "2", "3"]})
    done = ingest({"telemetry": [RawPiece("runs.csv", frame, np.arange(1, 4))]}, spec)
    time = done.tables["telemetry"]["time"]
    assert ticks(time).tolist() == pytest.approx([0, 0.5 / 60, 61.25 / 60])
    assert [spec.time.plain(moment) for moment in time] == [0.0, 0.5, 61.25]
    assert spec.time.plain(done.tables["failures"]["time"][0]) == 61.25


def test_the_time_of_running_time_is_a_number():
    with pytest.raises(ContractError,
         match=r"time: type is 'integer', wanted 'number' because time\.kind is 'elapsed'"):
        parse_contract(ELAPSED.replace("minutes, type: number", "minutes, type: integer"), "bench.yaml")
