"""`oilcan report BASE`: what a reviewer of a change needs to know."""

import argparse
from pathlib import Path
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan report`."""
    parser = commands.add_parser(
        "report", help="Markdown for a pull request: the gate, metrics with intervals, slices, curves, what changed",
        description="Compare two commits for a reviewer. Exit 1 if a metric of BASE is missing. Needs no data; with "
                    "the forecasts of both in the cache it says which differences are more than noise.")
    parser.add_argument("base", metavar="BASE", help="branch, tag or commit to compare with; fetched if it is not here")
    parser.add_argument("--head", metavar="COMMIT", default="HEAD", help="the change (default: HEAD)")
    parser.add_argument("--out", metavar="FILE", type=Path,
                        help="file to write, its pictures in a folder beside it (default: print, without pictures)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write or print the report."""
    from oilcan.io.repository.repository_root import find_root
    from oilcan.io.stage.files import write_text
    from oilcan.operations.pull_request.report_text import report

    folder = args.out.with_suffix("") if args.out else None
    text, missing = report(find_root(), args.base, args.head, folder)
    if args.out:
        write_text(text, args.out)
        print(f"{args.out}: written")
    else:
        print(text, end="")
    return int(bool(missing))
