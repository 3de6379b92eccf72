"""A small fleet with forecasts, made by hand, for the tests of the evaluation."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from oilcan.contract import Contract, parse_contract
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.evaluation import figures
from oilcan.evaluation.fleet_and_forecasts import Fleet, Forecasts
from oilcan.evaluation.results import Evaluation
from oilcan.evaluation.split_table import TableInMemory
from oilcan.governance import gate
from oilcan.ground.section import section
from oilcan.params.operating.gate_policy import GatePolicy
from oilcan.params.stages.evaluate import EvaluateParams
from oilcan.reports import evaluation_page

START = pd.Timestamp("2024-01-01", tz="UTC")
FLEET = """
name: toy
version: 1
description: A toy fleet.
source: {licence: CC0-1.0}
time: {kind: instant, period: 1h}
tables:
  telemetry:
    grain: one row per machine and hour
    files: ["telemetry.csv"]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      heat: {type: number, unit: K, description: Heat}
  errors:
    grain: one row per error
    files: ["errors.csv"]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      code: {type: text, unit: none, description: Code}
  failures:
    grain: one row per failure
    files: ["failures.csv"]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      mode: {type: text, unit: none, description: Mode}
  machines:
    grain: one row per machine
    files: ["machines.csv"]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      site: {type: text, unit: none, description: Site}
failures: {from: table}
tasks:
  failure: {kind: failure_within, horizon: 48h, lead_time: 12h, modes: true}
  rul: {kind: rul, cap: 240h}
rows: {stride: 6h, windows: [24h]}
split: {by: time, validation: 0.2, test: 0.3, unseen_machines: 0.2}
costs: {missed_failure_eur: 20000, false_alarm_eur: 800, planned_repair_eur: 4000}
refractory: 60h
slices: [site]
rule_baseline: {heat: 0.9}
"""
ROWS = """
name: lots
version: 1
description: Independent rows.
source: {licence: CC0-1.0}
time: {kind: none}
tables:
  telemetry:
    grain: one row per lot
    files: ["lots.csv"]
    columns:
      machine_id: {type: text, unit: none, description: Lot}
      kind: {type: text, unit: none, role: static, description: Kind of lot}
      failed: {type: flag, unit: none, role: label, description: Failed}
failures: {from: none}
tasks:
  failed: {kind: label, column: failed}
split: {by: row, validation: 0.2, test: 0.3}
costs: {missed_failure_eur: 100, false_alarm_eur: 5, planned_repair_eur: 20}
slices: [kind]
"""
EXPLAINED: dict[str, Any] = {"failure": {"metric": "pr_auc", "whole": 0.8, "n": 500, "features": {}, "sensors": {
    "age": {"loss": 0.02, "spread": 0.01, "words": "Age of the machine"},
    "heat": {"loss": 0.4, "spread": 0.02, "words": "Heat"}}}}
PARAMS = EvaluateParams(seed=7, bootstrap=40, min_slice_machines=3)


def gate_policy(*, fewest_machines: int = 5, max_ece: float = 0.05, failures: int = 8) -> GatePolicy:
    """The committed policy with other limits."""
    values = yaml.safe_load((Path(__file__).parents[1] / "gate.yaml").read_text(encoding="utf-8"))
    values["slices"]["fewest_machines"], values["evidence"]["failures"] = fewest_machines, failures
    for line in values["metrics"]:
        if line["metric"] == "ece":
            line["floor"] = max_ece
    return section(GatePolicy, values, "gate.yaml")


GATE = gate_policy(fewest_machines=3, max_ece=0.5)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All that `evaluate` reads, for one fleet."""

    contract: Contract
    params: EvaluateParams
    predictions: pd.DataFrame
    rows: pd.DataFrame
    readings: pd.DataFrame
    errors: pd.DataFrame
    maintenance: pd.DataFrame
    failures: pd.DataFrame
    machines: pd.DataFrame
    model: dict[str, Any]
    explained: dict[str, Any]

    @property
    def fleet(self) -> Fleet:
        return Fleet(self.contract, TableInMemory(self.rows), self.readings, self.errors, self.maintenance,
                     self.failures, self.machines)

    @property
    def forecasts(self) -> Forecasts:
        return Forecasts(TableInMemory(self.predictions), self.model.get("policies", {}))

    def part(self, name: str) -> pd.DataFrame:
        return self.forecasts.part(name)


