"""`oilcan decide`: nothing, collect, recalibrate or retrain, with reasons."""

import argparse
import getpass
import sys
import time
from typing import Any

from oilcan.cli.renewal.monitor import add_where


def register(commands: Any) -> None:
    """Add `oilcan decide`."""
    parser = commands.add_parser(
        "decide", help="decide from alerts, cost, age and labels: nothing, collect, recalibrate or retrain",
        description="Judge as `oilcan monitor` does, then decide. With --store the decision is written into the store "
                    "of the service. Nothing is retrained here. Exit code 0: decided; 4: unknown, a signal cannot be "
                    "read.")
    add_where(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge the windows, decide, record the decision and print it."""
    from oilcan.ground.errors import DataError, IntegrityError, StoreError
    from oilcan.io.stores import open_store
    from oilcan.operations.watching import deciding, watch_request
    from oilcan.operations.watching.watched_model import read_rules

    rules = read_rules(watch_request.paths(args).rules)
    try:
        report = watch_request.watch_as_asked(args)
    except (DataError, IntegrityError, StoreError) as err:
        print(f"cannot tell: {err}", file=sys.stderr)
        report = None
    now, store, last = time.time_ns() // 1000, None, None
    try:
        store = open_store(args.store) if args.store else None
        last = store.decisions.last_action() if store is not None else None
    except StoreError as err:
        print(f"cannot tell: {err}", file=sys.stderr)
        report, store = None, None              # without the last action nothing may be decided
    decision = deciding.decide_on(report, rules.decision, last_action=last, now=now)
    print(f"{decision.action}: " + "; ".join(decision.reasons))
    if store is None:
        print("not written down: name the store of a service with --store" if not args.store else "not written down")
    else:
        deciding.write_down(store, decision, report, by=getpass.getuser(), now=now)
        store.close()
    return watch_request.EXIT["unknown"] if decision.action == "cannot_tell" else 0
