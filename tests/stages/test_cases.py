"""Situations of people who do this job: each file is read right, or refused in one message with a way forward.

The names are those of the situations as they were collected. `ELSEWHERE` says where those are tested
that are not about reading files.
"""

import re
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.stages.in_parts import assert_same_in_parts
from tests.stages.pipeline import place, run_stages

from oilcan.contract import parse_contract
from oilcan.core.ingest import examine
from oilcan.ground.errors import DataError, OilcanError
from oilcan.io.raw_data.reading import read_raw

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "07-draft-drops-sensor": "stages/test_draft_cases.py::test_words_among_numbers_do_not_lose_a_sensor",
    "20-file-name-with-brackets": "stages/test_draft_cases.py::test_names_with_glob_characters_are_found_again",
    "21-summary-zero-as-dash": "unit/test_cli.py::test_a_zero_is_printed_as_zero",
    "22-checkout-in-a-path-with-umlaut": "unit/test_preflight.py::test_a_path_that_is_not_ascii_is_announced",
    "ok-01-worktree-shallow-clone":
        "repo/test_reproducible.py::test_a_worktree_and_a_shallow_clone_give_the_same_bytes",
    "ok-02-path-with-blanks-umask-no-home":
        "repo/test_reproducible.py::test_dvc_lock_is_byte_identical_on_a_fresh_checkout_under_awkward_circumstances",
    "ok-11-two-failures-in-all": "stages/test_cases.py::test_two_failures_in_all_are_refused_where_parts_are_made",
    "ok-14-service-traffic": "service/test_hostile.py::test_what_plants_send_is_taken_or_refused_each_by_itself",
}
BASE = """
name: case
version: 1
description: A case.
source: {licence: our own}
time: {kind: instant, zone: UTC, period: 1h, max_gap: 6h}
tables:
  telemetry:
    grain: one row per machine and instant
    files: [readings.csv]
    columns:
      machine_id: {from: machine, type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Reading}
      temp: {type: number, unit: degC, description: Temperature}
      press: {type: number, unit: bar, description: Pressure}
  failures:
    grain: one row per breakdown
    files: [failures.csv]
    columns:
      machine_id: {from: machine, type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Stop}
      mode: {type: text, unit: none, description: What broke}
failures: {from: table}
tasks:
  failure: {kind: failure_within, horizon: 24h, lead_time: 2h}
rows: {stride: 2h, windows: [6h]}
split: {by: time, validation: 0.2, test: 0.25}
costs: {missed_failure_eur: 10000, false_alarm_eur: 300, planned_repair_eur: 2000}
"""
START = pd.Timestamp("2024-01-01", tz="UTC")
HOURS = range(48)
MACHINES = ("M01", "M02")
FAILED = [("M01", 20), ("M02", 30)]


def iso(hour):
    return f"{START + pd.Timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"


def local(form, zone=None):
    return lambda hour: format((START + pd.Timedelta(hours=hour)).tz_convert(zone or "UTC"), form)


def epoch(factor):
    return lambda hour: str(round((START + pd.Timedelta(hours=hour)).timestamp() * factor))


def readings(stamp=iso, names=MACHINES, header="machine,time,temp,press", row="{machine},{time},{temp:.2f},{press:.3f}",
             above="", below=""):
    lines = [row.format(machine=name, time=stamp(hour), temp=60 + hour % 7, press=5 + hour / 100, hour=hour)
             for name in names for hour in HOURS]
    return above + "\n".join([header, *lines]) + "\n" + below


def failures(stamp=iso, failed=FAILED, header="machine,time,mode", row="{machine},{time},seal", below=""):
    lines = [row.format(machine=name, time=stamp(hour), end=stamp(hour + 5)) for name, hour in failed]
    return "\n".join([header, *lines]) + "\n" + below


def table(name, *words):
    """A change of the contract: further words of one table."""
    files = f"files: [{name}.csv]"
    return files, "\n    ".join([files, *words])


@dataclass(frozen=True)
class Case:
    """Files, changes of the contract, and what must come out: figures, or the words of one refusal."""

    name: str
    files: dict = field(default_factory=dict)
    changes: tuple = ()
    kept: int = 96
    failures: int = 2
    machines: int = 2
    start: str = "2024-01-01T00:00:00+00:00"
    failed: str | None = "2024-01-01T20:00:00+00:00"
    excluded: dict = field(default_factory=dict)
    refused: dict = field(default_factory=dict)
    warns: str = ""
    says: tuple = ()                                # of a refusal: each must stand in its message


