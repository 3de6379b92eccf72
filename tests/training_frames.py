"""Small prepared rows and features with a known signal, in memory and as the stages read them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from oilcan.contract import Contract, parse_contract
from oilcan.core.features.plan import Feature, FeaturePlan
from oilcan.ground.section import Section
from oilcan.io.stage import files, table_files
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.train import BoostingParams, ForestParams, OutlookParams, TrainParams
from oilcan.training.ensembles.ensemble import Ensemble
from oilcan.training.ensembles.known_ensembles import ENSEMBLES
from oilcan.training.recipe import Recipe
from oilcan.training.thinning import Thinning
from oilcan.training.training_data import PartRows, TrainingData

ROOT = Path(__file__).parents[1]
MODES = ("bearing", "seal")
STEP = 6.0
BOOSTING = BoostingParams(iterations=25, learning_rate=0.2, max_leaf_nodes=8, min_samples_leaf=5, l2=1.0,
                          max_features=1.0, bags=1)
FOREST = ForestParams(trees=15, max_depth=6, min_samples_leaf=2, max_features=0.5, max_samples=0.8)
NO_OUTLOOK = OutlookParams(horizons=[], negatives_per_positive=6.0, iterations=15)
OUTLOOK = NO_OUTLOOK.model_copy(update={"horizons": [0.333, 1.0, 2.0]})
COMPUTE = ComputeParams(backend="threading", jobs=1)

_HEAD = """
version: 1
description: made for tests
source: {licence: CC0-1.0}
costs: {missed_failure_eur: 20000, false_alarm_eur: 800, planned_repair_eur: 4000}
"""
FLEET = "name: fleet\n" + _HEAD + """
time: {kind: instant, period: 6h}
tables:
  telemetry:
    grain: machine, time
    files: ["*.csv"]
    columns:
      machine_id: {type: text, unit: none, description: id}
      time: {type: instant, unit: UTC, description: instant}
      x: {type: number, unit: mm/s, description: vibration}
  failures:
    grain: machine, time, mode
    files: ["failures.csv"]
    columns:
      machine_id: {type: text, unit: none, description: id}
      time: {type: instant, unit: UTC, description: instant}
      mode: {type: text, unit: none, description: mode}
failures: {from: table}
tasks:
  failure: {kind: failure_within, horizon: 48h, lead_time: 6h, modes: true}
  rul: {kind: rul, cap: 240h}
rows: {windows: [24h]}
split: {by: time, validation: 0.2, test: 0.2}
refractory: 54h
"""
INDEPENDENT = "name: independent\n" + _HEAD + """
time: {kind: none}
tables:
  telemetry:
    grain: row
    files: ["*.csv"]
    columns:
      machine_id: {type: text, unit: none, description: id}
      x: {type: number, unit: Nm, description: torque}
      broken: {type: flag, unit: none, description: label, role: label}
