"""Commands about data sets: draft a contract, check files against it, bring files into place."""

import argparse
from pathlib import Path
from typing import Any

from oilcan.io.repository.repository_root import find_root, short


def register(commands: Any) -> None:
    """Add `oilcan dataset new|check|place|fetch|next`."""
    group = commands.add_parser(
        "dataset", help="draft a contract, check files against one, bring raw files into place",
        description="Commands about data sets.").add_subparsers(metavar="COMMAND", required=True)
    new = _command(group, "new", "draft datasets/NAME.yaml by looking at raw files", run_new)
    new.add_argument("files", metavar="FILES", nargs="+", type=Path, help="raw files: csv, csv.gz or parquet")
    check = _command(group, "check", "read the raw files by the contract and list everything that is wrong", run_check)
    check.add_argument("--raw", metavar="DIR", type=Path, help="folder of the raw files (default: data/raw/NAME)")
    place = _command(group, "place", "copy the files of a contract to data/raw/NAME, checked by sha256, and have DVC "
                                     "record them", run_place)
    place.add_argument("--from", metavar="DIR", type=Path, dest="source",
                       help="where the files are, at any depth (default: data/raw/NAME, checking those in place)")
    place.add_argument("--any-version", action="store_true",
                       help="take files of other bytes, and write their sha256 into the contract")
    _keep_dvc_out(place)
    fetch = _command(group, "fetch", "download the files of a contract from their official address, resumed where it "
                                     "was cut, checked by sha256, and have DVC record them", run_fetch)
    _keep_dvc_out(fetch)
    text = "draw the next month of the demo fleet into data/live, as a plant would hand it over"
    following = group.add_parser("next", help=text, description=f"{text[0].upper()}{text[1:]}.")
    following.add_argument("--scenario", metavar="NAME", help="a change of the world that begins where the first files "
                                                              "end, such as sensor_drift (that of params.yaml)")
    following.set_defaults(run=run_next)


def _command(group: Any, word: str, text: str, run: Any) -> Any:
    parser = group.add_parser(word, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("name", metavar="NAME", help="name of the data set: datasets/NAME.yaml")
    parser.set_defaults(run=run)
    return parser


def _keep_dvc_out(parser: Any) -> None:
    parser.add_argument("--no-record", action="store_true", help="do not have DVC record the files")


def run_new(args: argparse.Namespace) -> int:
    """Draft a contract, and list the steps that follow."""
    from oilcan.contract import UNKNOWN
    from oilcan.operations import data_sets

    root = find_root()
    blanks = data_sets.draft(root, args.name, args.files)
    print(f"{short(data_sets.contract_file(root, args.name))}: drafted from {len(args.files)} files; {blanks} places "
          f"say {UNKNOWN}.\n"
          f"1. Fill them in, and correct what was guessed (lines with `guessed`).\n"
          f"2. oilcan dataset place {args.name} --from FOLDER\n"
          f"3. oilcan explore {args.name} --fill     # looks at the data, and guesses horizon, lead time, windows\n"
          f"4. oilcan dataset check {args.name}\n"
          f"5. dvc exp run -S dataset={args.name}")
    return 0


def run_check(args: argparse.Namespace) -> int:
    """List what is wrong; 1 if anything is."""
    from oilcan.operations.contract_check import check

    problems = check(find_root(), args.name, args.raw, say=print)
    if not problems:
        print("\nnothing wrong found")
        return 0
    print("\n".join([f"\n{len(problems)} problems:", *(f"  - {problem}" for problem in problems)]))
    return 1


def run_place(args: argparse.Namespace) -> int:
    """Count the files that were copied, and name what to commit."""
    from oilcan.operations import data_sets

    root = find_root()
    placed = data_sets.place(root, args.name, args.source, any_version=args.any_version, record=not args.no_record)
    print(f"{short(placed.folder)}: {placed.new} files copied, {placed.right} right already")
    if placed.renewed:
        where = short(data_sets.contract_file(root, args.name))
        print(f"{where}: {placed.renewed} sha256 written; look at `git diff`")
    return _next(args)


def run_fetch(args: argparse.Namespace) -> int:
    """Count the files that were downloaded, and name what to commit."""
    from oilcan.operations import data_sets

    fetched = data_sets.download(find_root(), args.name, record=not args.no_record)
    print(f"{short(fetched.folder)}: {fetched.new} files fetched, {fetched.right} right already")
    return _next(args)


def run_next(args: argparse.Namespace) -> int:
    """Say what was drawn, and how to keep it."""
    from oilcan.operations.renewal.next_month import draw_next_month

    drawn = draw_next_month(find_root(), args.scenario)
    print(f"{short(drawn.folder)}: {drawn.first:%Y-%m-%d} to {drawn.end:%Y-%m-%d}, {drawn.readings:,} readings, "
          f"{drawn.failures} failures\nnext: dvc add {short(drawn.folder)}, dvc repro")
    return 0


def _next(args: argparse.Namespace) -> int:
    from oilcan.io.stage.dvc_files import tracked_raw

    if not args.no_record:
        if args.name in tracked_raw(find_root()):
            print(f"recorded by DVC in data/raw/{args.name}.dvc")
        else:
            print(f"recorded by DVC as data/dvc.yaml:fetch@{args.name}; keep it with "
                  f"`git add data/fetched.yaml data/dvc.lock data/raw/.gitignore datasets/{args.name}.yaml`")
        print(f"next: dvc exp run -S dataset={args.name}")
    return 0
