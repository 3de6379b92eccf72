"""`oilcan promote`: make the packaged bundle the champion."""

import argparse
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan promote`."""
    text = "make the packaged bundle the champion that later models are compared with"
    parser = commands.add_parser("promote", help=text, description=text.capitalize() + ".")
    parser.add_argument("--approver", required=True, help="your name; models/champion.json keeps it")
    parser.add_argument("--reason", required=True, help="why this model goes into service")
    parser.add_argument("--override", action="store_true", help="promote although the gate said hold or reject")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Promote, and name what to commit."""
    from datetime import UTC, datetime

    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.promotion import promote

    promoted = promote(find_root(), approver=args.approver, reason=args.reason, at=datetime.now(UTC),
                       override=args.override)
    print(f"champion: bundle {promoted.bundle[:12]} of {promoted.dataset}, approved by {args.approver}\n"
          f"Commit models/champion.json, models/champion.dvc and models/.gitignore, then `dvc push`.")
    return 0
