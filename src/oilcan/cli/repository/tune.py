"""`oilcan tune`: search hyper-parameters; every trial becomes a DVC experiment."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from oilcan.io.repository.repository_root import find_root


def register(commands: Any) -> None:
    """Add `oilcan tune`."""
    parser = commands.add_parser(
        "tune", help="search hyper-parameters by cross-validation on training rows; trials become DVC experiments",
        description="Search the ranges of tune.yaml for the trees of one task, scored by cross-validation on training "
                    "rows. Continues where it was stopped or killed. Every trial becomes a DVC experiment.")
    parser.add_argument("--task", help="entry of the contract's tasks (default: the headline task)")
    parser.add_argument("--trials", type=int, default=30, help="trials in all, earlier ones counted (default: 30)")
    parser.add_argument("--timeout", type=float, help="begin no trial after so many seconds")
    parser.add_argument("--seed", type=int, default=0, help="of the search and of the folds (default: 0)")
    parser.add_argument("--space", type=Path, help="ranges to search (default: tune.yaml)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, and show the best trial; 1 if none was finished."""
    from oilcan.operations.tuning.tuning import Options, sweep

    options = Options(args.trials, args.seed, args.timeout, args.task, args.space)
    best = sweep(find_root(), options, say=partial(print, flush=True))
    if best is None:
        print("no trial was finished")
        return 1
    values = [f"  train.{best.section}.{word}: {value:.6g}" for word, value in sorted(best.values.items())]
    print("\n".join([f"best: {best.metric} {best.score:.6f}, trial {best.at} (params.yaml as it is: "
                     f"{best.score_now:.6f})", *values,
                     f"all trials: dvc exp show --drop '.*' --keep 'tune|train.{best.section}'",
                     f"take it:    dvc exp apply {best.experiment} && dvc repro"]))
    return 0
