"""Whatever the raw rows are: read = kept + excluded + refused + identical duplicates."""

import textwrap

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pandas as pd

from oilcan.contract import parse_contract
from oilcan.core.ingest import RawPiece, ingest
from oilcan.core.ingest.tables import machine_names
from oilcan.ground.errors import DataError

CONTRACT = parse_contract(textwrap.dedent("""
    name: any
    version: 1
    description: Any.
    source: {licence: CC0-1.0}
    time: {kind: instant, period: 1h}
    tables:
      telemetry:
        grain: one row
        files: [a.csv]
        missing: ["", NA]
        exclude: [{column: volt, equals: 7, reason: test run}]
        columns:
          machine_id: {type: text, unit: none, description: Machine}
          time: {type: instant, unit: UTC, description: Reading}
          volt: {type: number, unit: V, nullable: true, description: Supply}
          mode: {type: text, unit: none, values: [run, idle], description: Mode}
      maintenance:
        grain: one row
        files: [b.csv]
        columns:
          machine_id: {type: text, unit: none, description: Machine}
          time: {type: instant, unit: UTC, description: Job}
          component: {type: text, unit: none, description: Part}
      failures:
        grain: one row
        files: [c.csv]
        columns:
          machine_id: {type: text, unit: none, description: Machine}
          time: {type: instant, unit: UTC, description: Failure}
          mode: {type: text, unit: none, description: Part}
    failures: {from: table}
    tasks: {failure: {kind: failure_within, horizon: 24h, lead_time: 0h}}
    rows: {windows: [24h]}
    split: {by: time, validation: 0.2, test: 0.2}
    costs: {missed_failure_eur: 10, false_alarm_eur: 1, planned_repair_eur: 2}
"""), "datasets/any.yaml")

MACHINE = st.sampled_from(["A", "B", " A ", "", "NA"])
TIME = st.sampled_from(["2024-01-01", "2024-01-01 01:00", "2024-01-02", "noon", ""])
VOLT = st.sampled_from(["1", "2.5", "7", "", "x", "inf"])
READING = st.tuples(MACHINE, TIME, VOLT, st.sampled_from(["run", "idle", "?"]))
EVENT = st.tuples(st.sampled_from(["A", "B", "Z", ""]), TIME, st.sampled_from(["seal", "motor", ""]))
FILES = st.lists(st.lists(READING, max_size=8), min_size=1, max_size=3)


def pieces(files, columns):
    for number, rows in enumerate(files):
        frame = pd.DataFrame(list(rows), columns=columns, dtype="str")
        yield RawPiece(f"{number}.csv", frame, np.arange(1, len(frame) + 1))


def tables_of(files, events):
    return {
        "telemetry": list(pieces(files, ["machine_id", "time", "volt", "mode"])),
        "maintenance": list(pieces([events], ["machine_id", "time", "component"])),
        "failures": list(pieces([[]], ["machine_id", "time", "mode"])),
    }


def run(files, events):
    try:
        return ingest(tables_of(files, events), CONTRACT, max_rejected_share=1.0)
    except DataError as err:
        hypothesis.assume("no row is left" not in str(err))
        raise


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(files=FILES, events=st.lists(EVENT, max_size=8))
def test_every_row_read_is_kept_or_accounted_for(files, events):
    done = run(files, events)
    for name, rows in {"telemetry": sum(map(len, files)), "maintenance": len(events)}.items():
        count = done.counts[name]
        assert count["read"] == rows
        assert count["kept"] == len(done.tables[name])
        assert count["read"] == (count["kept"] + sum(count["excluded"].values()) + sum(count["refused"].values())
                                 + count["duplicates_identical"])
        assert (done.rejected["table"] == name).sum() == sum(count["refused"].values())


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(files=FILES, events=st.lists(EVENT, max_size=8))
def test_canonical_tables_are_sorted_and_unique_by_key(files, events):
    done = run(files, events)
    for name, key in {"telemetry": ["machine_id", "time"], "maintenance": ["machine_id", "time", "component"]}.items():
        table = done.tables[name]
        assert not table.duplicated(key).any()
        pd.testing.assert_frame_equal(table, table.sort_values(key, ignore_index=True))


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(files=FILES)
def test_how_rows_are_spread_over_files_changes_nothing(files):
    together = [[row for rows in files for row in rows]]
    apart, one = run(files, []), run(together, [])
    pd.testing.assert_frame_equal(apart.tables["telemetry"], one.tables["telemetry"])
    assert apart.counts == one.counts


def of_machines(piece, wanted, number):
    names = machine_names(piece, CONTRACT.tables["telemetry"], None).fillna("")
    mine = names.isin(wanted).to_numpy()
    return RawPiece(piece.file, piece.frame[mine].reset_index(drop=True), piece.rows[mine], number=number)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(files=FILES, events=st.lists(EVENT, max_size=8))
def test_telemetry_in_parts_of_whole_machines_makes_the_same_tables(files, events):
    whole, frames = run(files, events), []
    raw = tables_of(files, events)
    telemetry = raw.pop("telemetry")
    parts = [{"telemetry": [of_machines(piece, wanted, number) for number, piece in enumerate(telemetry)]}
             for wanted in (("", "A"), ("B",))]
    done = ingest(raw, CONTRACT, max_rejected_share=1.0, parts=parts, take=lambda _, rows: frames.append(rows))
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), whole.tables["telemetry"])
    pd.testing.assert_frame_equal(done.rejected, whole.rejected)
    assert done.counts == whole.counts
