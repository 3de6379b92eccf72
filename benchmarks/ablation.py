"""What each feature family and each modelling choice is worth: one at a time is taken away.

    python benchmarks/ablation.py [DATASET...]

Judged on the validation part alone, so that nothing here looks at a test part. Within noise (a validation part
holds few machines) a family that seems to hurt is not thereby useless elsewhere.
"""

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
CHOICES: Final[dict[str, dict[str, Any]]] = {
    **{name: {f"train.{kind}": family for kind in ("model", "life_model", "label_model")} for name, family in {
        "random forest": "random_forest", "extra trees": "extra_trees", "boosting alone": "hist_gradient_boosting",
        "committee of boosting and extra trees": "committee"}.items()},
    "without calibration": {"train.calibration": "none"},
    "isotonic calibration": {"train.calibration": "isotonic"},
    "classes weighted equally": {"train.class_weight": "balanced"},
    "early stopping on held-out machines": {"train.early_stopping_share": 0.2},
    "one model of remaining life, not a bag": {"train.life_boosting.bags": 1},
    "bags of events": {"train.hist_gradient_boosting.bags": 3},
}
# data set -> the figure of metrics/train.json or evaluate.json's validation block that judges it, and where it stands
JUDGED: Final = {
    "demo_fleet": ("targets.failure.validation.pr_auc", "average precision, validation"),
    "cmapss_fd001": ("targets.rul.validation.rmse", "RMSE, validation [cycles]"),
    "cmapss_fd002": ("targets.rul.validation.rmse", "RMSE, validation [cycles]"),
    "ai4i2020": ("targets.machine_failure.validation.pr_auc", "average precision, validation"),
    "azure_pdm_daily": ("targets.failure.validation.pr_auc", "average precision, validation"),
}


def main(names: list[str]) -> None:
    """Run the data sets named and write their tables to docs/results.md."""
    for name in names:
        write(f"Ablation on {name}", f"{INTRO}\n\n{table(name)}")


def table(dataset: str) -> str:
    """One data set: the figure as configured, and with one thing changed."""
    dotted, words = JUDGED[dataset]
    lines = [f"| change | {words} | difference |", "|---|---|---|"]
    with checkout(dataset) as here:
        here.choose(QUICK)
        here.repro("train")
        usual = look_up(here.metrics("train"), dotted)
        lines.append(f"| none | {text(usual)} | |")
        for name, changes in variants(here).items():
            found = measure(here, changes, dotted)
            lines.append(f"| {name} | {text(found)} | {f'{found - usual:+.4f}' if found is not None else ''} |")
            print(lines[-1], flush=True)
    return "\n".join([*lines, ""])


def variants(here: Checkout) -> dict[str, dict[str, Any]]:
    """Name -> changes of params.yaml; what changes nothing is left out."""
    families = here.param("featurize.families")
    without = {f"without {family}": {"featurize.families": [each for each in families if each != family]}
               for family in families}
    every = without | FEATURES | CHOICES
    return {name: changes for name, changes in every.items()
            if any(here.param(dotted) != value for dotted, value in changes.items())}


def measure(here: Checkout, changes: dict[str, Any], dotted: str) -> float | None:
    """The figure with these changes; None where nothing can be trained so."""
    here.choose(QUICK | changes)
    if not here.tries("train"):
        return None
    return look_up(here.metrics("train"), dotted)


if __name__ == "__main__":
    main(sys.argv[1:] or [*JUDGED])
