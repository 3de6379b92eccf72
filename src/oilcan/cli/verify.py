"""`oilcan verify`: are the bytes in cache and workspace the recorded ones?"""

import argparse
from typing import Any

from oilcan.io.repository.repository_root import find_root


def register(commands: Any) -> None:
    """Add `oilcan verify`."""
    parser = commands.add_parser(
        "verify", help="compare the cache and the outputs with their recorded digests; exit 1 if any differs",
        description="Compare every object of DVC's cache with its name and every output in place with dvc.lock. "
                    "Exit 1 if something is wrong and was not repaired.")
    parser.add_argument("--repair", action="store_true",
                        help="delete corrupt objects, their copies and leftovers, and set aside outputs that differ, "
                             "so that `dvc pull` or `dvc repro` restores them")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List what is wrong, and repair it if asked."""
    from oilcan.io.repository import integrity

    root = find_root()
    checked = integrity.check(root)
    print(f"verify: {checked.objects:,} objects of the cache, {checked.outputs:,} outputs in place: "
          f"{len(checked.findings) or 'nothing'} wrong")
    if not checked.findings:
        return 0
    print("\n".join(f"  {finding}" for finding in checked.findings))
    if not args.repair:
        print("Run `oilcan verify --repair`, then `dvc pull` or `dvc repro`.")
        return 1
    print("\n".join(f"  {line}" for line in integrity.repair(root, checked.findings)))
    print("Now run `dvc pull` (if a remote has the data) or `dvc repro`.")
    return 0
