"""`oilcan doctor`: what is wrong with this checkout or with the service's store, and repair.

`oilcan doctor start` reads no table and imports no pandas, so that `make repro` can call it each time.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oilcan.io.repository.repository_root import find_root

if TYPE_CHECKING:
    from oilcan.io.stores.repair import Copied

_CHECKS: Final = {
    "start": "can `dvc repro` begin: parameters, contract, raw files; clears away what a killed run left half-written",
    "files": "are the bytes of cache, outputs and sample store the recorded ones",
    "lock": "would `dvc repro` run anything, and why; works without data",
    "remotes": "does each remote answer, with the credentials of this machine",
}


def register(commands: Any) -> None:
    """Add `oilcan doctor`."""
    parser = commands.add_parser(
        "doctor", help="what is wrong with this checkout or the service's store, and repair; exit 1 if anything is",
        description="Exit code 1 if something is wrong and was not repaired.")
    parser.add_argument("checks", metavar="CHECK", nargs="*", type=_check,
                        help="; ".join(f"`{name}`: {text}" for name, text in _CHECKS.items()) + " (default: all)")
    parser.add_argument("--repair", action="store_true",
                        help="files: delete corrupt objects, their copies and leftovers, and set aside outputs that "
                             "differ, so that `dvc pull` or `dvc repro` restores them")
    parser.add_argument("--merge", action="store_true",
                        help="after a merge: resolve conflicts in dvc.lock, metrics, plots and reports, for "
                             "`dvc repro` to make them anew")
    parser.add_argument("--store", help="check the store of a service instead: sqlite:///path")
    parser.add_argument("--rebuild", type=Path, metavar="FILE",
                        help="with --store: copy all that can be read into this new file; stop the service first")
    parser.set_defaults(run=run)


def _check(word: str) -> str:
    if word not in _CHECKS:
        raise argparse.ArgumentTypeError(f"no such check (found {word!r}, wanted one of {', '.join(_CHECKS)})")
    return word


def run(args: argparse.Namespace) -> int:
    """Run the checks that were asked for."""
    if args.store is not None or args.rebuild is not None:
        return _check_store(args)
    from oilcan.operations import doctor

    root = find_root()
    if args.merge:
        _print("merge", doctor.resolve_outputs(root))
        return 0
    diagnoses = doctor.examine(root, args.checks or list(_CHECKS), repair=args.repair)
    list(map(_print, diagnoses, diagnoses.values()))
    return int(any(diagnosis.is_wrong for diagnosis in diagnoses.values()))


def _print(name: str, diagnosis: Any) -> None:
    below = [*diagnosis.notes, *diagnosis.faults, *([diagnosis.advice] if diagnosis.advice else [])]
    print("\n  ".join([f"{name}: {'wrong: ' if diagnosis.is_wrong else ''}{diagnosis.summary}", *below]))
    if diagnosis.refusal:
        sys.stdout.flush()
        print(f"error: {diagnosis.refusal}", file=sys.stderr)


def _check_store(args: argparse.Namespace) -> int:
    """Check the store, and rebuild it if asked."""
    from oilcan.ground.errors import StoreError
    from oilcan.io.stores import DEFAULT_URL, repair

    url = args.store or os.environ.get("OILCAN_STORE") or DEFAULT_URL
    if not url.startswith("sqlite:///"):
        raise StoreError("doctor: checks files of SQLite (found the address of another store). For PostgreSQL use "
                         "`pg_amcheck`, and restore from a backup.")
    path = Path(url.removeprefix("sqlite:///"))
    faults = repair.faults_of(path)
    print("\n".join(f"{path}: {line}" for line in faults or ["sound"]))
    if args.rebuild is not None:
        print("\n".join(_line(table) for table in repair.rebuild(path, args.rebuild)))
        print(f"Put {args.rebuild} in the place of {path} (its -wal and -shm files go), and start the service.")
        return 0
    if faults:
        print(f"Stop the service, then run `oilcan doctor --store {url} --rebuild {path.with_suffix('.new')}`.")
    return int(bool(faults))


def _line(table: "Copied") -> str:
    lost = "".join(f", rows {first:,} to {last:,} unreadable" for first, last in table.unreadable)
    return f"{table.table}: {table.rows:,} rows{lost}"
