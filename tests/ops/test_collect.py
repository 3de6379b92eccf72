"""What a service has taken in becomes raw data: the same tables as from files, months that never change, kill -9."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.ops.killing import Killer
from tests.service_intake import Intake, fleet_between

from oilcan.contract import parse_contract
from oilcan.core.ingest import ingest
from oilcan.core.simulate import draw_fleet
from oilcan.ground.errors import ContractError, DataError, IntegrityError, OilcanError
from oilcan.io.raw_data.later_months import alarms_of, month_parts
from oilcan.io.raw_data.reading import read_raw
from oilcan.io.stage import table_files
from oilcan.io.stores import open_store
from oilcan.io.stores.tables.alarm_table import NewAlarm
from oilcan.operations.governing import audit_log
from oilcan.operations.renewal.collecting import collect
from oilcan.operations.renewal.month_schedule import Schedule

ROOT = Path(__file__).parents[2]
TABLES = ("errors", "maintenance", "failures")
RENAMED = {"failures": {"mode": "component"}}


def micros(text):
    return int(pd.Timestamp(text, tz="UTC").value // 1000)


def without_truth():
    words = yaml.safe_load((ROOT / "datasets/demo_fleet.yaml").read_text())
    del words["tables"]["truth"]
    return parse_contract(yaml.safe_dump(words, sort_keys=False), "demo_fleet.yaml")


CONTRACT = without_truth()


@pytest.fixture(scope="module")
def fleet():
    drawn = draw_fleet(machines=4, days=91, seed=5, start="2024-01-01", horizon_h=72, lead_time_h=12)
    drawn.telemetry.loc[4000, "oil_pressure_bar"] = 63.071      # the service keeps it aside
    return drawn


@pytest.fixture
def root(tmp_path):
    """A repository with nothing but DVC in it."""
    folder = tmp_path / "repo"
    folder.mkdir()
    for words in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(words, cwd=folder, check=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})
    shutil.copy(ROOT / ".dvcignore", folder)
    return folder


def files_of(fleet, folder, end):
    """The files that a plant would hand over, up to an instant."""
    rows = fleet_between(fleet, "2000-01-01", end)
    folder.mkdir(parents=True)
    table_files.write_table(rows("telemetry"), folder / "telemetry.parquet")
    table_files.write_csvs({name: rows(name) for name in TABLES} | {"machines": fleet.machines}, folder)
    return folder


def taken_in(fleet, store, first, end, now):
    intake, rows = Intake(store, CONTRACT), fleet_between(fleet, first, end)
    intake.machines(fleet.machines.drop(columns="operator_name"), micros(now))
    intake.readings(rows("telemetry"), micros(now))
    for name in TABLES:
        intake.records(name, rows(name), micros(now), **RENAMED.get(name, {}))
    return intake


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'service.db'}")
    yield store
    store.close()


def run(root, store, now, *, write=True, **schedule):
    recorded = {}
    done = collect(root, CONTRACT, store, Schedule(micros(now), **schedule), write=write, record=recorded.__setitem__)
    return done, recorded


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def canonical(*folders):
    return ingest(read_raw(CONTRACT, *folders), CONTRACT).tables


def test_the_same_readings_by_both_ways_give_the_same_tables(fleet, root, store, tmp_path):
    whole = files_of(fleet, tmp_path / "whole", "2024-03-01")
    first = files_of(fleet, tmp_path / "first", "2024-01-17")
    taken_in(fleet, store, "2024-01-17", "2024-03-01", "2024-03-01")
    done, recorded = run(root, store, "2024-03-04")
    assert [part.name for part in done.parts] == list(recorded) == ["2024-01", "2024-02"]
    by_files, by_service = canonical(whole), canonical(first, root / "data/live/demo_fleet")
    assert by_files["telemetry"]["oil_pressure_bar"].eq(63.071).sum() == 1
    assert by_files.keys() == by_service.keys()
    for name, table in by_files.items():
        assert len(table) > 0, name
        pd.testing.assert_frame_equal(table, by_service[name], check_exact=True)


def test_a_closed_month_never_changes_and_what_is_late_is_a_part_of_its_own(fleet, root, store):
    intake = taken_in(fleet, store, "2024-01-01", "2024-02-10", "2024-02-10")
    late = fleet_between(fleet, "2024-02-10", "2024-02-11")("telemetry").assign(
        time=lambda rows: rows["time"] - pd.Timedelta(days=25) + pd.Timedelta(minutes=7))
    done, _ = run(root, store, "2024-02-10")
    before = contents(root / "data/live/demo_fleet/2024-01")
    assert [part.name for part in done.parts] == ["2024-01"]
    assert done.waiting > 0
    intake.readings(late, micros("2024-02-11"))
    done, recorded = run(root, store, "2024-02-12")
    assert [(part.name, part.rows) for part in done.parts] == [
        ("2024-01.late-2024-02-12", {"telemetry": len(late), "machines": late["machine_id"].nunique()})]
    assert list(recorded) == ["2024-01.late-2024-02-12"]
    assert contents(root / "data/live/demo_fleet/2024-01") == before
    tracked = sorted(path.name for path in (root / "data/live/demo_fleet").glob("*.dvc"))
    assert tracked == ["2024-01.dvc", "2024-01.late-2024-02-12.dvc"]
    done, recorded = run(root, store, "2024-02-12")
    assert (done.parts, recorded) == ((), {})


def test_a_running_month_comes_in_parts_that_make_the_whole(fleet, root, store, tmp_path):
    for first, end in (("2024-01-01", "2024-01-12"), ("2024-01-12", "2024-02-01")):
        taken_in(fleet, store, first, end, end)
        run(root, store, end, running=True)
    names = [part.name for part in month_parts(root / "data/live/demo_fleet")]
    assert names == ["2024-01.to-2024-01-12", "2024-01.to-2024-02-01"]
    nothing = tmp_path / "first"
    files_of(fleet, nothing, "2024-01-02")
    by_files = canonical(files_of(fleet, tmp_path / "whole", "2024-02-01"))
    by_service = canonical(nothing, root / "data/live/demo_fleet")
    pd.testing.assert_frame_equal(by_files["telemetry"], by_service["telemetry"], check_exact=True)


def test_a_dry_run_writes_nothing(fleet, root, store):
    taken_in(fleet, store, "2024-01-01", "2024-02-01", "2024-02-01")
    done, recorded = run(root, store, "2024-02-05", write=False)
    assert [part.name for part in done.parts] == ["2024-01"]
    assert recorded == {}
    assert not (root / "data/live").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from oilcan.io.stage import files
from oilcan.operations.renewal import collecting
from oilcan.io.stores import open_store
from oilcan.io.stores.tables.alarm_table import NewAlarm
from tests.ops.test_collect import CONTRACT, Schedule, collect, micros
step, calls = int(sys.argv[1]), iter(range(10**6))
def counted(function):
    def wrapper(*arguments, **words):
        if next(calls) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **words)
    return wrapper
for name in ("_write", "_track", "add", "dvc_md5"):
    setattr(collecting, name, counted(getattr(collecting, name)))
collecting.table_files.write_table = counted(collecting.table_files.write_table)
store = open_store(sys.argv[3])
collect(Path(sys.argv[2]), CONTRACT, store, Schedule(micros("2024-03-05")), write=True, record=counted(lambda *_: None))
"""


