import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.stages.running import run_stage

from oilcan.contract import UNKNOWN
from oilcan.core.draft.unfinished import parse_unfinished
from oilcan.ground.columns import PART
from oilcan.operations import data_sets
from oilcan.operations.exploration import explore_data_set, fill_in

CONTRACT = """name: toy
version: 1
description: Thirty presses that wear, warn by heat for four days, and are repaired.
source: {licence: CC0-1.0}
time: {kind: instant, period: 1h, max_gap: 6h}
tables:
  telemetry:
    grain: one row per machine and hour
    files: [telemetry.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      load: {type: number, unit: "%", role: condition, description: Load}
      heat: {type: number, unit: K, description: "Heat: phase A"}
      hum: {type: number, unit: mm/s, description: Hum}
      fixed: {type: number, unit: K, description: A constant}
  errors:
    grain: one row per error
    files: [errors.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      code: {type: text, unit: none, description: Code}
  maintenance:
    grain: one row per work
    files: [maintenance.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      component: {type: text, unit: none, description: Component}
  failures:
    grain: one row per failure
    files: [failures.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      mode: {type: text, unit: none, description: Mode}
  machines:
    grain: one row per machine
    files: [machines.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      model: {type: text, unit: none, role: static, description: Model}
failures: {from: table}
tasks:
  failure: {kind: failure_within, horizon: 72h, lead_time: 12h}
rows: {stride: 6h, windows: [24h]}
split: {by: time, validation: 0.1, test: 0.1}
costs: {missed_failure_eur: 10, false_alarm_eur: 1, planned_repair_eur: 3}
refractory: 84h
slices: [model]
"""
START = pd.Timestamp("2024-01-01", tz="UTC")
HOURS = 24 * 160
WARNED = 96.0                    # hours before a failure from which on heat rises


def _fleet(folder: Path, *, machines: int = 30) -> None:
    """Prepared tables of a fleet whose lives, warnings and silent sensors are known."""
    rng = np.random.default_rng(3)
    readings, failures, work, errors = [], [], [], []
    hours = np.arange(HOURS, dtype=np.float64)
    for number in range(machines):
        name, load = f"m{number:02d}", 60 + 20 * rng.random(HOURS)
        heat = 300 + 0.2 * load + rng.normal(0, 1, HOURS) + number
        at = 1500.0 * rng.weibull(4) * 0.5
        while at < HOURS:
            failures.append((name, at, "belt"))
            work.append((name, at + 8, "belt"))
            near = (hours > at - WARNED) & (hours < at)
            heat[near] += 6.0 * (hours[near] - (at - WARNED)) / WARNED
            errors.append((name, at - 20.0, "E1"))
            at += 1500.0 * rng.weibull(4)
        errors += [(name, float(hour), "E9") for hour in rng.integers(0, HOURS, 8)]
        readings.append(pd.DataFrame({"machine_id": name, "time": START + pd.to_timedelta(hours, unit="h"),
                                      "load": load, "heat": heat, "hum": rng.normal(2, 0.3, HOURS), "fixed": 7.0}))
    telemetry = pd.concat(readings, ignore_index=True)
    last = telemetry["time"].max()
    tables = {name: _events(rows, column, last) for name, rows, column in
              (("failures", failures, "mode"), ("maintenance", work, "component"), ("errors", errors, "code"))}
    ids = telemetry["machine_id"].unique()
    tables["machines"] = pd.DataFrame({"machine_id": ids, "is_test": False, "first_time": START, "last_time": last,
                                       "model": np.where(np.arange(len(ids)) % 2, "A", "B")})
    rows = telemetry[["machine_id", "time"]].iloc[::6].reset_index(drop=True)
    cut = START + pd.Timedelta(days=130)
    tables["rows"] = rows.assign(**{"partition": 0, PART: np.where(rows["time"] < cut, "train", "test")})
    (folder / "prepared/telemetry").mkdir(parents=True)
    for name, table in tables.items():
        table.to_parquet(folder / f"prepared/{name}.parquet", index=False)
    telemetry.to_parquet(folder / "prepared/telemetry/part-0000.parquet", index=False)
    (folder / "toy.yaml").write_text(CONTRACT)
    (folder / "params.yaml").write_text("explore: {seed: 1, max_readings: 1000000}\n")


def _events(rows: list[tuple[str, float, str]], column: str, last: pd.Timestamp) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["machine_id", "hour", column])
    table["time"] = START + pd.to_timedelta(table.pop("hour"), unit="h").dt.round("s")
    inside = table[(table["time"] <= last) & (table["time"] >= START)]
    return inside.sort_values(["machine_id", "time"], ignore_index=True)


def _run(folder: Path, out: str) -> Path:
    places = ["toy.yaml", "prepared", f"{out}/exploration.json", f"{out}/detail.json", f"{out}/plots",
              f"{out}/page.html"]
    run_stage("explore", *(folder / place for place in places), params=folder / "params.yaml")
    return folder / out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explore")
    _fleet(folder)
    return folder


