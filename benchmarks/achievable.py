"""How much of the achievable average precision does the forecast reach on demo_fleet, fleet by fleet?

    python benchmarks/achievable.py                        # five fleets, about a minute each on two quiet cores
    python benchmarks/achievable.py 7 8 --part validation  # the fleets of these seeds, on their validation part

A seed draws a fleet and the model that learns from it. The stages run in a scratch folder with the parameters of
params.yaml, from `simulate` to `predict`. The oracle is the probability that only the simulation knows
(docs/demo_fleet.md); the forecast is judged beside it on the same rows.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from oilcan.core import metrics

ROOT = Path(__file__).parents[1]
SEEDS = (20260101, 20260102, 20260103, 20260104, 20260105)
CHAIN = {
    "simulate": "raw",
    "ingest": "raw canonical",
    "validate": "canonical metrics/data_quality.json data_quality.html quarantine.parquet",
    "prepare": "canonical quarantine.parquet prepared",
    "featurize": "prepared features",
    "train": "prepared features model.joblib model.json metrics/train.json",
    "predict": "prepared features model.joblib predictions",
}
COLUMNS = ("failures", "average precision", "oracle", "share", "ECE")


def main() -> None:
    """Run the seeds named, or five, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    args = parser.parse_args()
    print(f"| seed | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}", flush=True)
    found = []
    for seed in args.seeds:
        with tempfile.TemporaryDirectory(prefix="oilcan-achievable-") as folder:
            rows = _forecast(seed, Path(folder))
        found.append(_judge(rows[rows["part"] == args.part]))
        print(_line(seed, found[-1]), flush=True)
    print(_line("mean", np.mean(found, axis=0)))


def _forecast(seed: int, folder: Path) -> pd.DataFrame:
    """Rows with targets, forecasts and the truth."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["simulate"]["seed"] = params["train"]["seed"] = seed
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (folder / "metrics").mkdir()
    for stage, paths in CHAIN.items():
        done = subprocess.run(
            [sys.executable, "-P", ROOT / f"src/stages/{stage}.py", ROOT / "datasets/demo_fleet.yaml", *paths.split()],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"error: {stage} of seed {seed} failed:\n{done.stderr}")
        print(f"{seed} {done.stdout.strip()}", file=sys.stderr)
    return pd.read_parquet(folder / "predictions/predictions.parquet")


def _judge(rows: pd.DataFrame) -> tuple[float, ...]:
    """The columns of the table; prepare refuses parts of one class, so every figure is there."""
    rows = rows.dropna(subset=["target_failure", "p_true"])
    target, p, truth = (rows[name].to_numpy() for name in ("target_failure", "p_failure", "p_true"))
    reached, best = metrics.pr_auc(target, p) or np.nan, metrics.pr_auc(target, truth) or np.nan
    ahead = rows[rows["target_failure"] == 1]
    instant = (ahead["time"] + pd.to_timedelta(ahead["next_failure_failure"], unit="h")).dt.round("min")
    failures = len(set(zip(ahead["machine_id"], instant, strict=True)))
    return failures, reached, best, reached / best, metrics.ece(target, p) or 0.0


def _line(name: object, values: tuple[float, ...] | np.ndarray) -> str:
    return f"| {name} | {values[0]:.0f} | " + " | ".join(f"{value:.3f}" for value in values[1:]) + " |"


if __name__ == "__main__":
    main()
