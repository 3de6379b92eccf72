"""The table of docs/replay.md: replays of the demo fleet, calm and with drifts, and of a data set from files.

    python benchmarks/replay.py [--seeds 1] [--cases calm sensor_drift ...] [--until DAY]

Each case is one call of `oilcan replay`; what was made before is kept in .oilcan/replay, so a run that was cut goes on.
Results of each case are written to .oilcan/replay-results, and the table is made of all that are there. The files
of azure_pdm_daily must be in data/raw (`oilcan dataset place azure_pdm_daily --from FOLDER`).
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / ".oilcan/replay-results"
PAGE: Final = ROOT / "docs/replay.md"
MARKS: Final = ("<!-- replay: made by `python benchmarks/replay.py` -->", "<!-- /replay -->")
SCENARIOS: Final = ("sensor_drift", "changed_mechanism", "new_model", "maintenance_policy")
CASES: Final = {"calm": ("demo_fleet", "none"), **{name: ("demo_fleet", name) for name in SCENARIOS},
                "azure_pdm_daily": ("azure_pdm_daily", "none")}


def replay(case: str, seeds: int, until: str | None) -> None:
    """One call of the command; the seconds that it took stand in the results."""
    name, scenario = CASES[case]
    place, began = RESULTS / f"{case}.html", time.monotonic()
    oilcan = str(Path(sys.executable).with_name("oilcan"))
    more = [] if until is None else ["--until", until]
    subprocess.run([oilcan, "replay", name, "--scenario", scenario, "--seeds", str(seeds), "--out", str(place), *more],
                   cwd=ROOT, check=True)
    results = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
    place.with_suffix(".json").write_text(json.dumps(results | {"seconds": round(time.monotonic() - began)}, indent=2),
                                          encoding="utf-8")


def main() -> None:
    """Replay what is asked for, and write the table of all that is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--until", help="end of operation, where a whole year takes too long")
    args = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for case in args.cases:
        replay(case, args.seeds, args.until)
    lines = [line for case in CASES if (RESULTS / f"{case}.json").is_file() for line in table_of(case)]
    write(["| case | policy | caught | false alarms | lead time [h] | alerts | retrainings, promoted | CPU s "
           "| cost [EUR] | of monthly's saving |", "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|", *lines])


def table_of(case: str) -> list[str]:
    """One line for each policy of a case."""
    results = json.loads((RESULTS / f"{case}.json").read_text(encoding="utf-8"))
    fleets = len(results["seeds"])
    lines = []
    for at, name in enumerate(policy["name"] for policy in results["policies"]):
        figures = results["summary"][name]
        span = f"{results['begins'][:10]} to {results['ends'][:10]}"
        title = f"{case}, {fleets} {'fleet' if fleets == 1 else 'fleets'}, {span}" if at == 0 else ""
        share = figures.get("share_of_monthly_saving")
        lines.append(f"| {title} | {name} | {text(figures, 'caught')} of {text(figures, 'failures')} | "
                     f"{text(figures, 'false_alarms')} | {text(figures, 'median_lead_time_h')} | "
                     f"{text(figures, 'alerts')} | {text(figures, 'retrainings')}, {text(figures, 'promotions')} | "
                     f"{text(figures, 'cpu_s')} | {text(figures, 'cost_eur')} | "
                     f"{'' if share is None or name == 'never' else f'{share:.0%}'} |")
    return lines


def text(figures: dict[str, Any], name: str) -> str:
    """The mean, with its interval over fleets where there are several."""
    entry = figures.get(name)
    if entry is None:
        return ""
    digits = 0 if name in ("cost_eur", "cpu_s") else 1
    mean = f"{entry['mean']:,.{digits}f}".removesuffix(".0")
    return mean if entry["low"] is None else f"{mean} ({entry['low']:,.{digits}f} to {entry['high']:,.{digits}f})"


def write(lines: list[str]) -> None:
    """Put the table between the marks of the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    PAGE.write_text(f"{before}{MARKS[0]}\n" + "\n".join(lines) + f"\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