def evaluate(evidence: Evidence) -> Evaluation:
    """What the stage computes."""
    return figures.evaluate(evidence.fleet, evidence.forecasts, evidence.explained, evidence.params)


def page(evidence: Evidence, found: Evaluation) -> str:
    """The page with the gate's verdict, as `review` writes it."""
    verdict = gate.judge(found.metrics, {"passed": True}, [], GATE, evidence.contract.tasks)
    return evaluation_page.page(evidence.contract, found, evidence.explained, verdict)


def fleet_contract() -> Contract:
    """Contract of the toy fleet."""
    return parse_contract(FLEET, "toy.yaml")


def fleet(machines: int = 12, days: int = 120, seed: int = 0, params: EvaluateParams = PARAMS) -> Evidence:
    """A fleet in which forecasts know the truth, with noise."""
    rng = np.random.default_rng(seed)
    ids = [f"m{number:03d}" for number in range(machines)]
    hours = 24.0 * days
    failures = [(name, when) for name in ids for when in _failure_hours(rng, hours)]
    frame = pd.DataFrame(failures, columns=["machine_id", "hour"])
    frame["mode"] = rng.choice(["bearing", "seal"], len(frame))
    rows = pd.concat([_machine(rng, name, frame, hours) for name in ids], ignore_index=True)
    unseen = rows["machine_id"].isin(ids[-max(machines // 5, 1):])
    rows["part"] = np.select([unseen, rows["hour"] < 0.5 * hours, rows["hour"] < 0.7 * hours],
                             ["test", "train", "validation"], "test")
    rows = rows[~(unseen & (rows["hour"] < 0.7 * hours))].reset_index(drop=True)
    errors = frame.sample(frac=0.7, random_state=seed).assign(code="E7")
    errors["hour"] -= rng.integers(13, 40, len(errors))
    noise = pd.DataFrame({"machine_id": rng.choice(ids, 30), "hour": rng.uniform(0, hours, 30).round(), "code": "E1"})
    return Evidence(
        contract=fleet_contract(), params=params,
        predictions=_stamped(rows[rows["part"] != "train"]), rows=_stamped(rows),
        readings=_stamped(rows[["machine_id", "hour", "heat"]]),
        errors=_stamped(pd.concat([errors, noise]).drop(columns="mode")),
        maintenance=_stamped(pd.DataFrame({"machine_id": ids, "hour": 100.0, "component": "bearing"})),
        failures=_stamped(frame),
        machines=pd.DataFrame({"machine_id": ids, "site": np.where(np.arange(machines) % 4 == 0, "north", "south"),
                               "first_time": START, "last_time": START + pd.Timedelta(hours=hours)}),
        model={"policies": {"failure": AlarmPolicy.plain(0.4, 60.0).as_json()}}, explained=EXPLAINED,
    )


def _failure_hours(rng: np.random.Generator, hours: float) -> list[float]:
    gaps = rng.weibull(2.0, 20) * 500.0 + 80.0
    return [float(when) for when in np.cumsum(gaps).round() if when < hours]


def _machine(rng: np.random.Generator, name: str, failures: pd.DataFrame, hours: float) -> pd.DataFrame:
    own = failures[failures["machine_id"] == name].sort_values("hour")
    hour = np.arange(0.0, hours, 6.0)
    hour = hour[~np.isin(hour, own["hour"])]
    at = np.searchsorted(own["hour"].to_numpy(), hour, side="right")
    after = np.append(own["hour"].to_numpy(), np.inf)[at] - hour
    mode = np.append(own["mode"].to_numpy(dtype=object), "")[at]
    due = (after > 12.0) & (after <= 60.0)
    target = np.where(due, 1.0, np.where(hour + 60.0 <= hours, 0.0, np.nan))
    p = 1.0 / (1.0 + np.exp(-(np.where(due, 1.5, -3.0) + rng.normal(0.0, 1.2, len(hour)))))
    table = {"machine_id": name, "hour": hour, "target_failure": target, "p_failure": p, "score_failure": p,
             "p_true": np.where(due, 0.9, 0.02), "heat": p + rng.normal(0.0, 0.3, len(hour))}
    for each in ("bearing", "seal"):
        table[f"target_failure__{each}"] = np.where(np.isnan(target), np.nan, target * (mode == each))
        table[f"p_failure__{each}"] = p * np.where(mode == each, 0.8, 0.2)
    life = np.clip(after, 0.0, 240.0) * rng.lognormal(0.0, 0.2, len(hour))
    return pd.DataFrame(table | {
        "next_failure_failure": after, "target_rul": np.where(np.isfinite(after), after, np.nan),
        "bound_rul": hours - hour, "rul_rul": life.clip(0.0, 240.0), "rul_rul_low": (life - 80.0).clip(0.0),
        "rul_rul_high": (life + 80.0).clip(0.0, 240.0)})


def _stamped(frame: pd.DataFrame) -> pd.DataFrame:
    stamped = frame.assign(time=(START + pd.to_timedelta(frame["hour"], unit="h")).astype("datetime64[us, UTC]"))
    return stamped.drop(columns="hour").sort_values(["machine_id", "time"], kind="stable").reset_index(drop=True)


def lots(n: int = 400, seed: int = 0) -> Evidence:
    """Independent rows with a label."""
    rng = np.random.default_rng(seed)
    p = rng.beta(0.5, 3.0, n)
    rows = pd.DataFrame({
        "machine_id": [f"lot{number:04d}" for number in range(n)],
        "part": np.repeat(["train", "validation", "test"], [n // 2, n // 4, n - n // 2 - n // 4]),
        "target_failed": (rng.random(n) < p).astype(float), "p_failed": p, "score_failed": p})
    kind = pd.DataFrame({"machine_id": rows["machine_id"], "kind": np.where(np.arange(n) % 3, "large", "small")})
    nothing = pd.DataFrame({"machine_id": pd.Series(dtype="object"), "time": pd.Series(dtype="int64")})
    empty: dict[str, Any] = {"errors": nothing.assign(code=""), "maintenance": nothing.assign(component=""),
                             "failures": nothing.assign(mode="")}
    return Evidence(contract=parse_contract(ROWS, "lots.yaml"), params=PARAMS,
                    predictions=rows[rows["part"] != "train"], rows=rows, readings=kind,
                    machines=rows[["machine_id"]], **empty, explained={},
                    model={"policies": {"failed": AlarmPolicy.plain(0.3).as_json()}})


def cycles_text(text: str) -> str:
    """A contract in hours as one in cycles."""
    text = text.replace("kind: instant, period: 1h", "kind: cycle, period: 1 cycle").replace(
        "type: instant, unit: UTC", "type: integer, unit: cycles")
    return re.sub(r"\b(\d+)h\b", r"\1 cycles", text)


def in_cycles(evidence: Evidence) -> Evidence:
    """The same fleet with its hours counted as cycles."""
    contract = parse_contract(cycles_text(FLEET), "toy.yaml")

    def count(table: pd.DataFrame) -> pd.DataFrame:
        times = table.select_dtypes("datetimetz").columns
        return table.assign(**{name: ((table[name] - START) / pd.Timedelta(hours=1)).astype("int64")
                               for name in times})

    tables = ("predictions", "rows", "readings", "errors", "maintenance", "failures", "machines")
    return dataclasses.replace(evidence, contract=contract, **{name: count(getattr(evidence, name))
                                                               for name in tables})
