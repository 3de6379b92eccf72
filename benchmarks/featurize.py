"""Time and memory of trailing windows: Oilcan, rolling windows of pandas and polars, and tsflex, in one run.

    python benchmarks/featurize.py                    # 20 machines, half a year, hourly
    python benchmarks/featurize.py --machines 100 --days 365 --skip tsflex

Needs requirements/bench.txt in an environment of its own. Mean, std, min and max of 8 sensors over
24, 72 and 168 h, at every sixth hour, from and to Parquet, one process and one thread each. `floor`
reads the readings and writes a table of the same size; `oilcan_all` adds level, ewm, slope and early
life. The best of several runs counts; `x` is processor time above the floor, Oilcan's being 1;
`differs` is the greatest difference from Oilcan's results, as float32.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

SENSORS = [f"sensor_{at}" for at in range(8)]
WINDOWS_H = (24, 72, 168)
STATS = ("mean", "std", "min", "max")
STRIDE_H = 6
NAMES = [f"{sensor}_{stat}_{window}h" for sensor in SENSORS for window in WINDOWS_H for stat in STATS]


def draw(machines: int, days: int, folder: Path) -> None:
    """Hourly readings, one in a hundred missing, and the rows at which features are wanted."""
    rng, hours = np.random.default_rng(1), days * 24
    clock = pd.date_range("2024-01-01", periods=hours, freq="h", tz="UTC").as_unit("us")
    table = pd.DataFrame({"machine_id": np.repeat([f"m{at:04d}" for at in range(machines)], hours),
                          "time": np.tile(clock, machines)})  # fmt: skip
    for sensor in SENSORS:
        values = rng.normal(50, 5, len(table))
        table[sensor] = np.where(rng.random(len(table)) < 0.01, np.nan, values)
    table.to_parquet(folder / "telemetry.parquet", compression="zstd")


def rows_of(telemetry: pd.DataFrame) -> np.ndarray:
    """Positions of the rows: every sixth hour."""
    return np.flatnonzero(telemetry["time"].dt.hour % STRIDE_H == 0)


def floor(telemetry: pd.DataFrame) -> pd.DataFrame:
    """A table of the size of the result, at no cost."""
    noise = telemetry[SENSORS[0]].to_numpy(np.float32)[rows_of(telemetry)]
    return pd.DataFrame({name: noise + np.float32(at) for at, name in enumerate(NAMES)})


def oilcan(telemetry: pd.DataFrame, *, every_family: bool = False) -> pd.DataFrame:
    """The batch engine of the stage."""
    from oilcan.core.features.arrays import Tables
    from oilcan.core.features.batch import compute_matrix
    from oilcan.core.features.plan import Feature, FeaturePlan, Sensor

    kinds = [("trailing", stat, window) for window in WINDOWS_H for stat in STATS]
    if every_family:
        kinds += [("level", "level", None)]
        kinds += [(kind, stat, w) for w in WINDOWS_H
                  for kind, stat in (("ewm", "ewm"), ("slope", "slope"), ("early_life", "early"))]  # fmt: skip
    wanted = tuple(
        Feature(f"{sensor}_{stat}" + (f"_{window}h" if window else ""), kind, sensor, stat,
                         None if window is None else float(window), "", "", sensor)
        for sensor in SENSORS for kind, stat, window in kinds
    )  # fmt: skip
    sensors = tuple(Sensor(sensor, "", "", "plain") for sensor in SENSORS)
    plan = FeaturePlan("bench", 1, "instant", wanted, sensors, reference=168.0)
    rows = telemetry[["machine_id", "time"]].iloc[rows_of(telemetry)]
    none = pd.DataFrame({"machine_id": pd.Series(dtype=str), "time": telemetry["time"].iloc[:0]})
    tables = Tables(telemetry, rows, none, none, none, none)
    return pd.DataFrame(compute_matrix(plan, tables), columns=plan.names)


def pandas_rolling(telemetry: pd.DataFrame) -> pd.DataFrame:
    """DataFrameGroupBy.rolling by time, then the rows picked."""
    picked, out = rows_of(telemetry), {}
    grouped = telemetry.groupby("machine_id", sort=False)
    for window in WINDOWS_H:
        rolling = grouped.rolling(f"{window}h", on="time", min_periods=1)[SENSORS]
        for stat in STATS:
            result = rolling.std(ddof=0) if stat == "std" else getattr(rolling, stat)()
            for sensor in SENSORS:
                out[f"{sensor}_{stat}_{window}h"] = result[sensor].to_numpy(np.float32)[picked]
    return pd.DataFrame(out)[NAMES]


def polars_rolling(telemetry: pd.DataFrame) -> pd.DataFrame:
    """`rolling_*_by` over each machine, then the rows picked."""
    import polars as pl

    windows = []
    for sensor in SENSORS:
        known = pl.col(sensor).fill_nan(None)               # pandas marks a missing reading as NaN
        for window in WINDOWS_H:
            for stat in STATS:
                more = {"ddof": 0} if stat == "std" else {}
                result = getattr(known, f"rolling_{stat}_by")("time", f"{window}h", min_samples=1, **more)
                windows.append(result.over("machine_id").cast(pl.Float32).alias(f"{sensor}_{stat}_{window}h"))
    table = pl.from_pandas(telemetry).select(windows)[rows_of(telemetry)]
    return table.to_pandas()


def _of_some(function: Callable[..., float]) -> Callable[[np.ndarray], float]:
    """NaN of an empty window, which tsflex hands on as it is."""
    def guarded(values: np.ndarray) -> float:
        return function(values) if len(values) else np.nan
    return guarded


def tsflex(telemetry: pd.DataFrame) -> pd.DataFrame:
    """One FeatureCollection, machine by machine; its windows end at the rows asked for."""
    from tsflex.features import FeatureCollection, FuncWrapper, MultipleFeatureDescriptors

    hour = pd.Timedelta("1h")
    collection = FeatureCollection(MultipleFeatureDescriptors(
        functions=[FuncWrapper(_of_some(getattr(np, stat)), output_names=stat) for stat in STATS],
        series_names=SENSORS, windows=[f"{window}h" for window in WINDOWS_H],
    ))  # fmt: skip
    parts = []
    for _, machine in telemetry.groupby("machine_id", sort=False):
        table = machine.set_index("time")[SENSORS]
        ends = table.index[table.index.hour % STRIDE_H == 0] + hour / 2     # its windows are [begin, end)
        found = collection.calculate(
            [table[sensor].dropna() for sensor in SENSORS], segment_end_idxs=ends, return_df=True, n_jobs=1,
            bound_method="outer", approve_sparsity=True,
        )  # fmt: skip
        parts.append(found.reindex(ends))
    table = pd.concat(parts, ignore_index=True).astype(np.float32)
    renamed = {}
    for name in table.columns:
        sensor, stat, window = str(name).split("__")
        hours = pd.Timedelta(window.removeprefix("w=")) / hour
        renamed[name] = f"{sensor}_{stat}_{hours:g}h"
    return table.rename(columns=renamed)[NAMES]


def oilcan_all(telemetry: pd.DataFrame) -> pd.DataFrame:
    """Level, ewm, slope and early life on top."""
    return oilcan(telemetry, every_family=True)


CONTENDERS = {each.__name__: each for each in (floor, oilcan, oilcan_all, pandas_rolling, polars_rolling, tsflex)}


def measure(name: str, folder: Path) -> dict[str, float]:
    """One contender in a process of its own: seconds of the processor and of the clock, peak memory."""
    code = (f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
            f"import featurize; featurize.one({name!r}, {str(folder)!r})")  # fmt: skip
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS",
                            "POLARS_MAX_THREADS"), "1")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | single,
                          check=False)  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def one(name: str, folder: str) -> None:
    """Read, compute, write; print what it took. Imports are not counted."""
    place = Path(folder)
    CONTENDERS[name](pd.read_parquet(place / "telemetry.parquet").head(400))     # import and warm
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu, wall = time.process_time(), time.perf_counter()
    result = CONTENDERS[name](pd.read_parquet(place / "telemetry.parquet"))
    result.to_parquet(place / f"{name}.parquet", compression="zstd")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall,
                      "peak_mib": peak, "before_mib": base, "columns": result.shape[1]}))  # fmt: skip


def greatest_difference(folder: Path, name: str) -> float:
    """Of the shared features, in units of the readings, where both have a value."""
    left, right = (pd.read_parquet(folder / f"{each}.parquet")[NAMES].to_numpy() for each in ("oilcan", name))
    return float(np.nanmax(np.abs(left - right)))


def main() -> None:
    """Draw, measure each, print the table with ratios to Oilcan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=20)
    parser.add_argument("--days", type=int, default=182)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--skip", action="append", default=[], choices=list(CONTENDERS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw(args.machines, args.days, folder)
        print(f"{args.machines * args.days * 24:,} readings x {len(SENSORS)} sensors, one thread each")
        print(f"{'':16}{'features':>9}{'cpu s':>9}{'wall s':>9}{'peak MiB':>10}{'x':>8}{'differs':>10}")
        names = [name for name in CONTENDERS if name not in args.skip]
        runs = [{name: measure(name, folder) for name in names} for _ in range(args.repeat)]
        found = {name: min((run[name] for run in runs), key=lambda took: took["cpu_s"]) for name in names}
        base = found["floor"]["cpu_s"]
        for name, took in found.items():
            ratio = (took["cpu_s"] - base) / (found["oilcan"]["cpu_s"] - base)
            differs = "" if name == "floor" else f"{greatest_difference(folder, name):.1e}"
            print(f"{name:16}{took['columns']:9}{took['cpu_s']:9.2f}{took['wall_s']:9.2f}{took['peak_mib']:10.0f}"
                  f"{ratio:8.1f}{differs:>10}")  # fmt: skip


if __name__ == "__main__":
    main()
