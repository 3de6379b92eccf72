"""How much of the achievable average precision does the forecast reach on demo_fleet, fleet by fleet?

    python benchmarks/achievable.py                        # five fleets, about two minutes each on two quiet cores
    python benchmarks/achievable.py 7 8 --part validation  # the fleets of these seeds, on their validation part

A seed draws a fleet and the model that learns from it. A scratch checkout with the parameters of params.yaml runs from
`simulate` to `predict`. The oracle is the probability that only the simulation knows
(docs/demo_fleet.md); the forecast is judged beside it on the same rows.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

from runs import checkout

from oilcan.core.judging import row_metrics

SEEDS = (20260101, 20260102, 20260103, 20260104, 20260105)
COLUMNS = ("failures", "average precision", "oracle", "share", "ECE")


def main() -> None:
    """Run the seeds named, or five, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    args = parser.parse_args()
    print(f"| seed | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}", flush=True)
    found = []
    with checkout("demo_fleet") as here:
        for seed in args.seeds:
            here.choose({"simulate.seed": seed, "train.seed": seed})
            here.repro("predict")
            rows = pd.read_parquet(here.folder / "data/predictions/predictions.parquet")
            found.append(_judge(rows[rows["part"] == args.part]))
            print(_line(seed, found[-1]), flush=True)
    print(_line("mean", np.mean(found, axis=0)))


def _judge(rows: pd.DataFrame) -> tuple[float, ...]:
    """The columns of the table; prepare refuses parts of one class, so every figure is there."""
    rows = rows.dropna(subset=["target_failure", "p_true"])
    target, p, truth = (rows[name].to_numpy() for name in ("target_failure", "p_failure", "p_true"))
    reached, best = row_metrics.pr_auc(target, p) or np.nan, row_metrics.pr_auc(target, truth) or np.nan
    ahead = rows[rows["target_failure"] == 1]
    instant = (ahead["time"] + pd.to_timedelta(ahead["next_failure_failure"], unit="h")).dt.round("min")
    failures = len(set(zip(ahead["machine_id"], instant, strict=True)))
    return failures, reached, best, reached / best, row_metrics.ece(target, p) or 0.0


def _line(name: object, values: tuple[float, ...] | np.ndarray) -> str:
    return f"| {name} | {values[0]:.0f} | " + " | ".join(f"{value:.3f}" for value in values[1:]) + " |"


if __name__ == "__main__":
    main()
