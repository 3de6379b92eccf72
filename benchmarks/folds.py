"""Independent rows by the protocol of the literature: stratified five-fold cross-validation, repeated.

The family of trees is chosen anew inside each fold, on its training rows alone, as `train.label_model: auto` does;
the cut is 0.5, fixed beforehand. Features are those of the pipeline; for rows without time nothing in them is
learnt but the codes of categories.
"""

import statistics
from collections import Counter
from typing import Final

from runs import Checkout, text

from oilcan.core.judging import row_metrics
from oilcan.io.batches import feature_rows
from oilcan.io.stage import stage_inputs
from oilcan.params.stages.train import TrainParams
from oilcan.training.cross import choose_family, fold_rows
from oilcan.training.growing import grow
from oilcan.training.recipe import candidates
from oilcan.training.sample import Sample
from oilcan.training.targets import Target

REPEATS: Final = 5
CUT: Final = 0.5


def repeated(here: Checkout) -> str:
    """The lines of docs/results.md for the label task of a data set whose features are there."""
    contract = stage_inputs.read_contract(here.folder / f"datasets/{here.dataset}.yaml")
    params = stage_inputs.read_params(TrainParams, here.folder / "params.yaml", "train")
    plan = feature_rows.read_plan(here.folder / "data/features")
    rows, features = feature_rows.read_rows(here.folder / "data/prepared", here.folder / "data/features", plan,
                                      "train", "validation", "test")
    target = Target(contract.headline()[0], "label")
    sample = Sample.of(target, rows, features)
    found, families = [], Counter[str]()
    for seed in range(REPEATS):
        of_seed = params.model_copy(update={"seed": params.seed + seed})
        for learned, judged in fold_rows(sample, folds=5, seed=seed):
            recipes = candidates(target, of_seed, plan.names)
            family = choose_family(sample.take(learned), recipes, jobs=2).family
            trees, _ = grow(sample.take(learned), recipes[family], jobs=2)
            alarm, positive = trees.predict(features[judged], 2) >= CUT, sample.values[judged] == 1
            families[family] += 1
            found.append(row_metrics.precision_recall_f1(int((alarm & positive).sum()), int((alarm & ~positive).sum()),
                                                     int((~alarm & positive).sum())))
    lines = [f"Stratified five-fold cross-validation, {REPEATS} times, over all {len(rows):,} rows, cut at {CUT} "
             f"(families chosen inside the folds: {', '.join(f'{k} {n}' for k, n in families.most_common())}):", "",
             "| figure | mean of the folds | spread | target | for comparison |", "|---|---|---|---|---|"]
    beside = {"precision": ("", "1.000 the three documented rules"), "recall": ("", "0.847 the three rules"),
              "F1": ("at least 0.88", "0.917 the three rules, with knowledge of the physics")}
    for name, values_of in zip(beside, zip(*found, strict=True), strict=True):
        each = [value or 0.0 for value in values_of]
        lines.append(f"| {name} | {text(statistics.mean(each))} | {text(statistics.pstdev(each))} | "
                     f"{' | '.join(beside[name])} |")
    return "\n".join([*lines, ""])
