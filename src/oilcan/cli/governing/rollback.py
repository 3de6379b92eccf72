"""The version before in service again, or a canary ended."""

import argparse
from typing import Any

from oilcan.cli.governing.promote import print_decided, say_step


def register(commands: Any) -> None:
    """Add `oilcan rollback`."""
    text = "put the version before into service again, in every service"
    back = commands.add_parser("rollback", help=text, description=f"{text[0].upper()}{text[1:]}.")
    back.set_defaults(run=run)
    back.add_argument("--approver", required=True, help="your name; audit log and tag keep it")
    back.add_argument("--reason", required=True, help="why it goes back")
    back.add_argument("--canary", action="store_true",
                      help="end the canary, and leave what is in service; records why one fell back by itself")
    back.add_argument("--to", metavar="VERSION", help="version that was in service once (the one before)")
    back.add_argument("--dataset", metavar="NAME", help="whose model (that of params.yaml)")


def run(args: argparse.Namespace) -> int:
    """Roll back; exit code 1 if a service does not follow yet."""
    import os
    from datetime import UTC, datetime

    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.canary import end_canary
    from oilcan.operations.governing.model_status import checked_out
    from oilcan.operations.governing.promotion import roll_back

    root = find_root()
    if args.canary:
        late = end_canary(root, args.dataset or checked_out(root), by=args.approver, reason=args.reason,
                          at=datetime.now(UTC), key=os.environ.get("OILCAN_KEY"))
        print("\n".join(f"! not reached: {each}" for each in late) or "no canary answers any more")
        return int(bool(late))
    return print_decided(roll_back(
        root, dataset=args.dataset or checked_out(root), by=args.approver, reason=args.reason, at=datetime.now(UTC),
        to=args.to, key=os.environ.get("OILCAN_KEY"), say=say_step))
