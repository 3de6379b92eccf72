"""Small fleets drawn from a seed, a contract for them, and features computed the slow way, by definition."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy.stats import multivariate_normal

from oilcan.contract import Contract, parse_contract
from oilcan.core.features.arrays import FLEET_TABLES, Arrays, Tables
from oilcan.core.features.drift.drift_model import DriftModel
from oilcan.core.features.families import drift
from oilcan.core.features.families.registry import FAMILIES
from oilcan.core.features.learning import learn, merge
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.features.signals.hidden_state import HiddenState
from oilcan.core.features.signals.regimes import Clusters
from oilcan.params.stages.featurize import FeaturizeParams

START = pd.Timestamp("2024-03-01", tz="UTC")
CONTRACT = """
name: tryout
version: 1
description: machines for tests
source: {licence: CC0}
time: {kind: instant, period: 1h}
tables:
  telemetry:
    grain: one row per machine and reading
    files: [telemetry.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      load_pct: {type: number, unit: "%", role: condition, nullable: true, description: Load}
      heat: {type: number, unit: degC, nullable: true, description: Temperature}
      shake: {type: number, unit: mm/s, nullable: true, description: Vibration}
      odometer: {type: number, unit: h, description: Running hours}
      state: {type: text, unit: none, description: State of the controller}
      broken: {type: flag, unit: none, role: label, description: Is it broken}
  machines:
    grain: one row per machine
    files: [machines.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      model: {type: text, unit: none, role: static, description: Model}
      since: {type: instant, unit: UTC, role: static, description: Commissioned}
      power_kw: {type: number, unit: kW, role: static, description: Rated power}
      owner: {type: text, unit: none, personal: hash, description: Owner}
  failures:
    grain: one row per breakdown
    files: [failures.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: Instant}
      mode: {type: text, unit: none, description: Mode}
failures: {from: table}
tasks:
  failure: {kind: failure_within, horizon: 12h, lead_time: 1h}
  rul: {kind: rul, cap: 40h}
rows: {stride: 2h, windows: [WINDOWS]}
split: {by: time, validation: 0.15, test: 0.2}
costs: {missed_failure_eur: 9, false_alarm_eur: 1, planned_repair_eur: 2}
"""
PARAMS = FeaturizeParams(families=[*FAMILIES, "health", "residual"], stats=["mean", "std", "min", "max"], regimes=True,
                         max_regimes=8, lean=True, drop_constant=True)

DRIFT = DriftModel(
    time_constants=(5.0, 20.0, 80.0), remaining=(2.0, 8.0, 25.0, 70.0), width=(4.0, 9.0, 25.0, 60.0),
    ends_mean=(0.0, 5.0, 10.0, -20.0), ends_slope=((1.0, 0.5), (0.0, 0.0), (0.0, 2.0), (-1.0, 3.0)),
    ends_covariance=((30.0, -20.0, 2.0, 1.0), (-20.0, 90.0, 3.0, -9.0), (2.0, 3.0, 5.0, 4.0), (1.0, -9.0, 4.0, 400.0)),
    log_mean=(3.0, 4.0),
    log_covariance=((0.5, 0.1), (0.1, 0.8)), cap=40.0)


def contract(windows: str = "3h, 10h, 30h") -> Contract:
    return parse_contract(CONTRACT.replace("WINDOWS", windows), "tryout")


def fleet(seed: int, machines: int = 4, readings: int = 110, *, separate: bool = False) -> Tables:
    """Irregular readings with gaps and missing values; some events stand exactly at readings.

    With `separate`, machines run at one of two loads, and their sensors are noisier at the higher one.
    """
    rng = np.random.default_rng(seed)
    names = [f"m{at}" for at in range(machines)]
    parts = []
    for at, name in enumerate(names):
        minutes = np.cumsum(rng.choice([15, 30, 60, 60, 60, 120, 900], size=readings)) + rng.integers(0, 300)
        load = rng.choice([50.0, 70.0], readings) if separate else 50 + 20 * rng.random(readings)
        noise = np.where(separate & (load == 70), 4.0, 1.0)
        heat = 30 + 0.4 * load + at + noise * rng.normal(size=readings)
        parts.append(pd.DataFrame({
            "machine_id": name, "time": (START + pd.to_timedelta(minutes, unit="min")).as_unit("us"),
            "load_pct": _holes(load, rng), "heat": _holes(heat, rng),
            "shake": _holes(1e4 + noise * np.cumsum(rng.normal(size=readings)), rng),
            "odometer": np.cumsum(rng.integers(1, 4, readings)).astype(float),
            "state": rng.choice(["idle", "run"], readings), "broken": rng.random(readings) < 0.1,
        }))  # fmt: skip
    telemetry = pd.concat(parts, ignore_index=True)
    rows = telemetry[["machine_id", "time"]].iloc[::2].assign(partition=0, part="train", target_failure=0.0)
    rows["target_rul"] = 60.0 - rows.groupby("machine_id").cumcount()
    return Tables(
        telemetry, rows.reset_index(drop=True), _events(rng, telemetry, "code", ["e1", "e2"]),
        _events(rng, telemetry, "component", ["pump", "seal"]), _events(rng, telemetry, "mode", ["crack"]),
        pd.DataFrame({"machine_id": names, "is_test": False, "model": rng.choice(["A", "B"], machines),
                      "since": START - pd.to_timedelta(rng.integers(1, 99, machines), unit="D"),
                      "power_kw": rng.random(machines), "owner": names}),
    )  # fmt: skip


def _holes(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(values)) < 0.1, np.nan, values)


def _events(rng: np.random.Generator, telemetry: pd.DataFrame, column: str, values: list[str]) -> pd.DataFrame:
    some = telemetry[["machine_id", "time"]].sample(8, random_state=int(rng.integers(2**31)))
    shift = pd.to_timedelta(rng.choice([0, 0, 20, 300], len(some)), unit="min")
    return some.assign(time=(some["time"] + shift).astype("datetime64[us, UTC]"),
                       **{column: rng.choice(values, len(some))}).reset_index(drop=True)


def plan_for(tables: Tables, windows: str = "3h, 10h, 30h", **changes: object) -> FeaturePlan:
    """The plan learned from a fleet, all families on, with a drift model."""
    return with_drift(build(tables, windows, **changes))


def build(tables: Tables, windows: str = "3h, 10h, 30h", **changes: object) -> FeaturePlan:
    """The plan as it is learned from a fleet."""
    known = contract(windows)
    learned = learn(known, tables.telemetry, tables.rows, keep_every=1)
    everything = {name: getattr(tables, name) for name in FLEET_TABLES}
    return build_plan(known, PARAMS.model_copy(update=changes), merge([learned]), everything)


def with_drift(plan: FeaturePlan) -> FeaturePlan:
    """The plan with a drift model written by hand: four machines have too few lives to learn one.

    As it is where the plan was made without the family, or without a health index.
    """
    if "lives" not in plan.without_drift or plan.health is None:
        return plan
    turned = tuple(tuple(weight * (-1) ** at for at, weight in enumerate(row)) for row in plan.health.weight)
    state = HiddenState(plan.health.sensors, plan.health.offset, tuple(zip(plan.health.weight, turned, strict=True)),
                        tuple(1.0 + at for at in range(len(plan.health.weight))))
    facts = SimpleNamespace(has_drift=True, tick="h")
    return replace(plan, state=state, drift=DRIFT, features=(*plan.features, *drift.propose(facts)))


def only(plan: FeaturePlan, kind: str) -> FeaturePlan:
    return replace(plan, features=tuple(feature for feature in plan.features if feature.kind == kind))


def exactly(plan: FeaturePlan, kind: str, tables: Tables) -> np.ndarray:
    """One family in float64."""
    return FAMILIES[kind].compute(Arrays(plan, tables), [f for f in plan.features if f.kind == kind])


def by_definition(plan: FeaturePlan, kind: str, tables: Tables) -> np.ndarray:
    """The same, one row and one feature at a time, from the formulas of docs/features.md."""
    arrays = Arrays(plan, tables)
    readings = arrays.readings.reset_index(drop=True)
    values = pd.DataFrame(arrays.values, columns=plan.columns)
    counts = pd.DataFrame(1.0, index=values.index, columns=plan.columns)
    if isinstance(plan.regimes, Clusters) and plan.health:
        regime = plan.regimes.regime(readings[list(plan.regimes.conditions)].to_numpy())
        counts["health_index"] = np.array(plan.health.precision)[regime]
        if plan.state:
            counts["state_1"] = np.array(plan.state.precision)[regime]
    out = []
    for machine, now in tables.rows[["machine_id", "time"]].itertuples(index=False):
        past = (readings["machine_id"] == machine) & (readings["time"] <= now)
        view = _Past(plan, tables, machine, now, readings.loc[past, "time"], values[past], counts[past])
        out.append([getattr(view, feature.kind)(feature) for feature in plan.features if feature.kind == kind])
    return np.array(out, dtype=float)


def mean(x: pd.Series, w: pd.Series) -> float:
    """Weighted mean; NaN of nothing."""
    return (w * x).sum() / w.sum() if len(x) else np.nan


class _Past:
    """All that is known of one machine at one instant."""

    def __init__(self, plan, tables, machine, now, times, values, counts):
        self.plan, self.tables, self.machine, self.now = plan, tables, machine, now
        self.times, self.values, self.counts = times, values, counts

    def _between(self, sensor: str, begin: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Readings x there in (begin, end], their hours t, and what each counts, w."""
        table = pd.DataFrame({"x": self.values[sensor], "w": self.counts[sensor],
                              "t": (self.times - START) / pd.Timedelta("1h")})  # fmt: skip
        return table[(self.times > begin) & (self.times <= end)].dropna()

    def _window(self, sensor: str, window: float = 1e6) -> pd.DataFrame:
        return self._between(sensor, self.now - pd.Timedelta(hours=window), self.now)

    def level(self, feature):
        return self.values[feature.sensor].iloc[-1]

    def trailing(self, feature):
        found = self._window(feature.sensor, feature.window)
        if feature.statistic == "mean":
            return mean(found.x, found.w)
        if feature.statistic == "std":
            return np.sqrt(mean((found.x - mean(found.x, found.w)) ** 2, found.w)) if len(found) > 1 else np.nan
        return getattr(found.x, feature.statistic)()

    def slope(self, feature):
        found = self._window(feature.sensor, 1e6 if feature.window is None else feature.window)
        t = found.t - mean(found.t, found.w)
        square = (found.w * t * t).sum()
        return (found.w * t * (found.x - mean(found.x, found.w))).sum() / square if len(found) > 1 else np.nan

    def ewm(self, feature):
        found = self._window(feature.sensor)
        weight = found.w * 0.5 ** (((self.now - START) / pd.Timedelta("1h") - found.t) / feature.window)
        return mean(found.x, weight) if weight.sum() >= 2.0**-64 else np.nan

    def early_life(self, feature):
        all_times = self.tables.telemetry.loc[self.tables.telemetry["machine_id"] == self.machine, "time"]
        begun = all_times.min() - pd.Timedelta(microseconds=1)
        if feature.statistic == "renewed":
            begun = max([begun, *self._records("maintenance", None), *self._records("failures", None)])
        if feature.statistic == "trend":
            return self.slope(feature)
        until = begun + pd.Timedelta(hours=1e5 if feature.statistic == "life" else self.plan.reference)
        normal = self._between(feature.sensor, begun, until)
        now = self._window(feature.sensor, 1e6 if feature.window is None else feature.window)
        moved = mean(now.x, now.w) - mean(normal.x, normal.w)
        lived = (self.now - all_times.min()) / pd.Timedelta("1h")
        return moved / max(lived, feature.window) if feature.statistic == "rate" else moved

    def drift(self, feature):
        """The posterior by the whole joint normal distribution of the readings, cell by cell of the grid."""
        all_times = self.tables.telemetry.loc[self.tables.telemetry["machine_id"] == self.machine, "time"]
        begun = max([all_times.min() - pd.Timedelta(microseconds=1), *self._records("maintenance", None),
                     *self._records("failures", None)])
        table = pd.DataFrame({"a": self.values["state_1"], "b": self.values["state_2"], "w": self.counts["state_1"],
                              "s": (self.times - begun) / pd.Timedelta("1h")})[self.times > begun]
        if feature.statistic == "margin" and len(table.dropna()):
            table = table.dropna()
            fade = table.w * np.exp(-((self.now - begun) / pd.Timedelta("1h") - table.s) / 5.0)
            return DRIFT.margin - mean(table.a, fade)
        table = table.dropna()
        if not len(table):
            return np.nan
        age = (self.now - begun) / pd.Timedelta("1h")
        cells = [(tau, r, self._log_cell(table, age, tau, r) + np.log(width)) for tau in DRIFT.time_constants
                 for r, width in zip(DRIFT.remaining, DRIFT.width, strict=True)]
        tau, r, log = (np.array(each) for each in zip(*cells, strict=True))
        weight = np.exp(log - log.max()) / np.exp(log - log.max()).sum()
        r = np.minimum(r, DRIFT.cap)
        return {"remaining": weight @ r, "doubt": np.sqrt(weight @ r**2 - (weight @ r) ** 2),
                "constant": np.exp(weight @ np.log(tau))}[feature.statistic]

    @staticmethod
    def _log_cell(table: pd.DataFrame, age: float, tau: float, r: float) -> float:
        z = np.array([np.log(tau), np.log(age + r)]) - DRIFT.log_mean
        log = multivariate_normal.logpdf(z, cov=DRIFT.log_covariance) - z[1]
        g = np.exp(-(age + r - table.s.to_numpy()) / tau)
        design = np.kron(np.column_stack([1 - g, g])[:, None, :], np.eye(2)).reshape(-1, 4)   # a, b of each
        ends = np.array(DRIFT.ends_mean) + np.array(DRIFT.ends_slope) @ z
        spread = design @ np.array(DRIFT.ends_covariance) @ design.T + np.diag(np.repeat(1.5 / table.w, 2))
        log += multivariate_normal.logpdf(table[["a", "b"]].to_numpy().ravel(), design @ ends, spread)
        return log

    def fleet(self, feature):
        reference = next(r for r in self.plan.fleet if r.sensor == feature.sensor)
        value = self._machine(reference.column)
        at = reference.values.index(value) if value in reference.values else -1
        found = self._window(feature.sensor, feature.window)
        return (mean(found.x, found.w) - reference.mean[at]) / reference.std[at]

    def _machine(self, column: str):
        return self.tables.machines.set_index("machine_id").loc[self.machine, column]

    def _records(self, table: str, value: str | None) -> list[pd.Timestamp]:
        frame = getattr(self.tables, table)
        known = frame["time"] <= self.now if table == "errors" else frame["time"] < self.now
        frame = frame[known & (frame["machine_id"] == self.machine)]
        if value is not None:
            frame = frame[frame[{"errors": "code", "maintenance": "component", "failures": "mode"}[table]] == value]
        return sorted(frame["time"].unique())

    def events(self, feature):
        if feature.statistic == "elapsed":
            return (self.now - self.times.min()) / pd.Timedelta("1h")
        tables = ["maintenance", "failures"] if feature.sensor == "renewals" else [feature.sensor]
        records = sorted(time for table in tables for time in self._records(table, feature.value))
        if feature.statistic == "total":
            return len(records)
        if feature.statistic == "count":
            return sum(time > self.now - pd.Timedelta(hours=feature.window) for time in records)
        return (self.now - records[-1]) / pd.Timedelta("1h") if records else np.nan

    def static(self, feature):
        value = self._machine(feature.sensor)
        if feature.statistic == "code":
            seen = next(c.values for c in self.plan.categories if c.column == feature.sensor)
            return seen.index(value) if value in seen else -1
        return (self.now - value) / pd.Timedelta("1h") if feature.statistic == "age" else value
