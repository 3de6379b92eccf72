"""`oilcan tune`: search hyper-parameters; every trial becomes a DVC experiment."""

import argparse
from pathlib import Path
from typing import Any

from oilcan.io.repository.repository_root import find_root


def register(commands: Any) -> None:
    """Add `oilcan tune`."""
    parser = commands.add_parser(
        "tune", help="search hyper-parameters by cross-validation on training rows; trials become DVC experiments",
        description="Search the ranges of tune.yaml for the trees of one task, scored by cross-validation on training "
                    "rows. Goes on where it was stopped or killed. Every trial is left as a DVC experiment.")
    parser.add_argument("--task", help="entry of the contract's tasks (default: the headline task)")
    parser.add_argument("--trials", type=int, default=30, help="trials in all, earlier ones counted (default: 30)")
    parser.add_argument("--timeout", type=float, help="begin no trial after so many seconds")
    parser.add_argument("--seed", type=int, default=0, help="of the search and of the folds (default: 0)")
    parser.add_argument("--space", type=Path, help="ranges to search (default: tune.yaml)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, and say what was best."""
    from oilcan.operations.tuning import sweep

    return sweep(find_root(), args)
