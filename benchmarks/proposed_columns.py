"""What do the derived columns that `explore` proposes add to AI4I? Stratified five-fold cross-validation, repeated.

    python benchmarks/proposed_columns.py --repeats 5       # four lines; four minutes on two cores

Proposals are made anew in each fold, from its training rows alone. Forests of `train.label_forest`, cut at 0.5. The
columns of the contract hold the physics that its author knew; without them the five plain columns are left.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

from folds import CUT
from runs import Checkout, checkout

from oilcan.contract import Derived
from oilcan.core.exploration.column_pairs import propose
from oilcan.core.judging import row_metrics
from oilcan.core.prepare.derived import compute_derived
from oilcan.ground.columns import MACHINE
from oilcan.io.batches import feature_rows
from oilcan.io.stage import stage_inputs, table_files
from oilcan.params.stages.train import TrainParams
from oilcan.training.cross import fold_rows
from oilcan.training.growing import grow
from oilcan.training.recipe import recipe_of
from oilcan.training.sample import Sample
from oilcan.training.targets import Target

DATASET: Final = "ai4i2020"
KINDS: Final = {"plain columns": (False, False), "plain and proposed": (False, True),
                "columns of the contract": (True, False), "contract and proposed": (True, True)}


class MillingRows:
    """All rows of the data set, their features, and the columns that proposals combine."""

    def __init__(self, here: Checkout) -> None:
        contract = stage_inputs.read_contract(here.folder / f"datasets/{DATASET}.yaml")
        self.params = stage_inputs.read_params(TrainParams, here.folder / "params.yaml", "train")
        plan = feature_rows.read_plan(here.folder / "data/features")
        rows, self.matrix = feature_rows.read_rows(here.folder / "data/prepared", here.folder / "data/features", plan,
                                                   "train", "validation", "test")
        self.target, self.names = Target(contract.headline()[0], "label"), list(plan.names)
        self.sample = Sample.of(self.target, rows, self.matrix)
        parts = table_files.partitions(here.folder / "data/prepared/telemetry")
        readings = pd.concat([table_files.read_table(path) for path in parts]).set_index(MACHINE).loc[rows[MACHINE]]
        columns = contract.tables["telemetry"].columns
        self.plain = [name for name in contract.telemetry_columns("sensor", "condition") if name in columns]
        self.derived = list(contract.derived)
        self.values = {name: readings[name].to_numpy(np.float64) for name in (*self.plain, *self.derived)}
        self.described = {name: (each.description, each.unit) for name, each in (columns | contract.derived).items()}

    def f1(self, seed: int, learned: np.ndarray, judged: np.ndarray, kind: str) -> tuple[list[float], list[str]]:
        """Precision, recall and F1 of the rows judged, and the expressions proposed from the rows learned."""
        with_derived, with_proposed = KINDS[kind]
        kept = [at for at, name in enumerate(self.names)
                if with_derived or not any(name.startswith(each) for each in self.derived)]
        matrix, proposals = self.matrix[:, kept], []
        if with_proposed:
            columns = [*self.plain, *(self.derived if with_derived else [])]
            proposals = propose({name: self.values[name][learned] for name in columns}, self.described,
                                self.sample.values[learned] == 1)
        added = compute_derived(self.values, {each.name: Derived(
            expression=each.expression, unit=each.unit, description=each.description) for each in proposals},
            len(matrix))
        matrix = np.hstack([matrix, *(column[:, None].astype(np.float32) for column in added.values())])
        params = self.params.model_copy(update={"seed": self.params.seed + seed})
        recipe = recipe_of(self.target, params, "random_forest", [*(self.names[at] for at in kept), *added])
        sample = Sample(self.target, self.sample.values, self.sample.is_seen, self.sample.machines, matrix)
        trees, _ = grow(sample.take(learned), recipe, jobs=1)
        alarm, positive = trees.predict(matrix[judged], 1) >= CUT, self.sample.values[judged] == 1
        found = row_metrics.precision_recall_f1(int((alarm & positive).sum()), int((alarm & ~positive).sum()),
                                                int((~alarm & positive).sum()))
        return [value or 0.0 for value in found], [each.expression for each in proposals]


def main() -> None:
    """Print one line per kind of columns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with checkout(DATASET) as here:
        here.choose({})
        here.repro("featurize")
        rows = MillingRows(here)
    print("| columns | precision | recall | F1 | spread of F1 | proposed, in how many folds |")
    print("|---|---|---|---|---|---|", flush=True)
    for kind in KINDS:
        found, proposed = [], Counter[str]()
        for seed in range(repeats):
            for learned, judged in fold_rows(rows.sample, folds=5, seed=seed):
                numbers, expressions = rows.f1(seed, learned, judged, kind)
                found.append(numbers)
                proposed.update(expressions)
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0)
        often = ", ".join(f"`{each}` {n}" for each, n in proposed.most_common(6))
        print(f"| {kind} | {mean[0]:.4f} | {mean[1]:.4f} | {mean[2]:.4f} | {spread[2]:.4f} | {often} |", flush=True)


if __name__ == "__main__":
    main()
