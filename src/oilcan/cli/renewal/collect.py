"""`oilcan collect`: what a service has taken in becomes raw data of the data set, one folder a month."""

import argparse
import getpass
import os
import time
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan collect`."""
    parser = commands.add_parser(
        "collect", help="turn what a service has taken in into raw data, one folder a month",
        description="Write the months that are over, and what came late for months before, as folders below "
                    "data/live/NAME that DVC tracks one by one. `ingest` reads them beside the first files. Without "
                    "--yes it says what it would write.")
    parser.add_argument("--store", metavar="URL", help="store of the service (default: OILCAN_STORE)")
    parser.add_argument("--dataset", metavar="NAME", help="data set (default: the one that params.yaml chooses)")
    parser.add_argument("--grace", metavar="DAYS", type=float, default=3.0,
                        help="days that a month waits for what is late (%(default)s)")
    parser.add_argument("--running", action="store_true", help="also take what has come of months that are not over")
    parser.add_argument("--yes", action="store_true", help="write; without it nothing is changed")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Collect, and print what was found."""
    from contextlib import closing

    from oilcan.io.repository.repository_root import find_root
    from oilcan.io.stores import DEFAULT_URL, open_store
    from oilcan.operations.renewal.collecting import audited, collect
    from oilcan.operations.renewal.month_schedule import Schedule
    from oilcan.operations.renewal.repository_contract import chosen_contract

    root = find_root()
    contract = chosen_contract(root, args.dataset)
    schedule = Schedule(time.time_ns() // 1000, args.grace, args.running)
    with closing(open_store(args.store or os.environ.get("OILCAN_STORE", DEFAULT_URL))) as store:
        done = collect(root, contract, store, schedule, write=args.yes,
                       record=audited(root, contract.name, by=getpass.getuser(), now=schedule.now))
    print("\n".join(done.lines(contract.name, was_written=args.yes)))
    return 0