UNTIL = ("      mode: {type: text", "      until: {from: end, type: instant, unit: UTC, nullable: true, "
         "description: End}\n      mode: {type: text")
FLAG = (("failures: {from: table}", "failures: {from: flag, column: down}"),
        ("      press:", "      down: {type: flag, unit: none, description: Down}\n      press:"))
TIME = "time: {type: instant, unit: UTC, description: Reading"
STOP = "time: {type: instant, unit: UTC, description: Stop"
STOPS = failures(header="machine,time,end,mode", row="{machine},{time},{end},seal")
REMARKS = failures(failed=[("M01", hour) for hour in range(1, 21)], header="machine;time;mode;remark",
                   row="{machine};{time};seal;seal replaced").replace("04:00:00Z;seal;seal", '04:00:00Z;seal;"leak')
QUOTE = table("failures", 'separator: ";"', "unlisted: ignore")
DOWN = [f"{name},{iso(hour)},60,5,{int(10 <= hour % 24 < 20)}" for name in MACHINES for hour in HOURS]
DOWN_FILE = "\n".join(["machine,time,temp,press,down", *DOWN, ""])
DEAD_FILE = DOWN_FILE.replace(f"{iso(10)},60,5,1", f"{iso(10)},60,,1")

CASES = [
    Case("01-unclosed-quote", {"failures.csv": REMARKS.replace("12:00:00Z;seal;seal", '12:00:00Z;seal;3/4" torn seal')},
         (QUOTE,), says=("failures.csv: line 5: a quoted cell goes on to line 13", "quote: none")),
    Case("01-unclosed-quote", {"failures.csv": REMARKS}, (QUOTE,), says=("line 5", "open at the end of the file")),
    Case("01-unclosed-quote", {"failures.csv": REMARKS},
         (table("failures", 'separator: ";"', "unlisted: ignore", "quote: none"),),
         failures=20, machines=2, failed="2024-01-01T01:00:00+00:00"),
    Case("02-literal-z", {"readings.csv": readings(local("%Y-%m-%dT%H:%M:%S.%fZ")),
                          "failures.csv": failures(local("%d.%m.%Y %H:%M", "Asia/Kolkata"))},
         (("zone: UTC", "zone: Asia/Kolkata"), (TIME, TIME + ', format: "%Y-%m-%dT%H:%M:%S.%fZ"'),
          (STOP, STOP + ', format: "%d.%m.%Y %H:%M"'))),
    Case("03-flag-held-during-stop", {"readings.csv": DOWN_FILE}, FLAG, kept=60, failures=4,
         failed="2024-01-01T10:00:00+00:00", excluded={"the machine is down": 36}),
    Case("05-ids-above-2-53", {"readings.csv": readings(names=("9007199254740992000", "9007199254740992001")),
                               "failures.csv": failures(failed=[("9007199254740992001", 20), ("9007199254740992000",
                               30)])},
         (("type: text, unit: none, description: Machine", "type: integer, unit: none, description: Machine"),)),
    Case("06-failure-in-a-refused-row", {"readings.csv": DEAD_FILE},
         (*FLAG, ("costs:", "limits: {max_rejected_share: 0.05}\ncosts:")), kept=58, failures=4,
         failed="2024-01-01T10:00:00+00:00", excluded={"the machine is down": 36}, refused={"press: missing": 2}),
    Case("06-failure-in-a-refused-row", {"readings.csv": DOWN_FILE.replace(iso(10), "noon")}, FLAG,
         says=("2 rows whose down is true have no valid machine or time", "exclude")),
    Case("06-failure-in-a-refused-row", {"failures.csv": failures(below=f"M01,{iso(40)},\n")},
         says=("failures: 1 of 3 failures would be lost, refused for 'mode: missing'", "row 3", "exclude")),
    Case("08-stop-as-interval", {"failures.csv": STOPS},
         (UNTIL,), kept=88, excluded={"inside a stop": 8}),
    Case("08-stop-as-interval", {"failures.csv": STOPS},
         ((UNTIL[0], UNTIL[1].replace("until: {from: end,", "end: {")),), warns="call the column `until`"),
    Case("09-zone-and-format-tracebacks", changes=(("zone: UTC", "zone: W. Europe Standard Time"),),
         says=("time.zone: no such time zone (found 'W. Europe Standard Time'", "Europe/Berlin")),
    Case("09-zone-and-format-tracebacks", changes=((TIME, TIME + ', format: "%s"'),),
         says=("columns.time.format: unknown directives %s", "epoch_s")),
    *(Case("10-epoch-and-utc-suffix", {"readings.csv": readings(epoch(factor)),
         "failures.csv": failures(epoch(factor))},
           ((TIME, f"{TIME}, format: {word}"), (STOP, f"{STOP}, format: {word}")))
      for word, factor in (("epoch_s", 1), ("epoch_ms", 1000), ("epoch_us", 1_000_000))),
    Case("10-epoch-and-utc-suffix", {"readings.csv": readings(epoch(1000))},
         says=("96 for 'time: no such instant", "is it `format: epoch_ms`?", "first in readings.csv row 1")),
    Case("10-epoch-and-utc-suffix", {"readings.csv": readings(epoch(1))}, ((TIME, f"{TIME}, format: epoch_ms"),),
         says=("all instants lie before 1971",)),
    Case("10-epoch-and-utc-suffix", {"readings.csv": readings(local("%Y-%m-%d %H:%M:%S UTC"))}),
    Case("11-check-hides-reasons", {"readings.csv": DOWN_FILE.replace(",1\n", ",ON\n").replace(",0\n", ",OFF\n")}, FLAG,
         kept=60, failures=4, failed="2024-01-01T10:00:00+00:00", excluded={"the machine is down": 36}),
    Case("11-check-hides-reasons", {"readings.csv": DOWN_FILE.replace(",1\n", ",RUN\n").replace(",0\n", ",OFF\n")},
         FLAG,
         says=("not a flag", '"down": "RUN"')),
    Case("13-thousands", {"readings.csv": readings(header="machine;time;temp;press",
         row="{machine};{time};2.956,5;{press:.2f}")
                          .replace(";5.", ";5,")},
         (table("readings", 'separator: ";"', 'decimal: ","', 'thousands: "."'),)),
    Case("13-thousands", {"readings.csv": readings(row="{machine},{time},1.{hour:03d},950").replace(",1.040,", ",1,")},
         warns="thousands: '.'"),
    Case("13-thousands", {"readings.csv": readings(header="machine;time;temp;press",
         row="{machine};{time};2.956,5;{press:.2f}").replace(";5.", ";5,")},
         (table("readings", 'separator: ";"', 'decimal: ","'),),
         says=("if '.' separates thousands, say `thousands: '.'`", "first in readings.csv row 1")),
    Case("14-rows-around-the-header", {"readings.csv": readings(above="# logger 7\n# zone UTC\n")},
         says=("column 'machine' is missing", "comment: '#'")),
    Case("14-rows-around-the-header", {"readings.csv": readings(above="# logger 7\n# zone UTC\n")},
         (table("readings", 'comment: "#"'),)),
    Case("14-rows-around-the-header", {"readings.csv": readings(above="sep=,\n")}, says=("skip_lines: 1",)),
    Case("14-rows-around-the-header", {"readings.csv": readings(above="sep=,\n")},
         (table("readings", "skip_lines: 1"),)),
    Case("14-rows-around-the-header", {"readings.csv": readings().replace("\n", ",,\n")},
         (table("readings", "unlisted: ignore"),)),
    Case("14-rows-around-the-header", {"readings.csv": readings(header="machine,time,temp,press,spare,spare",
                                                                row="{machine},{time},1,2,3,4")},
         (table("readings", "unlisted: ignore"),)),
    Case("14-rows-around-the-header", {"readings.csv": readings(below=",,,\n" * 30),
         "failures.csv": failures(below=",,\n" * 9)},
         excluded={"no cell is filled": 30}),
    Case("15-id-in-file-name", {f"{name}.csv": readings(names=(name,), header="time,temp,press",
                                                        row="{time},{temp},{press}") for name in MACHINES},
         (("files: [readings.csv]", 'files: ["M*.csv"]'),
         ("from: machine, type: text, unit: none, description: Machine}\n"
          "      time: {type: instant, unit: UTC, description: Reading", "from: file_name, type: text, unit: none, "
          "description: Machine}\n      time: {type: instant, unit: UTC, description: Reading"))),
    Case("16-long-table-and-two-time-columns",
         {"readings.csv": readings(header="machine,time,tag,value",
         row="{machine},{time},temp,{temp}\n{machine},{time},press,5")},
         (table("readings", "pivot: {tag: tag, value: value}"),
          ("temp: {type", "temp: {from_tag: temp, type"), ("press: {type", "press: {from_tag: press, type"))),
    Case("16-long-table-and-two-time-columns",
         {"readings.csv": readings(local("%d/%m/%Y,%H:%M"), header="machine,Date,Clock,temp,press")},
         ((TIME, TIME.replace("{type", "{from: [Date, Clock], type") + ', format: "%d/%m/%Y %H:%M"'),)),
    Case("16-long-table-and-two-time-columns",
         {"readings.csv": readings(local("%Y-%m-%d,%H:%M"), header="machine,time,Clock,temp,press")},
         (table("readings", "unlisted: ignore"),),
         says=("several rows of a machine have the same time", "from: [Date, Clock]", "pivot")),
    Case("17-hour-24-and-month-names",
         {"readings.csv": re.sub(r"01\.01\.2024 00:00", "31.12.2023 24:00", readings(local("%d.%m.%Y %H:%M")))},
         ((TIME, TIME + ', format: "%d.%m.%Y %H:%M"'),)),
    Case("17-hour-24-and-month-names",
         {"readings.csv": readings(local("%d-gen-%Y %H:%M"))},
         ((TIME, TIME + ', format: "%d-%b-%Y %H:%M", locale: it'),)),
    Case("17-hour-24-and-month-names", {"readings.csv": readings(local("%d-gen-%Y %H:%M"))},
         ((TIME, TIME + ', format: "%d-%b-%Y %H:%M"'),),
         says=("names of months in another language need `locale`", "first in readings.csv row 1")),
    Case("18-columns-that-come-later",
         {"q1.csv": readings(names=("M01",), header="machine,time,temp", row="{machine},{time},{temp}"),
          "q2.csv": readings(names=("M02",))},
         (("files: [readings.csv]", 'files: ["q*.csv"]'), ("press: {type", "press: {optional: true, type"))),
    Case("19-open-orders-and-part-cycles",
         {"failures.csv": failures(header="machine,time,end,mode", row="{machine},{time},{end},seal",
                                   below=f"M01,{iso(40)},,seal\n")}, (UNTIL,), kept=81, failures=3,
         excluded={"inside a stop": 15}),
    Case("19-open-orders-and-part-cycles",
         {"failures.csv": failures(header="machine,start,time,mode", row="{machine},{time},{time},seal",
                                   below=f"M01,{iso(40)},,seal\n")},
         (table("failures", "unlisted: ignore", "exclude: [{column: time, missing: true, reason: open order}]"),)),
    Case("19-open-orders-and-part-cycles",
         {"readings.csv": readings(lambda hour: f"{hour * 1.2 + 0.2:.1f}"),
         "failures.csv": failures(lambda hour: f"{hour}.4")},
         (("kind: instant, zone: UTC, period: 1h, max_gap: 6h", "kind: cycle, period: 12 cycles"),
          ("type: instant, unit: UTC", "type: integer, unit: cycles, factor: 10"), ("horizon: 24h, lead_time: 2h",
           "horizon: 200 cycles, lead_time: 12 cycles"), ("stride: 2h, windows: [6h]", "windows: [60 cycles]"),
          ("by: time", "by: machine")), start="2", failed="204"),
    Case("19-open-orders-and-part-cycles", {"jobs.csv": f"machine,time,component\nALL,{iso(9)},filter\n"},
         (("failures:\n    grain", "maintenance:\n    grain: one row per job\n    files: [jobs.csv]\n    "
           "all_machines: [ALL]\n    columns:\n"
           "      machine_id: {from: machine, type: text, unit: none, description: M}\n"
           "      time: {type: instant, unit: UTC, description: T}\n"
           "      component: {type: text, unit: none, description: C}\n"
           "  failures:\n    grain"),)),
    Case("19-open-orders-and-part-cycles",
         {"readings.csv": readings(lambda hour: f"{hour * 1.2 + 0.2:.1f}"), "failures.csv": failures(str)},
         (("kind: instant, zone: UTC, period: 1h, max_gap: 6h", "kind: cycle, period: 1 cycle"),
          ("type: instant, unit: UTC", "type: integer, unit: cycles"), ("horizon: 24h, lead_time: 2h",
           "horizon: 20 cycles, lead_time: 1 cycle"), ("stride: 2h, windows: [6h]", "windows: [6 cycles]"),
          ("by: time", "by: machine")), says=("time: not a whole number; `factor` makes parts of a unit whole",)),
    Case("23-two-naive-clocks", {"readings.csv": readings(local("%Y-%m-%d %H:%M")),
                                 "failures.csv": failures(local("%Y-%m-%d %H:%M", "America/Chicago"))},
         (table("failures", "zone: America/Chicago"),)),
    Case("ok-03-historian-words-listed", {"readings.csv": readings().replace("60.00", "Bad Input")},
         (table("readings", 'missing: ["", Bad Input]'), ("temp: {type",
          "temp: {nullable: true, type"))),
    Case("ok-05-readings-utc-log-local", {"failures.csv": failures(local("%Y-%m-%d %H:%M:%S", "America/Chicago"))},
         (("zone: UTC", "zone: America/Chicago"),)),
    Case("ok-06-period-start-stamps", changes=((TIME, TIME + ", shift: 1h"),), start="2024-01-01T01:00:00+00:00"),
    Case("ok-07-nul-tail", {"readings.csv": readings(below="\x00" * 500)},
         refused={"wrong number of cells (found 1, wanted 4)": 1}),
    Case("ok-08-line-breaks-in-header", {"readings.csv": readings(header='machine,time,"temp\n(degC)",press')},
         (('temp: {type', 'temp: {from: "temp\\n(degC)", type'),)),
    Case("ok-08-line-breaks-in-header", {"readings.csv": readings(header="machine,time,temp,press\n,,degC,bar")},
         (table("readings", "skip_rows: 1"),)),
    Case("ok-09-header-only-file", {"readings_1.csv": readings(), "readings_2.csv": "machine,time,temp,press\n"},
         (("files: [readings.csv]", 'files: ["readings_*.csv"]'),)),
    Case("ok-12-ids-composed-and-decomposed",
         {"readings.csv": readings(names=("Präg", "M02")), "failures.csv": failures(failed=[("Pra\u0308g", 20), ("M02",
         30)])},
         says=("1 for 'unknown machine'", "only in case, blanks, zeros in front or form of its letters", "map")),
    Case("ok-13-utf16-spreadsheet-text",
         {"readings.csv": readings(local("%d.%m.%Y %H:%M")).replace(",", "\t").replace("5.", "5,").encode("utf-16")},
         (table("readings", 'separator: "\\t"', "encoding: utf-16", 'decimal: ","', "unlisted: ignore"), (TIME,
         TIME + ', format: "%d.%m.%Y %H:%M"'), ("temp: {type", "temp: {from: press, type"))),
]


