"""Would `dvc repro` run anything?

`dvc repro --dry` exits with 0 in both cases. This command fails if something is stale, so that continuous
integration can use it, also on a clone without data.
"""

import argparse
from typing import Any

from oilcan.io.repository.repository_root import find_root


def register(commands: Any) -> None:
    """Add `oilcan fresh`."""
    parser = commands.add_parser(
        "fresh", help="would `dvc repro` run anything? which stages and why; exit 1 if so",
        description="List the stages that `dvc repro` would run and why; exit 1 if there are any. Works without data.")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """List the stale stages."""
    from oilcan.io.repository.dvc_command import stale_stages

    stale = stale_stages(find_root())
    if not stale:
        print("fresh: dvc.lock agrees with code, parameters and contracts; `dvc repro` has nothing to run")
        return 0
    lines = [line for item in stale for line in (f"  {item.stage}", *(f"      {reason}" for reason in item.reasons))]
    print("\n".join([f"stale: `dvc repro` would run {len(stale)} stages:", *lines]))
    return 1
