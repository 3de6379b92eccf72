"""Is a store sound, and how is a damaged one made sound again?"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oilcan.io.stores.repair import Copied


def register(commands: Any) -> None:
    """Add `oilcan doctor`."""
    parser = commands.add_parser(
        "doctor", help="check the service's store; rebuild a damaged SQLite file",
        description="Check the service's store: the file, and that its log names every reading. With --rebuild, "
                    "copy all that can be read into a new file; the service makes the rest again from the readings. "
                    "Stop the service first. Exit code 1 if something is wrong.")
    parser.add_argument("--store", help="sqlite:///path (OILCAN_STORE, or .oilcan/service.db)")
    parser.add_argument("--rebuild", type=Path, metavar="FILE", help="write a sound copy to this new file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, and rebuild if asked."""
    from oilcan.ground.errors import StoreError
    from oilcan.io.stores import DEFAULT_URL, repair

    url = args.store or os.environ.get("OILCAN_STORE") or DEFAULT_URL
    if not url.startswith("sqlite:///"):
        raise StoreError("doctor: checks files of SQLite (found the address of another store). For PostgreSQL use "
                         "`pg_amcheck`, and restore from a backup.")
    path = Path(url.removeprefix("sqlite:///"))
    faults = repair.faults_of(path)
    print("\n".join(f"{path}: {line}" for line in faults or ["sound"]))
    if args.rebuild is not None:
        print("\n".join(_line(table) for table in repair.rebuild(path, args.rebuild)))
        print(f"Put {args.rebuild} in the place of {path} (its -wal and -shm files go), and start the service.")
        return 0
    if faults:
        print(f"Stop the service, then run `oilcan doctor --store {url} --rebuild {path.with_suffix('.new')}`.")
    return int(bool(faults))


def _line(table: "Copied") -> str:
    lost = "".join(f", rows {first:,} to {last:,} unreadable" for first, last in table.unreadable)
    return f"{table.table}: {table.rows:,} rows{lost}"