def test_killed_at_any_step_the_next_run_goes_on(fleet, root, store, tmp_path):
    taken_in(fleet, store, "2024-01-29", "2024-02-02", "2024-03-01")
    whole = root.with_name("whole")
    shutil.copytree(root, whole)
    run(whole, store, "2024-03-05")
    wanted = contents(whole / "data/live")
    for step in (2, 4, 5, 7, 10):           # tables, the note, the audit, `dvc add`, the second month
        here = root.with_name(f"killed-{step}")
        shutil.copytree(root, here)
        url = f"sqlite:///{tmp_path / 'service.db'}"
        done = subprocess.run([sys.executable, "-c", KILLED, str(step), str(here), url], cwd=ROOT, check=False)
        assert done.returncode == -signal.SIGKILL
        for tracked in (here / "data/live").glob("*/*.dvc"):        # DVC writes it in place, and may be killed then
            tracked.write_text("")
        run(here, store, "2024-03-05")
        assert contents(here / "data/live") == wanted


@pytest.mark.slow
def test_collections_killed_at_random_moments(fleet, root, store, tmp_path):
    taken_in(fleet, store, "2024-01-29", "2024-02-02", "2024-03-01")
    url, draw, kills = f"sqlite:///{tmp_path / 'service.db'}", random.Random(20261128), 0
    whole, again = root.with_name("whole"), root.with_name("again")
    with Killer(os.environ | {"DVC_NO_ANALYTICS": "1"}) as killer:
        took = np.inf
        for folder in (whole, again):               # the first run is slower than those that are killed
            shutil.copytree(root, folder)
            took = min(took, killer.run("collect", {"root": str(folder), "store": url}).seconds)
        wanted = contents(whole / "data/live")
        for number in range(10):
            here = root.with_name(f"killed-{number}")
            shutil.copytree(root, here)
            ended = killer.run("collect", {"root": str(here), "store": url}, after=draw.uniform(0, took))
            kills += not ended.finished
            killer.run("collect", {"root": str(here), "store": url})
            assert contents(here / "data/live") == wanted
            assert audit_log.faults(here, {}) == []
            assert sorted(entry.why for entry in audit_log.entries(here)) == sorted(
                entry.why for entry in audit_log.entries(whole))
    assert kills > 5


