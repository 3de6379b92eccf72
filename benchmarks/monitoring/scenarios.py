"""Changes with known truth on simulated fleets: false alerts, detection and delay.

Each seed is one fleet of 30 machines: a year to learn, a year to watch. A scenario begins in week 8 of the year that is
watched. Writes benchmarks/monitoring/scenarios.jsonl, one line a fleet and scenario, as soon as it is known: a run that
was cut goes on where it was. Prints the table of docs/results.md. `rivals.py` does the same for Evidently and NannyML.

    python benchmarks/monitoring/scenarios.py [--seeds 20] [--first 1] [--scenarios none sensor_drift ...] [--jobs 2]

One seed takes about six minutes of one core (training included), 20 seeds about an hour on two.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import fleets

from oilcan.monitoring.alerts.alert_book import AlertBook

RESULTS: Final = Path(__file__).with_name("scenarios.jsonl")
CLEAN: Final = ("none", "hot_season", "holiday", "growing_fleet")
CHANGED: Final = {                      # scenario -> weeks in which it should be detected, and what may detect it
    "sensor_offset": 1, "stuck_sensor": 1, "new_model": 1, "unit_changed": 1, "sensor_drift": 8,
    "changed_mechanism": 8, "maintenance_policy": 8,
}  # fmt: skip


def one_seed(seed: int, names: tuple[str, ...]) -> list[str]:
    """Judge scenarios of one fleet; each is written as soon as it is known, so that a run can be resumed."""
    accepted, lines = fleets.accept(fleets.draw("none", seed)), []
    for name in names:
        line = json.dumps({"seed": seed, "scenario": name, **watch(fleets.draw(name, seed), accepted)})
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(line + "\n")            # one short write in append mode: processes do not mix
        lines.append(line)
    return lines


def read_results() -> dict[int, dict[str, Any]]:
    """What is known already: seed -> scenario -> alerts."""
    results: dict[int, dict[str, Any]] = {}
    for line in RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.is_file() else ():
        run = json.loads(line)
        results.setdefault(run["seed"], {})[run["scenario"]] = run
    return results


def watch(company: fleets.Company, accepted: fleets.Accepting) -> dict[str, Any]:
    """Alerts of the year that is watched: week of opening and subject, and weeks that could not be judged."""
    watcher, seen, first, last = fleets.observe(company, accepted)
    book, alerts, unknown = AlertBook(accepted.rules.alerts), [], []
    for watched in watcher.windows(seen, first, last):
        alerts += [[watched.window - first, alert.key] for alert in book.enter(watched.window, watched.findings,
                                                                               watched.unknown)]
        if any(each.subject in ("inputs", "readings") for each in watched.unknown):
            unknown.append(watched.window - first)
    return {"alerts": alerts, "unknown": unknown, "weeks": last - first + 1}


def summarise(results: dict[int, dict[str, Any]]) -> list[str]:
    """The table, one line a scenario."""
    lines = ["| scenario | fleets | false alerts a fleet and year (95 %) | detected in time | median delay (weeks) |",
             "|---|---:|---|---|---:|"]
    rng = np.random.default_rng(1)
    for name in (*CLEAN, *CHANGED):
        runs = [of_seed[name] for of_seed in results.values() if name in of_seed]
        if not runs:
            continue
        begin = 0 if name in CLEAN else fleets.CHANGE_WEEK
        false = np.array([len(run["alerts"]) if name in CLEAN else sum(week < begin for week, _ in run["alerts"])
                          for run in runs], dtype=float)
        years = runs[0]["weeks"] / 52 if name in CLEAN else begin / 52
        drawn = rng.choice(false, size=(2000, len(false))).mean(axis=1) / years
        low, high = np.quantile(drawn, [0.025, 0.975])
        rate = f"{false.mean() / years:.2f} ({low:.2f} to {high:.2f})"
        if name in CLEAN:
            lines.append(f"| {name} | {len(runs)} | {rate} | | |")
            continue
        delays = [min((week - begin for week, _ in run["alerts"] if week >= begin), default=None) for run in runs]
        hits = [delay for delay in delays if delay is not None and delay < CHANGED[name]]
        known = [delay + 1 for delay in delays if delay is not None]
        middle = f"{np.median(known):.0f}" if known else "never"
        lines.append(f"| {name} | {len(runs)} | {rate} | {len(hits)} of {len(runs)} in {CHANGED[name]} | {middle} |")
    return lines


def main() -> None:
    """Run what is not in the results yet, and print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--scenarios", nargs="*", default=[*CLEAN, *CHANGED])
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    seeds = range(args.first, args.first + args.seeds)
    known = read_results()
    missing = {seed: tuple(name for name in args.scenarios if name not in known.get(seed, {})) for seed in seeds}
    wanted = {seed: names for seed, names in missing.items() if names}
    with ProcessPoolExecutor(args.jobs) as pool:
        for lines in pool.map(one_seed, wanted, wanted.values()):
            runs = [json.loads(line) for line in lines]
            print(f"seed {runs[0]['seed']}: " + ", ".join(f"{run['scenario']} {len(run['alerts'])}" for run in runs),
                  flush=True)
    print("\n".join(summarise({seed: runs for seed, runs in read_results().items() if seed in seeds})))


if __name__ == "__main__":
    main()
