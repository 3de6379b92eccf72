"""Commands about data sets: draft a contract, check files against it, bring files into place."""

import argparse
from pathlib import Path
from typing import Any

from oilcan.ground.errors import ContractError
from oilcan.io.repository.repository_root import find_root, short


def register(commands: Any) -> None:
    """Add `oilcan dataset new|check|place|fetch`."""
    group = commands.add_parser(
        "dataset", help="draft a contract, check files against one, bring raw files into place",
        description="Commands about data sets.").add_subparsers(metavar="COMMAND", required=True)
    new = _command(group, "new", "draft datasets/NAME.yaml by looking at raw files", run_new)
    new.add_argument("files", metavar="FILES", nargs="+", type=Path, help="raw files: csv, csv.gz or parquet")
    check = _command(group, "check", "read the raw files by the contract and say everything that is wrong", run_check)
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


def _command(group: Any, word: str, text: str, run: Any) -> Any:
    parser = group.add_parser(word, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("name", metavar="NAME", help="name of the data set: datasets/NAME.yaml")
    parser.set_defaults(run=run)
    return parser


def _keep_dvc_out(parser: Any) -> None:
    parser.add_argument("--no-record", action="store_true", help="do not have DVC record the files")


def run_new(args: argparse.Namespace) -> int:
    """Write a draft; never overwrite."""
    from oilcan.contract import UNKNOWN
    from oilcan.core.draft import draft_contract
    from oilcan.io.raw_data import inspection
    from oilcan.io.stage import files

    root = find_root()
    target = root / "datasets" / f"{args.name}.yaml"
    if target.exists():
        raise ContractError(f"{short(target)}: is there already. Delete it or choose another name.")
    text = draft_contract(args.name, inspection.look_at(args.files))
    files.write_text(text, target)
    blanks = text.partition("\n")[2].count(UNKNOWN)
    print(f"{short(target)}: drafted from {len(args.files)} files; {blanks} places say {UNKNOWN}.\n"
          f"1. Fill them in, and correct what was guessed (lines with `guessed`).\n"
          f"2. oilcan dataset place {args.name} --from FOLDER\n"
          f"3. oilcan dataset check {args.name}\n"
          f"4. dvc exp run -S dataset={args.name}")
    return 0


def run_check(args: argparse.Namespace) -> int:
    """Read, ingest in memory, and tell."""
    from oilcan.cli.dataset_check import check

    return check(find_root(), args.name, args.raw)


def run_place(args: argparse.Namespace) -> int:
    """Copy, renew pins if asked, have DVC record."""
    from oilcan.io.raw_data import placing
    from oilcan.io.stage import files, stage_inputs

    root = find_root()
    where = root / "datasets" / f"{args.name}.yaml"
    contract = stage_inputs.read_contract(where)
    folder = root / "data/raw" / args.name
    placed = placing.place(contract, args.source or folder, folder, any_version=args.any_version)
    print(f"{short(folder)}: {len(placed.copied)} files copied, {len(placed.right)} right already")
    if placed.pins:
        files.write_text(placing.renew_pins(where.read_text(encoding="utf-8"), placed.pins), where)
        print(f"{short(where)}: {len(placed.pins)} sha256 renewed; look at `git diff`")
    return _record(root, args)


def run_fetch(args: argparse.Namespace) -> int:
    """Download what is missing, have DVC record."""
    from oilcan.io.raw_data import fetch
    from oilcan.io.stage import stage_inputs

    root = find_root()
    contract = stage_inputs.read_contract(root / "datasets" / f"{args.name}.yaml")
    folder = root / "data/raw" / args.name
    brought = fetch.bring(contract, folder)
    print(f"{short(folder)}: {brought} files fetched, {len(contract.source.files) - brought} right already")
    return _record(root, args)


def _record(root: Path, args: argparse.Namespace) -> int:
    if args.no_record:
        return 0
    from oilcan.io.repository.dvc_command import record_raw

    record_raw(root, args.name)
    print(f"recorded by DVC as data/dvc.yaml:fetch@{args.name}; keep it with "
          f"`git add data/fetched.yaml data/dvc.lock data/raw/.gitignore datasets/{args.name}.yaml`\n"
          f"next: dvc exp run -S dataset={args.name}")
    return 0
