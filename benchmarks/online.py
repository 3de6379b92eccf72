"""A reading arrives: time to have all features again, against recomputing them and against a floor, in one run.

    python benchmarks/online.py                     # the plan of demo_fleet, simulated here
    python benchmarks/online.py --machines 500 --batch 500 --repeat 10

Contenders, per reading, after the machines have filled their longest window:

- `floor`: the readings are copied into an array, and a matrix of the features' size is filled from it.
- `apply`: the state moves on; no features are asked for.
- `online`: `apply` and `features`: all features of the plan, equal to batch.
- `pandas`: only mean, standard deviation, minimum and maximum of the contract's windows, by time-based
  `rolling` over the machine's longest window, one machine at a time, as a service without state does.
- `batch`: all features, by Oilcan's batch engine over the readings that the windows hold, all machines at once.

Contenders take turns; the median of the rounds counts. Seconds are those of the processor.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from oilcan.contract import Contract, parse_contract
from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.core.features.batch import compute_matrix
from oilcan.core.features.learning import learn, merge
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.online import OnlineFeatures
from oilcan.core.prepare.partitions import clean_readings
from oilcan.params.stages.featurize import FeaturizeParams

ROOT = Path(__file__).parents[1]
HOUR = 3_600_000_000
START = 1_700_000_000 * 1_000_000
COMPARED = 50       # machines that the slow contender recomputes in a round; time is per reading


def contract() -> Contract:
    """That of demo_fleet."""
    return parse_contract((ROOT / "datasets/demo_fleet.yaml").read_text(encoding="utf-8"), "demo_fleet")


def draw(known: Contract, machines: int, hours: int, seed: int) -> pd.DataFrame:
    """Hourly readings that follow load, speed and weather, one in a hundred missing."""
    rng, n = np.random.default_rng(seed), machines * hours
    load, speed = 75 + 12 * rng.standard_normal(n), 2000 + 150 * rng.standard_normal(n)
    columns = {"load_pct": np.clip(load, 0, 120), "speed_rpm": speed, "ambient_c": 15 + 8 * rng.standard_normal(n)}
    for at, name in enumerate(known.telemetry_columns("sensor")):
        columns[name] = (10 + 20 * at) * np.exp(0.004 * (load - 75) + 0.02 * rng.standard_normal(n)) / 3
    table = pd.DataFrame({name: np.where(rng.random(n) < 0.01, np.nan, each) for name, each in columns.items()})
    table.insert(0, "machine_id", np.repeat([f"m{at:05d}" for at in range(machines)], hours))
    clock = pd.to_datetime(START + np.arange(hours) * HOUR, unit="us", utc=True).as_unit("us")
    table.insert(1, "time", np.tile(clock, machines))
    return table


def tables_of(telemetry: pd.DataFrame, seed: int) -> Tables:
    """With rows every sixth hour that forecast a life's end, and some records of every kind."""
    rng, kinds = np.random.default_rng(seed), ["bearing", "seal", "motor", "filter"]
    rows = telemetry[["machine_id", "time"]].iloc[::6].assign(partition=0, part="train", target_failure=0.0)
    rows["target_rul"] = rng.uniform(0, 720, len(rows))
    keys, n = telemetry[["machine_id", "time"]], len(telemetry) // 200
    some = {name: keys.sample(n, random_state=at).reset_index(drop=True)
            for at, name in enumerate(("errors", "maintenance", "failures"))}  # fmt: skip
    ids = telemetry["machine_id"].unique()
    machines = pd.DataFrame({"machine_id": ids, "model": rng.choice(["P100", "P200"], len(ids)),
                             "site": rng.choice(["coast", "north"], len(ids)),
                             "commissioned": pd.Timestamp("2020-01-01", tz="UTC")})  # fmt: skip
    return Tables(
        telemetry, rows.reset_index(drop=True),
        some["errors"].assign(code=rng.choice([f"E{at}01" for at in range(8)], len(some["errors"]))),
        some["maintenance"].assign(component=rng.choice(kinds, len(some["maintenance"]))),
        some["failures"].assign(mode=rng.choice(kinds, len(some["failures"]))), machines,
    )  # fmt: skip


def plan_of(known: Contract) -> FeaturePlan:
    """What `featurize` would propose, with the parameters of params.yaml."""
    tables = tables_of(draw(known, 20, 500, seed=1), seed=2)
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["featurize"]
    learned = learn(known, tables.telemetry, tables.rows, keep_every=1)
    fleet = {name: getattr(tables, name) for name in FLEET_TABLES}
    return build_plan(known, FeaturizeParams(**settings), merge([learned]), fleet)


