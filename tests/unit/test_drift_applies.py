"""Where the family `drift` applies: fleets of every kind whose truth is known, from readings to the feature."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from oilcan.contract import Contract, parse_contract
from oilcan.core.features.arrays import Tables
from oilcan.core.features.batch import compute_matrix
from oilcan.core.features.drift.drift_learning import FEWEST
from oilcan.core.features.learning import learn
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.params.stages.featurize import FeaturizeParams

START = pd.Timestamp("2024-03-01", tz="UTC")
SENSORS = "abcde"
CAP, LIFE, TAU = 125.0, 200.0, 40.0
PARAMS = FeaturizeParams(families=["level", "health", "drift"], stats=["mean"], regimes=True, max_regimes=4, lean=True,
                         drop_constant=True)
HEAD = """
name: presses
version: 1
description: simulated
source: {licence: CC0}
time: {kind: TIME}
tables:
  telemetry:
    grain: one row per reading
    files: [telemetry.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: TYPE, unit: UNIT, description: Time}
"""
TAIL = """
  failures:
    grain: one row per failure
    files: [failures.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: TYPE, unit: UNIT, description: Time}
      mode: {type: text, unit: none, description: Mode}
failures: {from: table}
tasks: {rul: {kind: rul, cap: 125 TICKS}}
rows: {stride: 1 TICKS, windows: [5 TICKS, 15 TICKS, 30 TICKS]}
split: {by: machine, validation: 0.2, test: 0.2}
costs: {missed_failure_eur: 9, false_alarm_eur: 1, planned_repair_eur: 2}
"""


@dataclass(frozen=True)
class Kind:
    """What a fleet is like; the default is one life a machine, counted in cycles, all sensors there."""

    machines: int = 60
    calendar: bool = False
    gaps: bool = False              # irregular readings
    missing: float = 0.0            # share of readings of a sensor
    dead: bool = False              # one sensor of every second machine never reports
    condition: bool = False         # a load that moves the sensors
    lives: int = 1                  # of a machine: repaired after each failure
    unfinished: float = 0.0         # share of lives that are not watched to their end
    ends: tuple[tuple[float, float], ...] = ((15.0, 0.0),)      # where machines fail, one for each failure mode
    share: float = 0.3              # of the error of the best constant that the forecast may have


KINDS = {
    "cycles": Kind(),
    "calendar_time": Kind(calendar=True),
    "irregular_sampling": Kind(calendar=True, gaps=True),
    "missing_readings": Kind(missing=0.3),
    "a_sensor_that_half_of_the_machines_lack": Kind(dead=True),
    "operating_conditions": Kind(condition=True),
    "lives_begin_anew_after_repairs": Kind(machines=20, calendar=True, lives=3),
    "lives_that_have_not_ended": Kind(unfinished=0.4),
    "two_failure_modes": Kind(machines=80, ends=((15.0, 0.0), (0.0, 15.0))),
    "two_failure_modes_in_opposite_directions": Kind(machines=80, ends=((15.0, 0.0), (-15.0, 0.0)), share=0.4),
}


def contract(kind: Kind) -> Contract:
    columns = [f"      {name}: {{type: number, unit: bar, nullable: true, description: Sensor}}" for name in SENSORS]
    if kind.condition:
        columns.append('      load: {type: number, unit: "%", role: condition, description: Load}')
    words = {"TIME": "instant, period: 1h", "TYPE": "instant", "UNIT": "UTC", "TICKS": "h"} if kind.calendar else {
        "TIME": "cycle, period: 1 cycle", "TYPE": "integer", "UNIT": "cycles", "TICKS": "cycles"}
    text = HEAD + "\n".join(columns) + TAIL
    for word, value in words.items():
        text = text.replace(word, value)
    return parse_contract(text, "presses")


def fleet(kind: Kind, seed: int = 0) -> Tables:
    """Machines whose state drifts exponentially towards one end for each failure mode."""
    rng, parts, failures = np.random.default_rng(seed), [], []
    loadings = np.random.default_rng(99).normal(size=(2, len(SENSORS)))
    for number in range(kind.machines):
        name, began = f"m{number:03d}", 0.0
        for _ in range(kind.lives):
            length = float(np.round(LIFE * np.exp(0.2 * rng.normal())))
            seen = length * rng.uniform(0.3, 0.9) if rng.random() < kind.unfinished else length
            step = rng.choice([0.5, 1, 1, 4], 600) if kind.gaps else np.ones(600)
            age = np.cumsum(step)[np.cumsum(step) <= seen]
            mode = int(rng.integers(len(kind.ends)))
            growth = np.exp(-(length - age) / (TAU * np.exp(0.2 * rng.normal())))
            end = kind.ends[mode] + rng.normal(size=2) * [0.3, 2.0]
            state = rng.normal(size=2) * (1 - growth[:, None]) + end * growth[:, None]
            values = state @ loadings + rng.normal(size=(len(age), len(SENSORS)))
            load = rng.choice([50.0, 80.0], len(age))
            values += kind.condition * 0.5 * (load[:, None] - 50)
            values[rng.random(values.shape) < kind.missing] = np.nan
            values[:, 0] = np.nan if kind.dead and number % 2 else values[:, 0]
            parts.append(pd.DataFrame(values, columns=list(SENSORS)).assign(
                machine_id=name, time=began + age, target_rul=length - age if seen == length else np.nan,
                truth=length - age, load=load))
            failures += [(name, began + length, f"mode {mode}")] * (seen == length)
            began += length
    table = pd.concat(parts, ignore_index=True)
    broken = pd.DataFrame(failures, columns=["machine_id", "time", "mode"])
    for each in (table, broken):
        each["time"] = (START + pd.to_timedelta(each["time"], unit="h")).astype("datetime64[us, UTC]") if (
            kind.calendar) else each["time"].astype(int)
    rows = table[["machine_id", "time", "target_rul", "truth"]].assign(partition=0, part="train")
    nothing = pd.DataFrame({"machine_id": pd.Series(dtype=str), "time": table["time"].iloc[:0]})
    return Tables(table.drop(columns=["target_rul", "truth"] + ["load"] * (not kind.condition)), rows,
                  nothing.assign(code=""), nothing.assign(component=""), broken,
                  pd.DataFrame({"machine_id": table["machine_id"].unique(), "is_test": False}))


def planned(kind: Kind, tables: Tables) -> FeaturePlan:
    known = contract(kind)
    learned = learn(known, tables.telemetry, tables.rows, keep_every=1)
    return build_plan(known, PARAMS, learned, {name: getattr(tables, name) for name in (
        "errors", "maintenance", "failures", "machines")})


def error(plan: FeaturePlan, tables: Tables) -> tuple[float, float]:
    """RMSE of the capped remaining life by the drift, and of the best constant."""
    found = compute_matrix(plan, tables)[:, plan.names.index("wear_drift_remaining")]
    truth = np.minimum(tables.rows["truth"].to_numpy(), CAP)
    known = ~np.isnan(found)
    assert known.mean() > 0.95
    return float(np.sqrt(((found - truth)[known] ** 2).mean())), float(truth.std())


@pytest.mark.parametrize("name", KINDS)
def test_machines_not_seen_are_forecast(name: str) -> None:
    kind = KINDS[name]
    plan = planned(kind, fleet(kind))
    assert plan.drift is not None, plan.without_drift
    ours, constant = error(plan, fleet(replace(kind, unfinished=0.0), seed=1))
    assert ours < kind.share * constant


def test_as_few_lives_as_are_asked_for_are_enough() -> None:
    kind = Kind(machines=FEWEST)
    plan = planned(kind, fleet(kind))
    assert plan.drift is not None, plan.without_drift
    ours, constant = error(plan, fleet(KINDS["cycles"], seed=1))
    assert ours < kind.share * constant


def test_with_fewer_lives_the_plan_says_so_and_keeps_the_index() -> None:
    kind = Kind(machines=FEWEST - 1)
    plan = planned(kind, fleet(kind))
    assert plan.without_drift == f"fewer than {FEWEST} lives of training machines ended in a failure"
    assert plan.health is not None
    assert not any(feature.kind == "drift" for feature in plan.features)
