"""`oilcan decide`: nothing, collect, recalibrate or retrain, with reasons."""

import argparse
import getpass
import sys
import time
from typing import Any

from oilcan.cli.monitor import add_where


def register(commands: Any) -> None:
    """Add `oilcan decide`."""
    parser = commands.add_parser(
        "decide", help="decide from alerts, cost, age and labels: nothing, collect, recalibrate or retrain",
        description="Judge as `oilcan monitor` does, then decide. With --store the decision is written into the store "
                    "of the service. Nothing is retrained here. Exit code 0: decided; 4: it cannot be told.")
    add_where(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge, decide, write down, say."""
    from oilcan.ground.errors import DataError, IntegrityError, StoreError
    from oilcan.operations import deciding, monitor

    rules = monitor.read_rules(monitor.paths(args).rules)
    try:
        report = monitor.watch_as_asked(args)
    except (DataError, IntegrityError, StoreError) as err:
        print(f"cannot tell: {err}", file=sys.stderr)
        report = None
    done = deciding.decide_on(report, rules.decision, store=args.store, by=getpass.getuser(),
                              now=time.time_ns() // 1000)
    print(f"{done.decision.action}: " + "; ".join(done.decision.reasons))
    if not done.is_recorded:
        print("not written down: name the store of a service with --store")
    return monitor.EXIT["unknown"] if done.decision.action == "cannot_tell" else 0