def examined(case, folder):
    text = BASE
    for old, new in case.changes:
        assert old in text, old
        text = text.replace(old, new)
    if "failures: {from: flag" in text:
        text = re.sub(r"(?s)  failures:\n    grain.*?(?=failures: \{)", "", text)
    for name, content in ({"readings.csv": readings(), "failures.csv": failures()} | case.files).items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    contract = parse_contract(text, "datasets/case.yaml")
    whole = examine(read_raw(contract, folder), contract)
    assert_same_in_parts(whole, contract, folder)
    return whole


def ids():
    seen: dict[str, int] = {}
    for case in CASES:
        seen[case.name] = seen.get(case.name, 0) + 1
        yield case.name if seen[case.name] == 1 else f"{case.name}-{seen[case.name]}"


@pytest.mark.parametrize("case", [case for case in CASES if not case.says],
                         ids=[name for name, case in zip(ids(), CASES, strict=True) if not case.says])
def test_a_file_is_read_right(case, tmp_path):
    done = examined(case, tmp_path)
    assert done.breaches == []
    tables, counts = done.canonical.tables, done.counts["telemetry"]
    assert (len(tables["telemetry"]), len(tables["failures"])) == (case.kept, case.failures)
    assert tables["telemetry"]["machine_id"].nunique() == case.machines
    assert (counts["excluded"], counts["refused"]) == (case.excluded, case.refused)
    assert as_text(tables["telemetry"]["time"].min()) == case.start
    assert as_text(tables["failures"]["time"].min()) == case.failed
    assert bool(case.warns) == bool(done.warnings)
    assert case.warns in " ".join(done.warnings)


