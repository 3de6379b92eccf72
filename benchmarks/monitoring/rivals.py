"""Evidently and NannyML with their defaults on the very fleets and weeks of `scenarios.py`.

    python benchmarks/monitoring/rivals.py [--seeds 3] [--first 7] [--scenarios none sensor_drift ...]

Each rival runs in an environment of its own, made from requirements/rival-*.txt (NannyML's takes 1.9 GB). Both get the
readings of the first year as reference and each week of the second. A week with an alert opens one; as with ours, it
closes after two calm weeks and its subject is silent for four. Writes benchmarks/monitoring/rivals.jsonl, one line a
fleet and scenario; known ones are not run again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
import fleets
import scenarios
from serving import servers  # makes the environments of rivals

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "rivals.jsonl"
SHARE: Final = 0.5                      # of Evidently's preset: drift where half of the columns have drifted
CHANGE_WEEKS: Final = fleets.CHANGE_WEEK + 12       # weeks that are judged of a changed fleet; of a clean one all 52
READINGS: Final = {                     # a reading of what the rivals print -> whether a week is an alert
    "Evidently, preset": lambda found: [share >= SHARE for share in found["evidently"]["share"]],
    "Evidently, any column": lambda found: [share > 0 for share in found["evidently"]["share"]],
    "NannyML, any column": lambda found: [count > 0 for count in found["nannyml"]["columns"]],
    "NannyML, multivariate": lambda found: [bool(each) for each in found["nannyml"]["multivariate"]],
}  # fmt: skip


def write_weeks(name: str, seed: int, file: Path) -> None:
    """Sensors and conditions of two years, and the week of each reading; those before the watched year are negative."""
    company = fleets.draw(name, seed)
    columns = [column for column in fleets.contract().telemetry_columns("sensor", "condition")
               if column in company.telemetry]
    days = (company.telemetry["time"] - fleets.LEARNED) // np.timedelta64(1, "D")
    week = (days // 7).to_numpy().astype(np.int16)
    kept = week < (52 if name in scenarios.CLEAN else CHANGE_WEEKS)
    values = company.telemetry[columns].to_numpy(np.float32)
    np.savez_compressed(file, values=values[kept], week=week[kept], columns=np.array(columns))


def judge(name: str, seed: int) -> dict[str, Any]:
    """What both rivals say of one fleet."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}-{seed}.npz"
        write_weeks(name, seed, file)
        found: dict[str, Any] = {"seed": seed, "scenario": name}
        for rival in ("evidently", "nannyml"):
            command = [servers.environment(rival) / "python", "-W", "ignore", HERE / f"rival_drift_{rival}.py", file]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr[-3_000:])
            found[rival] = json.loads(done.stdout.splitlines()[-1])
    return found


def opened(is_alert: list[bool], *, calm: int = 2, silence: int = 4) -> list[int]:
    """Weeks in which an alert opens, by the rules of monitoring.yaml for closing and silence."""
    weeks, is_open, quiet, closed = [], False, 0, -silence - 1
    for week, is_so in enumerate(is_alert):
        if is_open:
            quiet = 0 if is_so else quiet + 1
            if quiet >= calm:
                is_open, closed = False, week
        elif is_so and week - closed > silence:
            weeks.append(week)
            is_open, quiet = True, 0
    return weeks


def summarise(lines: list[dict[str, Any]]) -> list[str]:
    """One table for each way to read the rivals."""
    table = []
    for title, read in READINGS.items():
        runs: dict[int, dict[str, Any]] = {}
        for line in lines:
            weeks = read(line)
            runs.setdefault(line["seed"], {})[line["scenario"]] = {
                "alerts": [{"week": week, "right": week >= fleets.CHANGE_WEEK and line["scenario"] in scenarios.CHANGED}
                           for week in opened(weeks)], "unknown": [], "weeks": len(weeks)}
        table += ["", f"**{title}**", "", *scenarios.summarise(runs)]
    return table


def main() -> None:
    """Run what is not known yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=7)
    parser.add_argument("--scenarios", nargs="*", default=[*scenarios.CLEAN, *scenarios.CHANGED])
    args = parser.parse_args()
    lines = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()] if RESULTS.is_file() else []
    known = {(line["seed"], line["scenario"]) for line in lines}
    for seed in range(args.first, args.first + args.seeds):
        for name in args.scenarios:
            if (seed, name) not in known:
                lines.append(judge(name, seed))
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
                print(f"seed {seed}: {name}", flush=True)
    print("\n".join(summarise(lines)))


if __name__ == "__main__":
    main()
