"""Small canonical tables made by hand, for the tests of validate and prepare."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.contract import Contract, parse_contract
from oilcan.core import quality
from oilcan.io.raw_data import later_months
from oilcan.params.stages.validate import ValidateParams

START = pd.Timestamp("2024-01-01", tz="UTC")
ROOT = Path(__file__).parents[1]
HEAD = """
version: 1
description: A toy.
source: {licence: CC0-1.0}
"""
FLEET = f"""name: toy{HEAD}
time: {{kind: instant, period: 1h, max_gap: 6h}}
tables:
  telemetry:
    grain: one row per machine and hour
    files: [telemetry.csv]
    columns:
      machine_id: {{type: text, unit: none, description: Machine}}
      time: {{type: instant, unit: UTC, description: Instant}}
      heat: {{type: number, unit: K, range: [200, 500], description: Heat}}
      flow: {{type: number, unit: m3/h, nullable: true, description: Flow}}
  failures:
    grain: one row per failure
    files: [failures.csv]
    columns:
      machine_id: {{type: text, unit: none, description: Machine}}
      time: {{type: instant, unit: UTC, description: Instant}}
      mode: {{type: text, unit: none, description: Mode}}
derived:
  ratio: {{expression: heat / 100, unit: "1", description: A ratio}}
failures: {{from: table}}
tasks:
  failure: {{kind: failure_within, horizon: 24h, lead_time: 6h, modes: true}}
  rul: {{kind: rul}}
rows: {{stride: 2h, windows: [24h]}}
split: {{by: time, validation: 0.2, test: 0.2, unseen_machines: 0.2}}
costs: {{missed_failure_eur: 10, false_alarm_eur: 1, planned_repair_eur: 3}}
"""
ROWS = f"""name: toy{HEAD}
time: {{kind: none}}
tables:
  telemetry:
    grain: one row per part
    files: [rows.csv]
    columns:
      machine_id: {{type: text, unit: none, description: Part}}
      heat: {{type: number, unit: K, range: [200, 500], description: Heat}}
      broke: {{type: flag, unit: none, role: label, description: It broke}}
failures: {{from: none}}
tasks: {{broke: {{kind: label, column: broke}}}}
split: {{by: row, validation: 0.2, test: 0.2}}
costs: {{missed_failure_eur: 10, false_alarm_eur: 1, planned_repair_eur: 3}}
"""


def fleet_contract(text: str = FLEET) -> Contract:
    return parse_contract(text, "toy.yaml")


def telemetry(machines: int = 6, hours: int = 480, *, seed: int = 1) -> pd.DataFrame:
    """Hourly readings of several machines that move all the time."""
    rng = np.random.default_rng(seed)
    time = pd.date_range(START, periods=hours, freq="h").as_unit("us")
    return pd.DataFrame({
        "machine_id": np.repeat([f"m{number:02d}" for number in range(machines)], hours),
        "time": np.tile(time, machines),
        "heat": rng.normal(300, 5, machines * hours),
        "flow": rng.normal(50, 1, machines * hours),
    }).astype({"machine_id": "str", "time": "datetime64[us, UTC]"})


def events(rows: list[tuple[str, float, str]], word: str) -> pd.DataFrame:
    """Events as (machine, hour from the start, what)."""
    frame = pd.DataFrame(rows, columns=["machine_id", "hour", word])
    time = START + pd.to_timedelta(frame.pop("hour").astype(float), unit="h")
    frame.insert(1, "time", time.astype("datetime64[us, UTC]"))
    return frame.astype({"machine_id": "str", word: "str"})


def failures(machines: int = 6, hours: int = 480, every: int = 70) -> pd.DataFrame:
    """A failure of every machine every so many hours, half past the hour."""
    rows = [(f"m{number:02d}", at + 5 * number + 0.5, "seal" if number % 2 else "motor")
            for number in range(machines) for at in range(30, hours - 40, every)]
    return events(rows, "mode").sort_values(["machine_id", "time"]).reset_index(drop=True)


def machine_table(readings: pd.DataFrame) -> pd.DataFrame:
    if "time" not in readings:
        return readings[["machine_id"]].assign(is_test=False)
    spans = readings.groupby("machine_id")["time"].agg(first_time="min", last_time="max").reset_index()
    spans.insert(1, "is_test", False)
    return spans


def ingested(readings: pd.DataFrame) -> dict:
    counts = {"kept": len(readings), "read": len(readings), "excluded": {}, "refused": {}, "duplicates_identical": 0,
              "out_of_order": 0}
    return {"telemetry": counts}


def write_canonical(folder: Path, readings: pd.DataFrame, failed: pd.DataFrame | None = None, parts: int = 2) -> Path:
    """Canonical tables as ingest would leave them, and the params of the repository."""
    (folder / "canonical/telemetry").mkdir(parents=True)
    names = readings["machine_id"].unique()
    for number, group in enumerate(np.array_split(names, parts)):
        part = readings[readings["machine_id"].isin(group)]
        part.to_parquet(folder / f"canonical/telemetry/part-{number:04d}.parquet", index=False)
    failed = events([], "mode") if failed is None else failed
    tables = {"failures": failed, "errors": events([], "code"), "maintenance": events([], "component"),
              "machines": machine_table(readings),
              "alarms": later_months.alarms_of(folder / "live", fleet_contract(), machine_table(readings))}
    for name, table in tables.items():
        table.to_parquet(folder / f"canonical/{name}.parquet", index=False)
    (folder / "canonical/ingest.json").write_text(json.dumps(ingested(readings)), encoding="utf-8")
    return folder


def write_contract(folder: Path, text: str = FLEET) -> Path:
    (folder / "toy.yaml").write_text(text, encoding="utf-8")
    return folder / "toy.yaml"


LIMITS = {"stuck_periods": 24, "spike_sigmas": 12.0}


def judge(rows, *, text=FLEET, failed=None, parts=2, **limits):
    """The verdict on readings, as the stage reaches it."""
    contract = fleet_contract(text)
    tables = {"failures": failures() if failed is None else failed, "errors": events([], "code"),
              "maintenance": events([], "component"), "machines": machine_table(rows)}
    scope = quality.Scope.of(tables["machines"], ingested(rows), contract, ValidateParams(**LIMITS | limits))
    groups = np.array_split(rows["machine_id"].unique(), parts)
    frames = [rows[rows["machine_id"].isin(group)].reset_index(drop=True) for group in groups]
    habits = quality.learn_habits([quality.profile(frame, scope) for frame in frames], scope)
    findings = [quality.inspect(frame, scope, habits) for frame in frames]
    return quality.judge(findings, habits, tables, ingested(rows), scope)
