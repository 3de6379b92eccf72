"""What the options of `oilcan monitor` and `oilcan decide` ask for."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oilcan.contract import Contract
from oilcan.ground.errors import DataError
from oilcan.io.repository.repository_root import find_root
from oilcan.monitoring.watch_report import WatchReport
from oilcan.operations.watching.monitor import exact_time, watch_tables
from oilcan.operations.watching.watched_model import MATERIAL, open_watch, read_rules
from oilcan.operations.watching.watched_tables import CanonicalTables, Source, StoreTables

_AT_ONCE: Final = 25                    # machines: bounds the memory of a command
EXIT: Final = {"calm": 0, "alert": 3, "unknown": 4}     # of `oilcan monitor`


@dataclass(frozen=True)
class Paths:
    """Where things are, by default in this clone."""

    bundle: Path
    material: Path
    rules: Path
    canonical: Path


def paths(args: argparse.Namespace) -> Paths:
    """Paths that were given, else those of this clone; outside of one, all that are needed must be given."""
    is_whole = args.bundle and args.material and args.rules and (args.canonical or args.store)
    base = Path() if is_whole else find_root()
    return Paths(args.bundle or base / "models/bundle", args.material or base / "models/reference" / MATERIAL,
                 args.rules or base / "monitoring.yaml", args.canonical or base / "data/canonical")


def moment(text: str | None, contract: Contract, option: str) -> int | None:
    """Exact time of an ISO 8601 text (UTC unless it says otherwise), or a number of cycles or of running time.

    Raises
    ------
    DataError
        If it is neither.
    """
    if text is None:
        return None
    try:
        return exact_time(text, contract)
    except ValueError as err:
        wanted = {"cycle": "a number of cycles", "elapsed": f"a number of {contract.time.unit}"}.get(
            contract.time.kind, "a moment such as 2024-12-31")
        raise DataError(f"{option}: is not a time of this data set (found {text!r}: {err}; wanted {wanted}). "
                        f"Give it so.") from err


def watch_as_asked(args: argparse.Namespace) -> WatchReport:
    """The report for the options of a command."""
    where = paths(args)
    watch = open_watch(where.bundle, read_rules(where.rules), where.material, args.window)
    contract = watch.bundle.contract
    source: Source = StoreTables.opened(args.store, contract) if args.store else CanonicalTables(where.canonical)
    return watch_tables(watch, source, since=moment(args.since, contract, "--since"),
                        until=moment(args.until, contract, "--until"), machines_at_once=_AT_ONCE)