def as_text(time):
    return time.isoformat() if isinstance(time, pd.Timestamp) else str(time)


@pytest.mark.parametrize("case", [case for case in CASES if case.says],
                         ids=[name for name, case in zip(ids(), CASES, strict=True) if case.says])
def test_a_file_is_refused_with_a_way_forward(case, tmp_path):
    try:
        message = "\n".join(examined(case, tmp_path).breaches)
    except OilcanError as err:
        message = str(err)
    for part in case.says:
        assert part in message


def test_numbers_of_the_cases_are_the_true_ones(tmp_path):
    by_name = dict(zip(ids(), CASES, strict=True))
    thousands = examined(by_name["13-thousands"], tmp_path).canonical.tables["telemetry"]
    assert set(thousands["temp"]) == {2956.5}
    spreadsheet = examined(by_name["ok-13-utf16-spreadsheet-text"], tmp_path).canonical.tables["telemetry"]
    assert np.allclose(sorted(spreadsheet["temp"].unique()), [5 + hour / 100 for hour in HOURS])
    long = examined(by_name["16-long-table-and-two-time-columns"], tmp_path).canonical.tables["telemetry"]
    assert set(long["press"]) == {5.0}
    assert sorted(long["temp"].unique()) == [60 + day for day in range(7)]


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize("kind", ["text", "integer"])
@pytest.mark.parametrize("with_missing", [False, True])
def test_identifiers_never_lose_a_digit(tmp_path, file_format, kind, with_missing):
    names = [2**53 + 1, 2**53 + 2, 101]
    rows = pd.DataFrame({"machine": pd.array(names + [None] * with_missing, dtype="Int64"), "time": iso(0)})
    rows = rows.assign(temp=1.0, press=2.0)
    changes = [("type: text, unit: none, description: Machine", f"type: {kind}, unit: none, description: Machine")]
    if file_format == "parquet":
        changes.append(("files: [readings.csv]", "files: [readings.parquet]\n    format: parquet"))
        rows.to_parquet(tmp_path / "readings.parquet", index=False)
    case = Case("ids", {"failures.csv": failures(failed=[(str(names[0]), 0)]),
         "readings.csv": rows.to_csv(index=False)},
                tuple(changes))
    done = examined(case, tmp_path)
    refused = {"machine_id: missing": 1} if with_missing else {}
    assert done.counts["telemetry"]["refused"] == refused
    assert done.canonical.tables["telemetry"]["machine_id"].tolist() == sorted(map(str, names))


