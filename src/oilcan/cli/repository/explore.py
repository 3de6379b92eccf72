"""`oilcan explore`: what the data of a contract say, before any model."""

import argparse
from pathlib import Path
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan explore`."""
    parser = commands.add_parser(
        "explore", help="look at a data set before any model: lives, warnings, sensors, pitfalls",
        description="Read the raw files of a contract and write one page about them. Horizon and costs may still be "
                    "open. In the pipeline the stage `explore` writes reports/exploration.html, with labels of the "
                    "training part only.")
    parser.add_argument("name", metavar="NAME", help="name of the data set: datasets/NAME.yaml")
    parser.add_argument("--out", type=Path, metavar="FILE", help="page to write (default: .oilcan/explore/NAME.html)")
    parser.add_argument("--fill", action="store_true",
                        help="write recommended horizon, lead time, cap, windows and refractory time into the "
                             "contract, as marked guesses, where they are still open")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page, and print what it begins with."""
    from oilcan.io.repository.repository_root import find_root, short
    from oilcan.operations.exploration import explore_data_set, fill_in
    from oilcan.reports.exploration_page import summary

    root = find_root()
    out = args.out or root / ".oilcan/explore" / f"{args.name}.html"
    found = explore_data_set(root, args.name, out, say=print)
    print("\n".join(["", *summary(found), "", f"The whole page: {short(out)}"]))
    if args.fill:
        written = fill_in(root, args.name, found)
        where = f"datasets/{args.name}.yaml"
        print(f"{where}: {', '.join(written)} filled in and marked `guessed`; look at `git diff`" if written else
              f"{where}: nothing filled in; no recommendation for a word that is still open")
    elif any(item.current is None for item in found.recommendations):
        print(f"`oilcan explore {args.name} --fill` writes the recommended words into the contract, as marked guesses.")
    return 0
