"""`oilcan score`: forecasts for a table or a folder of Parquet, by the bundle and the code of the service."""

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

    from oilcan.core.bundle.bundle import Bundle

_AT_ONCE: Final = 25            # machines: bounds the memory


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
    for name in ("errors", "maintenance", "failures", "machines"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"Parquet file of {name}")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score some machines at a time; the output takes its name when it is whole."""
    from oilcan.ground.errors import DataError
    from oilcan.io.bundle.bundle_folder import load_bundle
    from oilcan.io.repository.repository_root import find_root
    from oilcan.io.stage.progress import Progress
    from oilcan.io.stage.score_tables import FLEET, ScoreTables, forecasts_file

    bundle = load_bundle(args.bundle or find_root() / "models/bundle")
    tables = ScoreTables(args.input, {name: getattr(args, name) for name in FLEET if getattr(args, name)})
    if not tables.machines:
        raise DataError(f"{args.input}: holds no rows. Name the table that holds the readings.")
    has_features = set(bundle.fitted.features) <= set(tables.columns)
    notes = {"bundle": bundle.digest, "contract": f"{bundle.contract.name} v{bundle.contract.version}"}
    fixed: Counter[str] = Counter()
    rows = 0
    with forecasts_file(args.out, notes) as out, Progress("score", len(tables.machines), unit="machines") as bar:
        for first in range(0, len(tables.machines), _AT_ONCE):
            some = tables.machines[first : first + _AT_ONCE]
            telemetry, fleet = tables.some(some)
            forecasts = _of_features(bundle, telemetry) if has_features else _of_readings(
                bundle, telemetry, fleet, args, fixed)
            out.append(forecasts)
            rows += len(forecasts)
            bar.advance(len(some))
    print(f"{rows:,} forecasts of {len(tables.machines):,} machines in {args.out} (bundle {bundle.digest[:12]})")
    for why, count in sorted(fixed.items()):
        print(f"  readings {why}: {count:,}")
    return 0


def _of_features(bundle: "Bundle", table: "pd.DataFrame") -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    from oilcan.ground.columns import KEY
    from oilcan.scoring.scorer import score

    matrix = table[list(bundle.fitted.features)].to_numpy(dtype=np.float32)
    keys = table[[name for name in KEY if name in table]].reset_index(drop=True)
    return pd.concat([keys, score(bundle.fitted, matrix)], axis=1)


def _of_readings(bundle: "Bundle", telemetry: "pd.DataFrame", fleet: "dict[str, pd.DataFrame]",
                 args: argparse.Namespace, fixed: Counter[str]) -> "pd.DataFrame":
    from oilcan.scoring import history

    history.check_telemetry(telemetry, bundle.contract, str(args.input))
    scored = history.score_history(bundle, telemetry, fleet, rows=args.rows)
    fixed.update(scored.fixed)
    return scored.forecasts