@dataclass
class Scene:
    """Machines that have filled their windows, and what arrives next: one reading of each of a batch, hour by hour."""

    plan: FeaturePlan
    known: Contract
    tables: Tables
    engine: OnlineFeatures
    slots: np.ndarray
    history: int
    fill: int

    def arriving(self, hour: int) -> tuple[np.ndarray, np.ndarray]:
        """Times and values of the batch's readings at an hour after the history."""
        n = len(self.tables.telemetry) // len(self.engine)
        values = self.tables.telemetry[list(self.engine.columns)].to_numpy()[self.history + hour :: n]
        return np.full(len(self.slots), START + (self.history + hour) * HOUR), values[: len(self.slots)]

    def floor(self, hour: int) -> np.ndarray:
        """Take the readings and hand out a matrix of the right size."""
        _, values = self.arriving(hour)
        out = np.empty((len(self.slots), len(self.plan.features)), np.float32)
        out[:] = values[:, :1].copy()
        return out

    def apply(self, hour: int) -> np.ndarray:
        """Move the state on."""
        return self.engine.apply(self.slots, *self.arriving(hour))

    def online(self, hour: int) -> np.ndarray:
        """Move the state on and ask for all features."""
        self.apply(hour)
        return self.engine.features(self.slots)

    def pandas(self, hour: int) -> np.ndarray:
        """A few statistics of a few machines, by rolling windows over what the longest holds."""
        hours, columns = [int(w.ticks) for w in self.known.rows.windows], list(self.engine.columns)
        n, last = len(self.tables.telemetry) // len(self.engine), self.history + hour
        found = []
        for at in range(min(COMPARED, len(self.slots))):
            end = at * n + last + 1
            window = self.tables.telemetry.iloc[end - max(hours) : end].set_index("time")[columns]
            rolled = [window.rolling(f"{each}h").agg(["mean", "std", "min", "max"]).iloc[-1] for each in hours]
            found.append(np.concatenate(rolled))
        return np.stack(found)

    def batch(self, hour: int) -> np.ndarray:
        """All features by the batch engine; what is older than the longest window is left out, so some differ."""
        longest = int(max(f.window or 0 for f in self.plan.features))
        n, last = len(self.tables.telemetry) // len(self.engine), self.history + hour
        at = (np.arange(len(self.slots))[:, None] * n + np.arange(last - longest, last + 1)).ravel()
        telemetry, _ = clean_readings(self.tables.telemetry.iloc[at], self.known, fill_periods=self.fill)
        rows = telemetry.groupby("machine_id", as_index=False)["time"].max()
        now = Tables(telemetry, rows, self.tables.errors, self.tables.maintenance, self.tables.failures,
                              self.tables.machines)  # fmt: skip
        return compute_matrix(self.plan, now)


def scene(machines: int, batch: int, hours: int) -> Scene:
    """Everything drawn, and the history played in."""
    known = contract()
    plan = plan_of(known)
    history = int(max(f.window or 0 for f in plan.features)) + 20
    tables = tables_of(draw(known, machines, history + hours, seed=3), seed=4)
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["prepare"]
    engine = OnlineFeatures(plan, known, fill_periods=settings["fill_gap_periods"])
    every = engine.register(list(tables.machines["machine_id"]), tables.machines)
    made = Scene(plan, known, tables, engine, every, history, settings["fill_gap_periods"])
    for hour in range(-history, 0):
        made.apply(hour)
    made.slots = every[:batch]
    return made


def seconds(work: Callable[[], object]) -> float:
    """Of the processor."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure(made: Scene, repeat: int) -> dict[str, list[float]]:
    """Seconds per reading of every contender, round by round; each round is an hour that only one may consume."""
    found: dict[str, list[float]] = {name: [] for name in ("floor", "apply", "online", "pandas", "batch")}
    for at in range(repeat):
        hour = 2 * at
        found["floor"].append(seconds(lambda hour=hour: made.floor(hour)) / len(made.slots))
        found["pandas"].append(seconds(lambda hour=hour: made.pandas(hour)) / min(COMPARED, len(made.slots)))
        found["batch"].append(seconds(lambda hour=hour: made.batch(hour)) / len(made.slots))
        found["apply"].append(seconds(lambda hour=hour: made.apply(hour)) / len(made.slots))
        found["online"].append(seconds(lambda hour=hour: made.online(hour + 1)) / len(made.slots))
    return found


def main() -> None:
    """Build, measure, print the table with ratios to the engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    made = scene(args.machines, args.batch, 2 * args.repeat)
    sizes = [len(made.engine.dump(int(slot))) for slot in made.slots[:100]]
    print(f"{args.machines} machines, {len(made.plan.features)} features, batches of {len(made.slots)}; "
          f"a machine's state is {statistics.mean(sizes) / 1024:.1f} KiB")
    found = measure(made, args.repeat)
    base = statistics.median(found["online"])
    print(f"{'':10}{'us per reading':>16}{'per second':>14}{'x':>10}")
    for name, took in found.items():
        middle = statistics.median(took)
        print(f"{name:10}{1e6 * middle:16.1f}{1 / middle:14,.0f}{middle / base:10.3f}")


if __name__ == "__main__":
    main()
