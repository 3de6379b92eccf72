"""Changes with known truth on simulated fleets: false alerts, detection and delay.

Each seed is one fleet of 30 machines: a year to learn, a year to watch. A scenario begins in week 8 of the year that is
watched. Writes benchmarks/monitoring/scenarios.jsonl, one line a fleet and scenario, as soon as it is known: a run that
was cut goes on where it was. Prints the tables of docs/results.md. `rivals.py` does the same for Evidently and NannyML.

A change counts as detected only by an alert that opens after it and is about what has changed: the right kind, sensor
and machines (`expected_alerts.py`). A changed fleet is watched for twelve weeks after the change.

    python benchmarks/monitoring/scenarios.py [--seeds 20] [--first 1] [--scenarios none sensor_drift ...] [--jobs 2]

One seed takes about 80 seconds of one core, training included; every line says what it took.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import beta

sys.path.insert(0, str(Path(__file__).parent))
import fleets
from expected_alerts import RIGHT, Change

from oilcan.monitoring.alerts.alert_book import AlertBook

RESULTS: Final = Path(__file__).with_name("scenarios.jsonl")
CLEAN: Final = ("none", "hot_season", "holiday", "growing_fleet")
CHANGED: Final = {                      # scenario -> weeks in which it should be detected, and what may detect it
    "sensor_offset": 1, "stuck_sensor": 1, "new_model": 1, "unit_changed": 1, "sensor_drift": 8,
    "changed_mechanism": 8, "maintenance_policy": 8,
}  # fmt: skip


FORECAST: Final = (*CLEAN, "changed_mechanism")         # of the others, no right alert rests on forecasts


def one_seed(seed: int, names: tuple[str, ...]) -> list[str]:
    """Judge scenarios of one fleet; each is written as soon as it is known, so that a run can be resumed."""
    clean, lines = fleets.draw("none", seed), []
    accepted = fleets.accept(clean)
    for name in names:
        began, company = time.process_time(), clean if name == "none" else fleets.draw(name, seed)
        change = Change.between(clean.telemetry, company.telemetry) if name in CHANGED else Change()
        result = watch(name, company, accepted, change)
        line = json.dumps({"seed": seed, "scenario": name, **result,
                           "cpu_seconds": round(time.process_time() - began, 1)})
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


def watch(name: str, company: fleets.Company, accepted: fleets.Accepting, change: Change) -> dict[str, Any]:
    """Alerts of the weeks that are watched, which of them are right, and weeks that could not be judged."""
    if name in CHANGED:
        company = fleets.until_week(company, fleets.CHANGE_WEEK + fleets.WATCHED_AFTER)
    watcher, seen, first, last = fleets.observe(company, accepted, with_forecasts=name in FORECAST)
    book, alerts, unknown = AlertBook(accepted.rules.alerts), [], []
    for watched in watcher.windows(seen, first, last):
        for alert in book.enter(watched.window, watched.findings, watched.unknown):
            finding = alert.finding
            entry = {"week": watched.window - first, "key": alert.key, "rule": finding.rule,
                     "value": round(finding.value, 3), "limit": round(finding.limit, 3),
                     "machines": list(finding.machines)}
            entry["right"] = name in CHANGED and entry["week"] >= fleets.CHANGE_WEEK and RIGHT[name](change, entry)
            alerts.append(entry)
        if any(each.subject in ("inputs", "readings") for each in watched.unknown):
            unknown.append(watched.window - first)
    return {"alerts": alerts, "unknown": unknown, "weeks": last - first + 1}


def summarise(results: dict[int, dict[str, Any]]) -> list[str]:
    """Two tables, one line a scenario: false alerts of years without a change, and detection of changes."""
    runs = {name: [of_seed[name] for of_seed in results.values() if name in of_seed] for name in (*CLEAN, *CHANGED)}
    lines = ["| years without a change | fleets | false alerts a fleet and year (95 %) |", "|---|---:|---|"]
    rng = np.random.default_rng(1)
    for name in CLEAN:
        if runs[name]:
            false = np.array([len(run["alerts"]) / run["weeks"] * 52 for run in runs[name]])
            low, high = np.quantile(rng.choice(false, size=(2000, len(false))).mean(axis=1), [0.025, 0.975])
            most = 3.0 / len(false)             # the rule of three, where nothing was seen
            lines.append(f"| {name} | {len(false)} | {false.mean():.2f} ({low:.2f} to "
                         f"{high if false.any() else most:.2f}) |")
    lines += ["", "| change | fleets | right alert in time (95 %) | median delay (weeks) | other alerts a fleet |",
              "|---|---:|---|---:|---:|"]
    for name, weeks in CHANGED.items():
        if runs[name]:
            lines.append(_detection(name, runs[name], weeks))
    return lines


def _detection(name: str, runs: list[dict[str, Any]], weeks: int) -> str:
    begin = fleets.CHANGE_WEEK
    delays = [min((alert["week"] - begin + 1 for alert in run["alerts"] if alert["right"]), default=None)
              for run in runs]
    hits = sum(delay is not None and delay <= weeks for delay in delays)
    low, high = interval(hits, len(runs))
    middle = np.median([np.inf if delay is None else delay for delay in delays])
    others = np.mean([sum(not alert["right"] and alert["week"] >= begin for alert in run["alerts"]) for run in runs])
    return (f"| {name} | {len(runs)} | {hits} of {len(runs)} in {weeks} ({low:.0%} to {high:.0%}) | "
            f"{'never' if np.isinf(middle) else f'{middle:.0f}'} | {others:.1f} |")


def interval(hits: int, trials: int) -> tuple[float, float]:
    """Exact interval of a share, 95 % (Clopper and Pearson, Biometrika 26, 1934)."""
    low = beta.ppf(0.025, hits, trials - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, trials - hits) if hits < trials else 1.0
    return float(low), float(high)


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
