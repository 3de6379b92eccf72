"""The main job on every data set, five seeds each, its figures beside the published ones.

    make results                                        # all, and the ablations; three hours on two cores
    python benchmarks/results.py ai4i2020 cmapss_fd001  # some: their sections of the page are written anew

Each data set runs as a user would run it: a checkout of what git holds, `oilcan dataset place`,
`dvc repro`; then again with other seeds (of training; of demo_fleet, of the fleet too). Test parts
are read by `evaluate` alone. Writes docs/results.md.
"""

import argparse
import resource
import statistics
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

import ablation
import folds
from page import write
from published import FIGURES
from runs import Checkout, checkout, look_up, text

SEEDS: Final = 5
_LITTLE_EXPLAINED: Final = {"explain.rows": 100, "explain.repeats": 2}      # importance is not shown here, and slow
POLICIES: Final = ("detected_share", "false_alarms_per_machine_month", "cost", "rmse")


def main() -> None:
    """Run the data sets named, or all, and write their sections of the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(FIGURES), help="data sets; default all")
    names = parser.parse_args().names
    for name in names:
        write(name, section(name))
    if set(names) == set(FIGURES):
        ablation.main([*ablation.JUDGED], only=[])


def section(name: str) -> str:
    """One data set: its figures over the seeds, the simple policies, and what is measured over folds."""
    with checkout(name) as here:
        found = [run(here, seed) for seed in range(SEEDS)]
        repeated = folds.repeated(here) if name == "ai4i2020" else ""
    lines = [f"| figure | mean of {SEEDS} seeds | spread | 95 % interval, first seed | target | "
             f"for comparison |", "|---|---|---|---|---|---|"]
    for dotted, words, asked, beside in FIGURES[name]:
        values = [value for value in (look_up(metrics, dotted) for metrics in found) if value is not None]
        mean, spread = (statistics.mean(values), statistics.pstdev(values)) if values else (None, None)
        lines.append(f"| {words} | {text(mean)} | {text(spread)} | {_interval(found[0], dotted)} | {asked} | "
                     f"{beside} |")
    return "\n".join([*lines, "", *_policies(found[0].get("baselines", {})), repeated]).rstrip() + "\n"


def run(here: Checkout, seed: int) -> dict[str, Any]:
    """metrics/detail/evaluate.json of one seed, with the seconds of features and fit."""
    changes = {"train.seed": 20260103 + seed} | _LITTLE_EXPLAINED
    here.choose(changes | ({"simulate.seed": 20260101 + seed} if here.dataset == "demo_fleet" else {}))
    here.repro("prepare")
    before = _processor_seconds()
    seconds = {"seconds": here.repro("featurize") + here.repro("train")}
    seconds["processor_seconds"] = _processor_seconds() - before
    here.repro("evaluate")
    return here.metrics("evaluate") | (seconds if seed == 0 else {})


def _processor_seconds() -> float:
    """Of all commands that have ended, with what they started."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _policies(baselines: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | " + " | ".join(text(values.get(word)) for word in POLICIES) + " |"
            for name, values in sorted(baselines.items())]
    return ["Simple policies on the same test part:", "",
            "| policy | failures announced | false alarms per machine-month | cost [EUR] | RMSE |",
            "|---|---|---|---|---|", *rows, ""] if rows else []


def _interval(metrics: dict[str, Any], dotted: str) -> str:
    pair = look_up(metrics, f"{dotted}_ci95")
    return f"{text(pair[0])} to {text(pair[1])}" if pair else ""


if __name__ == "__main__":
    main()
