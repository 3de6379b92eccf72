"""`oilcan incident`: something went wrong; a page with what is known now, and an entry of the audit log."""

import argparse
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan incident`."""
    text = "record an incident: a page in incidents/ with what is in service now, and an entry of the audit log"
    parser = commands.add_parser("incident", help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("title", metavar="TITLE", help="what happened, in a few words")
    parser.add_argument("--what", required=True, help="what happened, in a sentence or two")
    parser.add_argument("--by", required=True, help="who noticed it")
    parser.add_argument("--severity", choices=("minor", "major", "serious"), default="minor",
                        help="serious: people or the environment could have come to harm (%(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write it, and say where."""
    import os
    from datetime import UTC, datetime

    from oilcan.io.repository.repository_root import find_root, short
    from oilcan.operations.governing.incident import Incident, open_incident

    page = open_incident(find_root(), Incident(args.title, args.what, args.by, args.severity), at=datetime.now(UTC),
                         key=os.environ.get("OILCAN_KEY"))
    print(f"{short(page)}: fill it in, and commit it")
    return 0