PARQUET = ("files: [readings.csv]", "files: [readings.parquet]\n    format: parquet")
DAYS = [date(2024, 1, 1), date(2024, 1, 2)]
CLOCK = (TIME, TIME.replace("{type", "{from: [time, clock], type"))


def parquet(tmp_path, columns, *changes):
    """What becomes of two readings in a Parquet file, of one machine at 00:00 and 01:00 unless said otherwise."""
    rows = pd.DataFrame({"machine": ["M01", "M01"], "time": [iso(0), iso(1)], "temp": 1.0, "press": 2.0} | columns)
    rows.to_parquet(tmp_path / "readings.parquet", index=False)
    failed = failures(failed=[(as_name(rows["machine"].iloc[0]), 0)])
    return examined(Case("types", {"failures.csv": failed}, (PARQUET, *changes)), tmp_path)


def as_name(machine):
    return machine.decode(errors="replace") if isinstance(machine, bytes) else str(machine)


@pytest.mark.parametrize(("columns", "changes", "column", "wanted"), [
    ({"time": DAYS}, (("zone: UTC", "zone: Europe/Berlin"),), "time",
     ["2023-12-31T23:00:00+00:00", "2024-01-01T23:00:00+00:00"]),
    ({"time": DAYS, "clock": [time(10), time(11)]}, (CLOCK,), "time",
     ["2024-01-01T10:00:00+00:00", "2024-01-02T11:00:00+00:00"]),
    ({"time": DAYS, "clock": ["10:00", "11:00"]}, (CLOCK,), "time",
     ["2024-01-01T10:00:00+00:00", "2024-01-02T11:00:00+00:00"]),
    ({"press": [Decimal("1.5"), Decimal("2.5")]}, (), "press", ["1.5", "2.5"]),
    ({"press": [b"1", b"2"]}, (), "press", ["1.0", "2.0"]),
    ({"press": np.array([1, 2], "float16")}, (), "press", ["1.0", "2.0"]),
    ({"machine": [b"M1", b"M2"]}, (), "machine_id", ["M1", "M2"]),
    ({"machine": [Decimal(2**60 + 1), Decimal(2**60 + 2)]}, (), "machine_id", [str(2**60 + 1), str(2**60 + 2)]),
    ({"machine": pd.Categorical(["b", "c"])}, (), "machine_id", ["b", "c"]),
])
def test_every_type_of_a_parquet_file_is_read(tmp_path, columns, changes, column, wanted):
    done = parquet(tmp_path, columns, *changes)
    assert done.breaches == []
    assert [as_text(value) for value in done.canonical.tables["telemetry"][column]] == wanted