@pytest.fixture(scope="module")
def detail(folder: Path) -> dict:
    return json.loads((_run(folder, "out") / "detail.json").read_text())


def test_the_law_of_life_holds_the_truth(detail: dict) -> None:
    belt = next(lives for lives in detail["lives"] if lives["machines"] == "all")
    low, high = belt["fit"]["shape_ci95"]
    assert low < 4.0 < high
    low, high = belt["fit"]["scale_ci95"]
    assert low < 1500.0 < high
    assert belt["fit"]["cause"] == "wear"
    assert belt["repair_median"] == pytest.approx(8.0)


def test_the_sensor_that_warns_is_found_with_its_lead_and_the_others_are_silent(detail: dict) -> None:
    sensors = detail["warnings"]["belt"]["sensors"]
    low, high = sensors["heat"]["half_lead_ci95"]
    assert low - 10 < WARNED / 2 < high + 10          # bins of about 8 h
    assert WARNED / 2 < sensors["heat"]["lead"] <= WARNED + 24
    assert sensors["hum"]["lead"] == sensors["fixed"]["lead"] == 0.0
    assert {fact["name"]: fact["verdict"] for fact in detail["sensors"]}["fixed"] == "constant"


def test_error_codes_are_told_from_noise(detail: dict) -> None:
    codes = detail["warnings"]["belt"]["codes"]
    assert codes["E1"]["lead"] == pytest.approx(20.0, abs=10.0)
    assert codes["E9"]["lead"] == 0.0
    assert codes["E9"]["lift_ci95"][0] < 1.0 < codes["E9"]["lift_ci95"][1]


def test_labels_of_the_test_part_change_nothing(detail: dict, tmp_path: Path) -> None:
    _fleet(tmp_path)
    failures = pd.read_parquet(tmp_path / "prepared/failures.parquet")
    rows = pd.read_parquet(tmp_path / "prepared/rows.parquet")
    cut = rows.loc[rows[PART] == "train", "time"].max()
    failures[failures["time"] <= cut].to_parquet(tmp_path / "prepared/failures.parquet", index=False)
    assert (failures["time"] > cut).sum() > 5
    assert json.loads((_run(tmp_path, "out") / "detail.json").read_text())["warnings"] == detail["warnings"]


@pytest.mark.usefixtures("detail")
def test_the_same_tables_give_the_same_bytes(folder: Path) -> None:
    again = _run(folder, "again")
    for name in ("exploration.json", "detail.json", "page.html", "plots/life_curves.csv", "plots/warning_by_lead.csv"):
        assert (again / name).read_bytes() == (folder / "out" / name).read_bytes()


@pytest.mark.usefixtures("detail")
def test_few_figures_are_compared_and_the_page_needs_no_network(folder: Path) -> None:
    figures = json.loads((folder / "out/exploration.json").read_text())
    assert len(figures) <= 5
    assert figures["modes_with_warning"] == 1
    page = (folder / "out/page.html").read_text()
    assert len(page) < 5_000_000
    assert 'src="http' not in page
    assert 'href="http' not in page
    assert "Heat: phase A" in page


def test_what_exploration_recommends_is_filled_into_a_draft(tmp_path: Path) -> None:
    _fleet(tmp_path, machines=12)
    for table in ("failures", "errors", "maintenance", "telemetry/part-0000"):
        frame = pd.read_parquet(tmp_path / f"prepared/{table}.parquet")
        every = 4 if table.startswith("telemetry") else 1
        frame.iloc[::every].to_csv(tmp_path / f"{table.partition('/')[0]}.csv", index=False)
    shutil.copy(Path(__file__).parents[2] / "params.yaml", tmp_path)
    raw = sorted(tmp_path.glob("*.csv"))
    before = data_sets.draft(tmp_path, "press", raw)
    data_sets.place(tmp_path, "press", tmp_path, any_version=False, record=False)
    found = explore_data_set(tmp_path, "press", tmp_path / "page.html", say=lambda _line: None)
    assert fill_in(tmp_path, "press", found) == ["horizon", "lead_time", "windows", "refractory"]
    text = (tmp_path / "datasets/press.yaml").read_text()
    assert text.partition("\n")[2].count(UNKNOWN) == before - 1        # the horizon; the others were guessed already
    contract, still_open = parse_unfinished(text, "press.yaml")
    assert still_open == {"costs", "missed_failure_eur", "false_alarm_eur", "planned_repair_eur"}
    horizon = contract.tasks["failure"].horizon
    assert horizon is not None
    assert WARNED / 3 < horizon.ticks < WARNED
    assert contract.refractory is not None
    assert contract.refractory.ticks > horizon.ticks