failures: {from: none}
tasks: {broken: {kind: label, column: broken}}
split: {by: row, validation: 0.2, test: 0.2}
"""


def recipe(family: str = "hist_gradient_boosting", *, regression: bool = False) -> Recipe:
    thinning = Thinning(negatives_per_positive=0.0, min_rows=0, max_rows=0, class_weight="none")
    return Recipe((ensemble(family),), regression, thinning, seed=1)


def ensemble(family: str, **changes: Section) -> Ensemble:
    """By the small values of `train_params`, or by other sections."""
    kind = ENSEMBLES[family]
    return kind.make(getattr(train_params(**changes), kind.sections["failure_within"]))


def contract(text: str = FLEET) -> Contract:
    return parse_contract(text, "test")


def train_params(**changes: object) -> TrainParams:
    values: dict[str, object] = {
        "seed": 1, "model": "hist_gradient_boosting", "life_model": "hist_gradient_boosting",
        "label_model": "hist_gradient_boosting", "monotone": None,
        "outlook": NO_OUTLOOK, "calibration": "sigmoid", "negatives_per_positive": 0.0, "min_rows": 0,
        "max_rows": 0, "class_weight": "none", "min_mode_failures": 3, "early_stopping_share": 0.0, "refit": True,
        "random_forest": FOREST, "label_forest": FOREST, "committee_forest": FOREST,
        "hist_gradient_boosting": BOOSTING, "life_boosting": BOOSTING,
    }
    return TrainParams(**(values | changes))


def fleet(machines: int = 12, rows: int = 160, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Rows, features (the first two show the wear of one mode each, the rest noise) and failures."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    frames, blocks, broken = [], [], []
    t = np.arange(rows) * STEP
    for number in range(machines):
        name = f"m{number:02d}"
        block = rng.normal(size=(rows, 6)).astype(np.float32)
        left = []
        both = np.zeros(0)
        for at, mode in enumerate(MODES):
            failures = 100.0 + 260.0 * at + 40.0 * number % 97 + np.arange(4) * 330.0 + np.round(rng.uniform(0, 60, 4))
            failures = failures[failures < rows * STEP]
            both = np.sort(np.append(both, failures))
            broken += [(name, start + pd.Timedelta(hours=float(hour)), mode) for hour in failures]
            nearest = np.searchsorted(failures, t, side="right")
            left.append(np.append(failures, np.inf)[nearest] - t)
            block[:, at] += 12.0 * np.exp(-left[at] / 40.0)
        frame = pd.DataFrame({"partition": number // 6, "machine_id": name,
                              "time": (start + pd.to_timedelta(t, unit="h")).astype("datetime64[us, UTC]")})
        share = t / (rows * STEP)
        frame["part"] = np.select([share < 0.6, share < 0.8], ["train", "validation"], "test")
        for mode, ticks in zip(("", *(f"__{mode}" for mode in MODES)), (np.min(left, axis=0), *left), strict=True):
            frame[f"target_failure{mode}"] = np.where(
                t + 54.0 > rows * STEP, np.nan, ((ticks > 6.0) & (ticks <= 54.0)).astype(float))
        ahead = np.array([np.append(both[both > hour + 6.0], np.nan)[0] for hour in t])
        frame["wait_failure"], frame["seen_failure"] = ahead - t - 6.0, np.maximum(rows * STEP - t - 6.0, 0.0)
        frame["next_failure_failure"] = np.min(left, axis=0)
        frame["target_rul"] = np.where(np.isfinite(np.min(left, axis=0)), np.min(left, axis=0), np.nan)
        frame["bound_rul"] = rows * STEP - t
        block[rng.random(block.shape) < 0.03] = np.nan
        frames.append(frame)
        blocks.append(block)
    events = pd.DataFrame(broken, columns=["machine_id", "time", "mode"])
    return pd.concat(frames, ignore_index=True), np.concatenate(blocks), events.astype({"time": "datetime64[us, UTC]"})


def independent(n: int = 600, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 6)).astype(np.float32)
    rows = pd.DataFrame({
        "partition": 0, "machine_id": [f"r{at:04d}" for at in range(n)],
        "part": rng.choice(["train", "validation", "test"], n, p=[0.6, 0.2, 0.2]),
        "target_broken": (matrix[:, 0] + 0.5 * rng.normal(size=n) > 1.2).astype(float),
    })
    none = pd.DataFrame({"machine_id": pd.Series(dtype="str"), "mode": pd.Series(dtype="str")})
    return rows, matrix, none


def training_data(frames: tuple[pd.DataFrame, np.ndarray, pd.DataFrame]) -> TrainingData:
    rows, matrix, failures = frames
    train, validation = (
        PartRows(rows[rows["part"] == part].reset_index(drop=True), matrix[(rows["part"] == part).to_numpy()])
        for part in ("train", "validation")
    )
    features = plan(matrix.shape[1])
    machines = rows[["machine_id"]].drop_duplicates(ignore_index=True)
    return TrainingData(train, validation, tuple(features.names), features.hash, failures, machines)


def plan(n_features: int) -> FeaturePlan:
    features = tuple(Feature(f"s{at}", "level", f"s{at}", "level", None, "mm/s", "reading", f"Sensor {at}")
                     for at in range(n_features))
    return FeaturePlan("fleet", 1, "instant", features, ())


def write(folder: Path, frames: tuple[pd.DataFrame, np.ndarray, pd.DataFrame], text: str = FLEET,
          **train: object) -> dict[str, str]:
    """Everything that train, predict and package read; path of each by its name."""
    rows, matrix, failures = frames
    name = yaml.safe_load(text)["name"]
    paths = {"contract": folder / f"{name}.yaml", "prepared": folder / "prepared", "features": folder / "features",
             "params": folder / "params.yaml",
             "model": folder / "models/model",
             "description": folder / "models/model.json", "metrics": folder / "metrics/train.json",
             "predictions": folder / "predictions", "explained": folder / "metrics/explain.json",
             "reference": folder / "models/reference", "bundle": folder / "models/bundle"}
    folder.mkdir(exist_ok=True)
    paths["contract"].write_text(text)
    table_files.write_table(rows, paths["prepared"] / "rows.parquet")
    for name in ("failures", "judged_failures"):
        table_files.write_table(failures, paths["prepared"] / f"{name}.parquet")
    machines = rows[["machine_id"]].drop_duplicates(ignore_index=True)
    table_files.write_table(machines, paths["prepared"] / "machines.parquet")
    features = plan(matrix.shape[1])
    for partition, index in rows.groupby("partition").indices.items():
        key = rows.loc[index, [name for name in ("machine_id", "time") if name in rows]].reset_index(drop=True)
        table = pd.concat([key, pd.DataFrame(matrix[index], columns=features.names)], axis=1)
        table_files.write_table(table, paths["features"] / table_files.partition_name(int(partition)))
    paths["features"].joinpath("plan.json").write_text(json.dumps(features.to_json()))
    files.write_json({"watched": False, "reason": "a test"}, paths["reference"] / "reference.json")
    values = {"train": train_params(**train).model_dump(), "compute": COMPUTE.model_dump(),
              "predict": {"rows_per_batch": 100}, "explain": {"seed": 1, "rows": 300, "repeats": 2},
              "package": {"check_rows": 20},
              "prepare": {"seed": 1, "fill_gap_periods": 2}}
    paths["params"].write_text(yaml.safe_dump(values))
    return {name: str(path) for name, path in paths.items()}
