"""Does exploration find what the simulated fleet is known to do? Coverage of its 95 % intervals over 20 fleets.

The truth of a quantity is its value in other fleets of the same physics taken together: the Weibull law fitted to all
lives of the 39 other fleets at once, and, in twenty fleets of which nothing else is asked, the lead at which the mean
deviation of the telling sensor before all their failures reaches half of what it is at the failure. Each fleet is
drawn, read and explored by itself and only its lives and mean deviations are kept, so memory stays that of one fleet
(about 1 GB) for each job.

    nice -n 15 python benchmarks/exploration_truth.py [--fleets 20] [--machines 100] [--jobs 2]
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from oilcan.core.exploration.fleet_record import FleetRecord, record
from oilcan.core.exploration.lives.component_lives import spells
from oilcan.core.exploration.lives.life_fits import fit_life
from oilcan.core.exploration.sensor_signals import signals
from oilcan.core.exploration.warnings.aligned import look_back
from oilcan.core.exploration.warnings.half_leads import half_lead
from oilcan.core.exploration.warnings.warning_signs import ModeSigns, mode_signs
from oilcan.core.ingest import ingest
from oilcan.core.judging.life_tables import median_life
from oilcan.core.phrasing.quantities import number
from oilcan.core.prepare.partitions import clean_readings
from oilcan.core.simulate import draw_fleet
from oilcan.ground.columns import MACHINE
from oilcan.io.raw_data import reading
from oilcan.io.stage import stage_inputs, table_files

ROOT = Path(__file__).parents[1]
TELLING = {"bearing": "vibration_mm_s", "seal": "oil_pressure_bar", "motor": "motor_current_a", "filter": "flow_m3_h"}
ALSO = {"bearing": "bearing_temp_c"}        # a second sensor that the physics of docs/demo_fleet.md let tell
NOISE = {"E901", "E902"}
FIRST_TRUTH = 5001                          # seeds of the fleets that make up the truth
BACK = 528.0                                # look-back of the truth [h], near that of the fleets; all bins must agree


@dataclass(frozen=True)
class Explored:
    """What one fleet shows: lives of each component, and the signs before its failures."""

    lives: dict[str, pd.DataFrame]
    signs: dict[str, ModeSigns]


def drawn(seed: int, machines: int) -> FleetRecord:
    """A fleet, drawn and read as `oilcan explore` reads it, with all its labels."""
    contract = stage_inputs.read_contract(ROOT / "datasets/demo_fleet.yaml")
    horizon_h, lead_time_h = contract.look_ahead()
    fleet = draw_fleet(machines=machines, days=365, seed=seed, start="2024-01-01", horizon_h=horizon_h,
                       lead_time_h=lead_time_h)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        table_files.write_tables({"telemetry": fleet.telemetry, "truth": fleet.truth}, folder)
        table_files.write_csvs({"errors": fleet.errors, "maintenance": fleet.maintenance,
                                "failures": fleet.failures, "machines": fleet.machines}, folder)
        canonical = ingest(reading.read_raw(contract, folder), contract, hash_key=b"of a benchmark")
    readings, _ = clean_readings(canonical.tables["telemetry"], contract, fill_periods=3)
    return record(contract, readings, canonical.tables, None, None)


def explored(seed: int, machines: int, back: float | None) -> Explored:
    """One fleet as `explore` looks at it; `back` overrides the look-back that it would choose."""
    fleet = drawn(seed, machines)
    whole = spells(fleet, None).table
    usual = median_life((whole["end"] - whole["start"]).to_numpy(), whole["failed"].to_numpy(bool))
    found, rng = signals(fleet), np.random.default_rng(seed)
    back = look_back(fleet, usual) if back is None else back
    lives = {mode: spells(fleet, mode).dated().assign(**{MACHINE: lambda table: f"{seed}-" + table[MACHINE]})
             for mode in TELLING}
    return Explored(lives, {mode: mode_signs(fleet, found, mode, back=back, rng=rng) for mode in TELLING})


def laws(lives: dict[str, pd.DataFrame]) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Name, estimate and interval of the Weibull laws."""
    for mode, table in lives.items():
        fit = fit_life((table["end"] - table["start"]).to_numpy(np.float64), table["failed"].to_numpy(bool),
                       table[MACHINE].to_numpy())
        if fit is not None:
            yield f"{mode}: Weibull shape", fit.shape, fit.shape_ci95
            yield f"{mode}: Weibull scale [h]", fit.scale, fit.scale_ci95


