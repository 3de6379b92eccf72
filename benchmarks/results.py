"""The main job on every data set, five seeds each, its figures beside the published ones.

    make results                                        # all; about half an hour on two cores
    python benchmarks/results.py ai4i2020 cmapss_fd001  # some, to the screen

Each data set runs as a user would run it: a checkout of what git holds, `oilcan dataset place`,
`dvc repro`; then again with other seeds (of training; of demo_fleet, of the fleet too). Test parts
are read by `evaluate` alone. With all data sets it writes docs/results.md, then the ablations.
"""

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

import ablation
import folds
from published import FIGURES
from runs import ROOT, Checkout, checkout, look_up, text

PAGE: Final = ROOT / "docs/results.md"
SEEDS: Final = 5
POLICIES: Final = ("detected_share", "false_alarms_per_machine_month", "cost", "rmse")


def main() -> None:
    """Run the data sets named, or all, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(FIGURES), help="data sets; default all")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    args = parser.parse_args()
    sections = []
    for name in args.names:
        sections.append(section(name, args.seeds))
        print(sections[-1], flush=True)
    if set(args.names) == set(FIGURES) and args.seeds == SEEDS:
        PAGE.write_text(page(sections, ablation.tables()), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")


def section(name: str, seeds: int) -> str:
    """One data set: its figures over the seeds, the simple policies, and what is measured over folds."""
    with checkout(name) as here:
        found = [run(here, seed) for seed in range(seeds)]
        repeated = folds.repeated(here) if name == "ai4i2020" else ""
    lines = [f"## {name}", "", f"| figure | mean of {seeds} seeds | spread | 95 % interval, first seed | asked | "
             f"beside it |", "|---|---|---|---|---|---|"]
    for dotted, words, asked, beside in FIGURES[name]:
        values = [value for value in (look_up(metrics, dotted) for metrics in found) if value is not None]
        mean, spread = (statistics.mean(values), statistics.pstdev(values)) if values else (None, None)
        lines.append(f"| {words} | {text(mean)} | {text(spread)} | {_interval(found[0], dotted)} | {asked} | "
                     f"{beside} |")
    return "\n".join([*lines, "", *_policies(found[0].get("baselines", {})), repeated]).rstrip() + "\n"


def run(here: Checkout, seed: int) -> dict[str, Any]:
    """metrics/evaluate.json of one seed, with the seconds of features and fit."""
    base = {"train.seed": 20260103 + seed}
    here.choose(base | ({"simulate.seed": 20260101 + seed} if here.dataset == "demo_fleet" else {}))
    here.repro("prepare")
    seconds = here.repro("featurize") + here.repro("train")
    here.repro("evaluate")
    return here.metrics("evaluate") | ({"seconds": seconds} if seed == 0 else {})


def _policies(baselines: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | " + " | ".join(text(values.get(word)) for word in POLICIES) + " |"
            for name, values in sorted(baselines.items())]
    return ["Simple policies on the same test part:", "",
            "| policy | failures announced | false alarms per machine-month | cost [EUR] | RMSE |",
            "|---|---|---|---|---|", *rows, ""] if rows else []


def _interval(metrics: dict[str, Any], dotted: str) -> str:
    pair = look_up(metrics, f"{dotted}_ci95")
    return f"{text(pair[0])} to {text(pair[1])}" if pair else ""


def page(sections: list[str], ablations: str) -> str:
    """The whole of docs/results.md."""
    intro = """# Results

Written by `make results`: every data set of [datasets](../datasets) whose files are at hand, run by the same
pipeline with the parameters of [params.yaml](../params.yaml), in a checkout of its own, with five seeds. Models,
calibration and thresholds are chosen on training and validation parts; in a run the test part is read by
`evaluate` alone. What the figures mean stands in [evaluation.md](evaluation.md); how often test parts were looked
at while this was built, in [decisions/0012](decisions/0012-who-has-seen-the-test-parts.md). Figures of others come
from secondary tables unless said otherwise; protocols differ, so read them as a scale, not as a race. The spread
is the standard deviation over the seeds.

"""
    return intro + "\n".join(sections) + "\n" + ablations


if __name__ == "__main__":
    main()
