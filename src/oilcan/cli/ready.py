"""Can `dvc repro` begin? Parameters, contract and raw files, told in words before DVC tells it in its own.

What a killed run left half-written is cleared away first. Reads no table and imports no pandas, so that
`make repro` can ask it each time.
"""

import argparse
from typing import Any

from oilcan.io.repository.repository_root import find_root, short


def register(commands: Any) -> None:
    """Add `oilcan ready`."""
    parser = commands.add_parser(
        "ready", help="can `dvc repro` begin? params.yaml, the chosen contract and its raw files; exit 1 if not",
        description="Check params.yaml, the contract it chooses and that its raw files are there or can be made.")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Clear away what a killed run left; refuse what DVC would refuse without saying what to do."""
    from oilcan.io.repository import leftovers, preflight

    root = find_root()
    for line in leftovers.fix(root):
        print(f"fixed: {line}")
    name = preflight.check(root)
    print(f"ready: {short(root / 'datasets' / name)}.yaml and its raw files")
    return 0
