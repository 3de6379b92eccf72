"""The plant of the tutorial works on: canonical tables of the weeks after the record, ready for `oilcan replay-stream`.

    python deploy/tutorial/plant.py --days 28 --drift vibration_mm_s+1.5 --out ../next-weeks

The fleet is that of params.yaml, drawn for longer; the same arguments give the same rows. With --drift the readings of
the second half are changed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from oilcan.operations.injected_drift import InjectedDrift

CONTRACT = "datasets/demo_fleet.yaml"


def longer_fleet(folder: Path, days: int) -> Path:
    """Canonical tables of the fleet with so many more days, made by the stages of the clone."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["simulate"]["days"] += days
    file = folder / "params.yaml"
    file.write_text(yaml.safe_dump(params), encoding="utf-8")
    (folder / "live").mkdir()
    for stage, *words in (("simulate", CONTRACT, folder / "raw"),
                          ("ingest", CONTRACT, folder / "raw", folder / "live", folder / "canonical")):
        subprocess.run([sys.executable, "-P", f"src/stages/{stage}.py", *map(str, words), "--params", str(file)],
                       env=os.environ | {"PYTHONPATH": "src"}, check=True, stdout=subprocess.DEVNULL)
    return folder / "canonical"


def keep_new(source: Path, out: Path, days: int, drift: InjectedDrift | None) -> int:
    """Copy the rows of the last days, and change the readings of their second half; the number of readings."""
    machines = pd.read_parquet(source / "machines.parquet")
    out.joinpath("telemetry").mkdir(parents=True)
    machines.to_parquet(out / "machines.parquet")
    parts = {file.name: pd.read_parquet(file) for file in sorted((source / "telemetry").glob("*.parquet"))}
    end = max(part["time"].max() for part in parts.values())
    start, middle = end - pd.Timedelta(days=days), end - pd.Timedelta(days=days / 2)
    readings = 0
    for name, part in parts.items():
        rows = part[part["time"] > start]
        if drift is not None:
            late = rows["time"] > middle
            changed = drift.apply(rows[late], drift.chosen(machines["machine_id"].astype(str).tolist()))
            rows = pd.concat([rows[~late], changed]).sort_values(["machine_id", "time"])
        rows.to_parquet(out / "telemetry" / name)
        readings += len(rows)
    for name in ("errors", "maintenance", "failures"):
        table = pd.read_parquet(source / f"{name}.parquet")
        table[table["time"] > start].to_parquet(out / f"{name}.parquet")
    return readings


def main() -> None:
    """Draw, and keep what is new."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--drift", metavar="CHANGE", help="for example vibration_mm_s+1.5")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    drift = InjectedDrift.parse(args.drift) if args.drift else None
    with tempfile.TemporaryDirectory(prefix="oilcan-plant-") as folder:
        readings = keep_new(longer_fleet(Path(folder), args.days), args.out, args.days, drift)
    print(f"{args.out}: {readings:,} readings of {args.days} days")


if __name__ == "__main__":
    main()
