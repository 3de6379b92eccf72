"""`oilcan score`: forecasts for a table or a folder of Parquet, by the bundle and the code of the service."""

import argparse
from pathlib import Path
from typing import Any, Final

_FLEET: Final = ("errors", "maintenance", "failures", "machines")


def register(commands: Any) -> None:
    """Add `oilcan score`."""
    parser = commands.add_parser(
        "score", help="forecast a table or a folder of Parquet with a bundle",
        description="Forecast readings (canonical telemetry: a file, a folder, or a folder laid out as "
                    "data/canonical) or rows of features, with the bundle that the service answers by.")
    parser.add_argument("input", type=Path, metavar="INPUT", help="Parquet file or folder")
    parser.add_argument("--out", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--bundle", type=Path, help="bundle folder (default: models/bundle of this clone)")
    parser.add_argument("--rows", choices=("all", "stride", "last"), default="stride",
                        help="forecast at all readings, at the contract's stride (default), or at each machine's last")
    for name in _FLEET:
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"Parquet file of {name}")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score, and count forecasts and readings that were left out or changed."""
    from oilcan.io.bundle.verdict_file import load_reviewed
    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.batch_scoring import score_tables

    bundle, verdict = load_reviewed(args.bundle or find_root() / "models/bundle")
    fleet = {name: getattr(args, name) for name in _FLEET if getattr(args, name)}
    scored = score_tables(bundle, args.input, fleet, rows=args.rows, decision=verdict.decision, out=args.out)
    counts = [f"  readings {reason}: {count:,}" for reason, count in sorted(scored.fixed.items())]
    print("\n".join([f"{scored.forecasts:,} forecasts of {scored.machines:,} machines in {args.out} "
                     f"(bundle {bundle.digest[:12]}, the gate decided: {verdict.decision})", *counts]))
    return 0
