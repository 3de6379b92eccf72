"""How many negatives does a failure forecast need? Cross-validation by machine, on the training part alone.

    python benchmarks/negatives.py [NEGATIVES_PER_POSITIVE...]      # of demo_fleet; default 20 10 6

Needs the outputs of `make`. `Brier score` and `average precision` are of raw probabilities out of fold, so the
correction for rows that were left out is judged too. The seconds are of one core, for one fit of the committee.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

from oilcan.core.judging import row_metrics
from oilcan.io.batches import feature_rows
from oilcan.io.stage import stage_inputs
from oilcan.params.stages.train import TrainParams
from oilcan.training.cross import FOLDS, out_of_fold
from oilcan.training.recipe import recipe_of
from oilcan.training.sample import Sample
from oilcan.training.targets import Target


def main(negatives: list[float]) -> None:
    """Print one line for each number of negatives."""
    params = stage_inputs.read_params(TrainParams, Path("params.yaml"), "train")
    plan = feature_rows.read_plan(Path("data/features"))
    rows, features = feature_rows.read_rows(Path("data/prepared"), Path("data/features"), plan, "train")
    target = Target("failure", "failure_within")
    sample = Sample.of(target, rows, features)
    recipe = recipe_of(target, params, "committee", plan.names)
    print("| negatives per positive | Brier score | average precision | CPU s |\n|---|---|---|---|")
    for number in negatives:
        began = time.process_time()
        thinned = replace(recipe, thinning=replace(recipe.thinning, negatives_per_positive=number))
        forecasts = out_of_fold(sample, thinned, jobs=1)
        known = sample.values >= 0
        quality = [score(sample.values[known], forecasts[known]) for score in (row_metrics.brier, row_metrics.pr_auc)]
        print(f"| {number:g} | {quality[0]:.5f} | {quality[1]:.4f} | {(time.process_time() - began) / FOLDS:.1f} |",
              flush=True)


if __name__ == "__main__":
    main([float(word) for word in sys.argv[1:]] or [20.0, 10.0, 6.0])