def leads(signs: dict[str, ModeSigns]) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Name, estimate and interval of the half lead of each mode's telling sensor."""
    for mode, of in signs.items():
        sign = next(sign for sign in of.sensors if sign.sensor == TELLING[mode])
        if sign.half_lead is not None and sign.half_lead_ci95 is not None:
            yield f"{mode}: half lead of {sign.sensor} [h]", sign.half_lead, sign.half_lead_ci95


def silent(signs: dict[str, ModeSigns]) -> Iterator[tuple[str, bool]]:
    """Whether exploration calls silent what carries no signal: other components' sensors, and noise codes."""
    for mode, of in signs.items():
        others = [sign.lead for sign in of.sensors if sign.sensor not in {TELLING[mode], ALSO.get(mode)}]
        yield f"{mode}: the {len(others)} other sensors give no warning", not any(others)
    codes = [code.lead for of in signs.values() for code in of.codes if code.code in NOISE]
    yield "noise codes E901, E902 give no warning", not any(codes)


def true_laws(fleets: list[Explored]) -> dict[str, float]:
    """Weibull laws of the lives of all the fleets together."""
    lives = {mode: pd.concat([fleet.lives[mode] for fleet in fleets]) for mode in TELLING}
    return {name: value for name, value, _ in laws(lives)}


def true_leads(fleets: list[Explored]) -> dict[str, float]:
    """Half lead of each telling sensor in all the fleets together; their look-back is the same."""
    truth = {}
    for mode, sensor in TELLING.items():
        signs = [(fleet.signs[mode].failures, next(s for s in fleet.signs[mode].sensors if s.sensor == sensor))
                 for fleet in fleets]
        curve = np.average([sign.difference for _, sign in signs], axis=0, weights=[count for count, _ in signs])
        lead = half_lead(curve, fleets[0].signs[mode].aligned.edges)
        if lead is not None:
            truth[f"{mode}: half lead of {sensor} [h]"] = lead
    return truth


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fleets", type=int, default=20)
    parser.add_argument("--machines", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    plan = [(FIRST_TRUTH + at, BACK) for at in range(args.fleets)] + [(1 + at, None) for at in range(args.fleets)]
    done = joblib.Parallel(n_jobs=args.jobs, verbose=5)(
        joblib.delayed(explored)(seed, args.machines, back) for seed, back in plan)
    print("\n".join(table(done[: args.fleets], done[args.fleets :])))


def table(others: list[Explored], fleets: list[Explored]) -> Iterator[str]:
    """How often each quantity was right, as lines of Markdown."""
    rows: dict[str, list[tuple[float, float, bool]]] = {}
    half = true_leads(others)
    for at, fleet in enumerate(fleets):
        truth = true_laws([*others, *fleets[:at], *fleets[at + 1 :]]) | half
        for name, value, (low, high) in (*laws(fleet.lives), *leads(fleet.signs)):
            rows.setdefault(name, []).append((truth[name], value, low <= truth[name] <= high))
        for name, right in silent(fleet.signs):
            rows.setdefault(name, []).append((np.nan, np.nan, right))
    yield "| quantity | truth | mean estimate | right in |\n|---|---|---|---|"
    for name, values in rows.items():
        known, mean = (number(float(np.mean(column))) if np.isfinite(column).all() else ""
                       for column in ([row[0] for row in values], [row[1] for row in values]))
        yield f"| {name} | {known} | {mean} | {sum(row[2] for row in values)} of {len(values)} |"


if __name__ == "__main__":
    main()
