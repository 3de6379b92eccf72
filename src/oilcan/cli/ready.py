"""`oilcan ready`: can `dvc repro` begin? Checks parameters, contract and raw files, with messages for people.

It first clears away what a killed run left half-written. It reads no table and imports no pandas, so that
`make repro` can call it each time.
"""

import argparse
import sys
from typing import Any

from oilcan.io.repository.repository_root import find_root, short


def register(commands: Any) -> None:
    """Add `oilcan ready`."""
    parser = commands.add_parser(
        "ready", help="can `dvc repro` begin? params.yaml, the chosen contract and its raw files; exit 1 if not",
        description="Check params.yaml, the contract it chooses and that its raw files are there or can be made.")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Clear away what a killed run left; refuse what DVC would refuse without naming the remedy."""
    from oilcan.io.repository import leftovers, preflight

    root = find_root()
    sys.stdout.writelines(f"fixed: {line}\n" for line in leftovers.fix(root))
    name = preflight.check(root)
    sys.stdout.writelines(f"note: {line}\n" for line in preflight.limits(root))
    print(f"ready: {short(root / 'datasets' / name)}.yaml and its raw files")
    return 0
