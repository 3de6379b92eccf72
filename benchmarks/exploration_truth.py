"""Does exploration find what the simulated fleet is known to do? Coverage of its 95 % intervals over 20 fleets.

The truth of a quantity is its value in one very large fleet drawn by the same physics (2,000 machines, a year):
the Weibull law that best describes the lives as exploration counts them, and the lead at which half of the final
deviation of the telling sensor is reached.

    python benchmarks/exploration_truth.py [--fleets 20] [--machines 100]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from oilcan.core.exploration.fleet_findings import Exploration, explore
from oilcan.core.exploration.fleet_record import record
from oilcan.io.stage import stage_inputs, table_files

ROOT = Path(__file__).parents[1]
TELLING = {"bearing": "vibration_mm_s", "seal": "oil_pressure_bar", "motor": "motor_current_a", "filter": "flow_m3_h"}
NOISE = {"E901", "E902"}


def explored(seed: int, machines: int) -> Exploration:
    """A fresh fleet, drawn and ingested by the pipeline's own stages, explored with all its labels."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        params["simulate"] |= {"seed": seed, "machines": machines, "scenario": "none"}
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        contract = ROOT / "datasets/demo_fleet.yaml"
        for stage, *places in (("simulate", contract, folder / "raw"),
                               ("ingest", contract, folder / "raw", folder / "canonical")):
            subprocess.run([sys.executable, "-P", str(ROOT / f"src/stages/{stage}.py"), *map(str, places), "--params",
                            str(folder / "params.yaml")], check=True, cwd=ROOT, stdout=subprocess.DEVNULL,
                           env=os.environ | {"PYTHONPATH": str(ROOT / "src")})
        tables = table_files.read_tables(folder / "canonical", ("errors", "maintenance", "failures", "machines"))
        readings = table_files.read_partitions(folder / "canonical" / "telemetry")
    fleet = record(stage_inputs.read_contract(contract), readings, tables, None, most=10**9)
    return explore(fleet, None, seed=seed)


def quantities(found: Exploration) -> dict[str, tuple[float, tuple[float, float]]]:
    """Name -> estimate and interval."""
    values: dict[str, tuple[float, tuple[float, float]]] = {}
    for lives in found.lives:
        if lives.kind == "all" and lives.fit is not None:
            values[f"{lives.mode}: Weibull shape"] = (lives.fit.shape, lives.fit.shape_ci95)
            values[f"{lives.mode}: Weibull scale [h]"] = (lives.fit.scale, lives.fit.scale_ci95)
    for mode in found.modes:
        sign = next(s for s in mode.sensors if s.sensor == TELLING[mode.mode])
        if sign.half_lead is not None and sign.half_lead_ci95 is not None:
            values[f"{mode.mode}: half lead of {sign.sensor} [h]"] = (sign.half_lead, sign.half_lead_ci95)
    return values


def silent(found: Exploration) -> dict[str, bool]:
    """Whether what carries no signal is called silent: noise codes, and for each mode the sensors of other modes."""
    codes = {code.code: code.lead for mode in found.modes for code in mode.codes if code.code in NOISE}
    others = [sign.lead for mode in found.modes for sign in mode.sensors
              if sign.sensor in set(TELLING.values()) - {TELLING[mode.mode]}]
    return {"noise codes E901, E902 give no warning": not any(codes.values()),
            "sensors of other components give no warning": sum(lead > 0 for lead in others) == 0}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fleets", type=int, default=20)
    parser.add_argument("--machines", type=int, default=100)
    args = parser.parse_args()
    truth = {name: value for name, (value, _) in quantities(explored(424242, 2000)).items()}
    hits: dict[str, list[bool]] = {}
    estimates: dict[str, list[float]] = {}
    for seed in range(1, args.fleets + 1):
        found = explored(seed, args.machines)
        for name, (value, (low, high)) in quantities(found).items():
            hits.setdefault(name, []).append(low <= truth[name] <= high)
            estimates.setdefault(name, []).append(value)
        for name, right in silent(found).items():
            hits.setdefault(name, []).append(right)
        print(f"fleet {seed} of {args.fleets}", file=sys.stderr, flush=True)
    rows: list[dict[str, Any]] = [
        {"quantity": name, "truth": f"{truth[name]:.3g}" if name in truth else "",
         "mean estimate": f"{pd.Series(estimates[name]).mean():.3g}" if name in estimates else "",
         "right in": f"{sum(right)} of {len(right)}"} for name, right in hits.items()]
    table = pd.DataFrame(rows)
    print("| " + " | ".join(table.columns) + " |\n|" + "---|" * len(table.columns))
    print("\n".join("| " + " | ".join(row) + " |" for row in table.to_numpy()))


if __name__ == "__main__":
    main()