def test_a_part_that_was_changed_or_is_not_here_is_refused(fleet, root, store):
    taken_in(fleet, store, "2024-01-01", "2024-02-01", "2024-02-01")
    run(root, store, "2024-02-05")
    part = root / "data/live/demo_fleet/2024-01"
    note = json.loads((part / "collected.json").read_text())
    (part / "collected.json").chmod(0o644)
    (part / "collected.json").write_text(json.dumps(note | {"readings": 0}))
    with pytest.raises(IntegrityError, match=r"2024-01: changed \(found .*dvc checkout"):
        run(root, store, "2024-02-05")
    shutil.rmtree(part)
    with pytest.raises(IntegrityError, match=r"2024-01: is not here\. Run `dvc pull"):
        run(root, store, "2024-02-05")


def test_files_of_a_plant_dropped_into_a_month_are_read_as_the_first_ones(fleet, tmp_path):
    first = files_of(fleet, tmp_path / "first", "2024-02-01")
    rows = fleet_between(fleet, "2024-02-01", "2024-03-01")
    month = tmp_path / "live/demo_fleet/2024-02"
    month.mkdir(parents=True)
    table_files.write_table(rows("telemetry"), month / "telemetry.parquet")
    table_files.write_csvs({name: rows(name) for name in TABLES}, month)
    both, whole = canonical(first, month.parent), canonical(files_of(fleet, tmp_path / "whole", "2024-03-01"))
    for name, table in whole.items():
        pd.testing.assert_frame_equal(table, both[name], check_exact=True)
    (month / "telemetri.csv").write_text("a,b\n1,2\n")
    (month.parent / "february").mkdir()
    with pytest.raises(DataError, match=r"(?s)holds an entry that is not a month.*- february"):
        canonical(first, month.parent)
    (month.parent / "february").rmdir()
    with pytest.raises(DataError, match=r"2024-02/telemetri.csv: no table of the contract reads it"):
        canonical(first, month.parent)


def test_what_cannot_be_raw_data_is_refused(root, store):
    words = yaml.safe_load((ROOT / "datasets/cmapss_fd001.yaml").read_text())
    contract = parse_contract(yaml.safe_dump(words), "cmapss_fd001.yaml")
    with pytest.raises(ContractError, match="a machine that still runs would count as failed"):
        collect(root, contract, store, Schedule(0), write=True, record=lambda *_: None)


def test_two_at_once_are_refused(fleet, root, store):
    taken_in(fleet, store, "2024-01-01", "2024-01-05", "2024-01-05")

    def again(*_):
        with pytest.raises(OilcanError, match="another `oilcan collect` is at work here"):
            run(root, store, "2024-02-05")

    collect(root, CONTRACT, store, Schedule(micros("2024-02-05")), write=True, record=again)


