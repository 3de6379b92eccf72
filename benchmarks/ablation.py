"""What each feature family and each modelling choice is worth: one at a time is taken away.

    python benchmarks/ablation.py [DATASET...]
    python benchmarks/ablation.py cmapss_fd001 --only health drift      # printed, docs/results.md stays

Judged on the validation part alone, so that nothing here looks at a test part. Within noise (a validation part
holds few machines) a family that seems to hurt is not thereby useless elsewhere.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

from page import write
from runs import Checkout, checkout, look_up, text

INTRO: Final = ("Each feature family and each modelling choice off, one at a time, judged on the validation part "
                "(`python benchmarks/ablation.py`).")
QUICK: Final = {"train.refit": False, "train.outlook.horizons": []}       # what the figure does not look at
FEATURES: Final[dict[str, dict[str, Any]]] = {
    "without operating regimes": {"featurize.regimes": False},
    "with constant and double columns": {"featurize.drop_constant": False},
}
FAMILIES: Final[dict[str, dict[str, Any]]] = {
    name: {f"train.{kind}": family for kind in ("model", "life_model", "label_model")} for name, family in {
        "random forest": "random_forest", "extra trees": "extra_trees", "boosting alone": "hist_gradient_boosting",
        "committee of boosting and extra trees": "committee"}.items()}
CHOICES: Final = FAMILIES | {"early stopping on held-out machines": {"train.early_stopping_share": 0.2}}
OF_LIFE: Final[dict[str, dict[str, Any]]] = {
    "one model of remaining life, not a bag": {"train.life_boosting.bags": 1},
}
OF_EVENTS: Final[dict[str, dict[str, Any]]] = {
    "classes weighted equally": {"train.class_weight": "balanced"},
    "bags of events": {"train.hist_gradient_boosting.bags": 3},
}
CALIBRATION: Final[dict[str, dict[str, Any]]] = {       # keeps the order of rows, so it is judged by what they say
    "without calibration": {"train.calibration": "none"},
    "isotonic calibration": {"train.calibration": "isotonic"},
}
# data set -> the task of metrics/detail/train.json that judges it
JUDGED: Final = {"demo_fleet": "failure", "cmapss_fd001": "rul", "cmapss_fd002": "rul", "ai4i2020": "machine_failure",
                 "azure_pdm_daily": "failure"}


def main(datasets: list[str], only: list[str]) -> None:
    """Run the data sets named and write their tables to docs/results.md; print them where some changes are chosen."""
    for name in datasets:
        found = table(name, only)
        if only:
            print(f"{name}\n{found}", flush=True)
        else:
            write(f"Ablation on {name}", f"{INTRO}\n\n{found}")


def table(dataset: str, only: list[str]) -> str:
    """One data set: the figures as configured, and with one thing changed."""
    task = f"targets.{JUDGED[dataset]}"
    with checkout(dataset) as here:
        families = here.param("featurize.families")
        without = {f"without {family}": {"featurize.families": [each for each in families if each != family]}
                   for family in families}
        common = some(without | FEATURES | CHOICES, only)
        if JUDGED[dataset] == "rul":
            return compared(here, f"{task}.validation.rmse", "RMSE, validation [cycles]", common | some(OF_LIFE, only))
        return "\n".join([
            compared(here, f"{task}.validation.pr_auc", "average precision, validation",
                     common | some(OF_EVENTS, only)),
            compared(here, f"{task}.calibration.brier_after", "Brier score, validation", some(CALIBRATION, only))])


def some(variants: dict[str, dict[str, Any]], only: list[str]) -> dict[str, dict[str, Any]]:
    """Those whose words contain one of these; all without any."""
    return {name: changes for name, changes in variants.items() if not only or any(words in name for words in only)}


def compared(here: Checkout, dotted: str, words: str, variants: dict[str, dict[str, Any]]) -> str:
    """A figure of metrics/detail/train.json as configured, and with each change of params.yaml that matters."""
    usual = measure(here, {}, dotted)
    lines = [f"| change | {words} | difference |", "|---|---|---|", f"| none | {text(usual)} | |"]
    for name, changes in variants.items():
        if any(here.param(path) != value for path, value in changes.items()):
            found = measure(here, changes, dotted)
            lines.append(f"| {name} | {text(found)} | {difference(found, usual)} |")
            print(lines[-1], flush=True)
    return "\n".join([*lines, ""])


def difference(found: float | None, usual: float | None) -> str:
    """With its sign; empty where one is missing."""
    return "" if found is None or usual is None else f"{found - usual:+.5f}"


def measure(here: Checkout, changes: dict[str, Any], dotted: str) -> float | None:
    """The figure with these changes; None where nothing can be trained so."""
    here.choose(QUICK | changes)
    if not here.tries("train"):
        return None
    return look_up(here.metrics("train"), dotted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", default=[*JUDGED], help="default: all that have a task to judge")
    parser.add_argument("--only", nargs="+", default=[], help="the changes whose words contain one of these")
    args = parser.parse_args()
    main(args.datasets, args.only)