@pytest.mark.parametrize(("columns", "message"), [
    ({"press": [[1.0], [2.0]]}, "column 'press' holds list<element: double>, which is no single value"),
    ({"machine": [b"\xff", b"M2"]}, "column 'machine' holds bytes that are no UTF-8 text"),
])
def test_cells_of_a_parquet_file_that_are_no_value_are_refused_by_name(tmp_path, columns, message):
    with pytest.raises(DataError, match=re.escape(message)):
        parquet(tmp_path, columns)


@pytest.mark.parametrize("ids", [np.array([2.0**53, 1]), np.array([2**24, 1], "float32")])
def test_identifiers_that_a_float_may_have_changed_are_refused(tmp_path, ids):
    done = parquet(tmp_path, {"machine": ids})
    assert done.counts["telemetry"]["refused"] == {"machine_id: a number too large to be exact": 1}


def test_whole_numbers_written_differently_are_one_identifier_and_an_exponent_is_none(tmp_path):
    case = Case("ids", {"readings.csv": readings(names=("-0", "0", "00", "1e5")),
                        "failures.csv": failures(failed=[("0", 9)])},
                (("type: text, unit: none, description: Machine", "type: integer, unit: none, description: Machine"),))
    done = examined(case, tmp_path)
    assert done.canonical.tables["telemetry"]["machine_id"].unique().tolist() == ["0"]
    assert done.counts["telemetry"]["refused"] == {"machine_id: not a whole number": 48}