FLAGGED = """
name: drives
version: 1
description: Drives with a flag in the reading of the day on which they failed.
source: {licence: CC0-1.0}
time: {kind: instant, period: 24h}
tables:
  telemetry:
    grain: one row per drive and day
    files: ["*.csv"]
    columns:
      machine_id: {from: serial, type: text, unit: none, description: Drive}
      time: {from: date, type: instant, unit: UTC, description: Day}
      heat_k: {from: heat_c, type: number, unit: K, offset: 273.15, description: Heat}
      mode_name: {type: text, unit: none, role: condition, nullable: true, description: Firmware}
      failed: {type: flag, unit: none, description: It failed on this day}
failures: {from: flag, column: failed}
tasks: {failure: {kind: failure_within, horizon: 5d, lead_time: 1d}}
rows: {stride: 1d, windows: [3d]}
split: {by: time, validation: 0.2, test: 0.2}
costs: {missed_failure_eur: 100, false_alarm_eur: 1, planned_repair_eur: 10}
"""


def test_flags_texts_and_units_come_back_as_the_contract_has_them(root, store, tmp_path):
    contract = parse_contract(FLAGGED, "drives.yaml")
    days = pd.date_range("2024-01-01", periods=40)
    heat = np.random.default_rng(1).normal(40, 3, (2, 40)).round(1)
    raw = pd.concat([pd.DataFrame({"serial": serial, "date": days.astype(str), "heat_c": heat[at],
                                   "mode_name": ["a", "b"] * 20, "failed": [0] * 39 + [at]})
                     for at, serial in enumerate(("d1", "d2"))])
    for folder, rows in (("whole", raw), ("first", raw[raw["date"] < "2024-01-15"])):
        (tmp_path / folder).mkdir()
        rows.to_csv(tmp_path / folder / "days.csv", index=False)
    later = raw[raw["date"] >= "2024-01-15"]
    sent = pd.DataFrame({"machine_id": later["serial"], "time": pd.to_datetime(later["date"]),
                         "heat_k": later["heat_c"] + 273.15, "mode_name": later["mode_name"]})
    intake = Intake(store, contract)
    intake.readings(sent, micros("2024-02-10"))
    gone = pd.DataFrame({"machine_id": ["d2"], "time": [days[-1]], "mode": ["failure"]})
    intake.records("failures", gone, micros("2024-02-10"))
    collect(root, contract, store, Schedule(micros("2024-03-10")), write=True, record=lambda *_: None)
    by_files = ingest(read_raw(contract, tmp_path / "whole"), contract).tables
    by_service = ingest(read_raw(contract, tmp_path / "first", root / "data/live/drives"), contract).tables
    assert by_files["failures"]["machine_id"].tolist() == ["d2"]
    for name, table in by_files.items():
        pd.testing.assert_frame_equal(table, by_service[name], check_exact=True)


def test_alarms_are_collected_as_they_are_and_again_when_they_have_changed(fleet, root, store, tmp_path):
    taken_in(fleet, store, "2024-01-01", "2024-01-20", "2024-01-20")
    raised = [NewAlarm(name, "failure", micros("2024-01-10 06:00"), 0.7, 0.5, []) for name in ("M001", "M002")]
    first = store.change_alarms(raised, micros("2024-01-10 06:01"))[0][0]
    store.acknowledge(first, "ann", micros("2024-01-10 07:00"), finding="not_looked")
    done, _ = run(root, store, "2024-02-05")
    assert done.parts[0].rows["alarms"] == 2
    assert run(root, store, "2024-02-06")[0].parts == ()
    store.acknowledge(first, "ann", micros("2024-02-06 09:00"), finding="worn")
    done, _ = run(root, store, "2024-02-07")
    assert [(part.name, part.rows["alarms"]) for part in done.parts] == [("2024-01.late-2024-02-07", 1)]
    live = root / "data/live/demo_fleet"
    machines = canonical(files_of(fleet, tmp_path / "first", "2024-01-20"), live)["machines"]
    alarms = alarms_of(live, CONTRACT, machines)
    assert alarms["machine_id"].tolist() == ["M001", "M002"]
    assert alarms["finding"].fillna("").tolist() == ["worn", ""]
    assert alarms["acknowledged"].notna().tolist() == [True, False]
    assert alarms["time"].dtype == machines["last_time"].dtype
