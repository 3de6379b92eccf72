"""`oilcan monitor`: has something changed since the model was accepted?"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oilcan.monitoring.watch_report import WatchReport


def register(commands: Any) -> None:
    """Add `oilcan monitor`."""
    parser = commands.add_parser(
        "monitor", help="say whether data, forecasts or outcomes have changed since the model was accepted",
        description="Judge the windows of stored data: canonical tables, or the store of a service. Exit code 0: calm; "
                    "3: an alert is open; 4: unknown (no data, no reference, too little of either).")
    add_where(parser)
    parser.add_argument("--metrics", type=Path, help="also write the five figures as JSON")
    parser.add_argument("--details", type=Path, help="also write everything as JSON")
    parser.add_argument("--page", type=Path, help="also write the page")
    parser.set_defaults(run=run)


def add_where(parser: argparse.ArgumentParser) -> None:
    """What is watched, by what, and from when to when."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--canonical", type=Path, metavar="FOLDER",
                       help="folder laid out as data/canonical (default: that of this clone)")
    where.add_argument("--store", metavar="URL", help="store of a service: sqlite:///path or postgresql://user@host/name")
    parser.add_argument("--bundle", type=Path, help="bundle folder (default: models/bundle of this clone)")
    parser.add_argument("--material", type=Path, metavar="FILE",
                        help="what limits are drawn from (default: models/reference/material.npz, if it is there)")
    parser.add_argument("--rules", type=Path, help="rules (default: monitoring.yaml of this clone)")
    parser.add_argument("--window", help="day, week, month, 14d, '50 cycles' (default: that of the reference)")
    parser.add_argument("--since", metavar="TIME", help="first moment to judge (default: after the accepted data)")
    parser.add_argument("--until", metavar="TIME", help="last moment to judge (default: the newest reading)")


def run(args: argparse.Namespace) -> int:
    """Judge, write and print the verdict. If something cannot be read, print why and exit with the code of unknown."""
    from oilcan.ground.errors import DataError, IntegrityError, StoreError
    from oilcan.operations.watching import watch_request

    try:
        report = watch_request.watch_as_asked(args)
    except (DataError, IntegrityError, StoreError) as err:
        print(f"cannot tell: {err}", file=sys.stderr)
        return watch_request.EXIT["unknown"]
    _write(args, report)
    alerts = [f"  {each.alert.severity}: {each.diagnosis.sentence}" for each in report.open]
    print("\n".join([report.verdict, *alerts]))
    return watch_request.EXIT[report.state]


def _write(args: argparse.Namespace, report: "WatchReport") -> None:
    from oilcan.io.stage import files
    from oilcan.reports import monitoring_page

    if args.metrics:
        files.write_json(report.metrics(), args.metrics)
    if args.details:
        files.write_json(report.details(), args.details)
    if args.page:
        files.write_text(monitoring_page.render(report, report.contract), args.page)