@pytest.mark.parametrize("year", ["9999", "0001", "1899"])
def test_a_mark_for_no_time_is_no_instant(tmp_path, year):
    lost = failures(below=f"M01,{year}-12-31T00:00:00Z,seal\n")
    done = examined(Case("marks", {"failures.csv": lost,
                                   "readings.csv": readings(below=f"M01,{year}-12-31T00:00:00Z,60,5\n")}), tmp_path)
    assert done.counts["telemetry"]["refused"] == {"time: lies before 1900 or after 2199, a mark for no time?": 1}
    assert "1 of 3 failures would be lost" in done.breaches[0]


def test_an_end_in_the_year_9999_is_an_open_stop(tmp_path):
    stops = f"machine,time,end,mode\nM01,{iso(20)},9999-12-31T00:00:00Z,seal\nM02,{iso(40)},,seal\n"
    done = examined(Case("open", {"failures.csv": stops}, (UNTIL,)), tmp_path)
    assert done.counts["telemetry"]["excluded"] == {"inside a stop": 27 + 7}


def test_text_identifiers_are_what_the_file_says(tmp_path):
    case = Case("ids", {"readings.csv": readings(names=("101", "101.0", "0101")),
         "failures.csv": failures(failed=[("0101", 9)])})
    done = examined(case, tmp_path)
    assert sorted(done.canonical.tables["telemetry"]["machine_id"].unique()) == ["0101", "101", "101.0"]


def test_two_failures_in_all_are_refused_where_parts_are_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = failures(failed=[("M01", 8), ("M02", 9)])
    place(tmp_path, "case", BASE, {"readings.csv": readings(), "failures.csv": few})
    with pytest.raises(DataError, match=r"(?s)split: parts cannot carry the tasks.*one class only.*Move split"):
        run_stages(tmp_path, "case", ("ingest", "validate", "prepare"))


def test_every_collected_situation_has_its_test():
    tested = {case.name for case in CASES}
    assert not tested & set(ELSEWHERE)
    assert len({name.split("-", 2)[1 if name.startswith("ok") else 0] for name in tested}) > 10
    for name, where in ELSEWHERE.items():
        path, _, test = where.partition("::")
        assert f"def {test}(" in (ROOT / "tests" / path).read_text(encoding="utf-8"), name
