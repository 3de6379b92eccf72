"""What was chosen on the validation part is learnt once more with it: the same choices, more failures to learn from.

Calibrator, alarm policy and hyper-parameters stay as they were chosen, as scikit-learn's
`CalibratedClassifierCV(ensemble=False)` keeps its calibrator. Remaining life is not learnt again: the promise of a
conformal interval is made for the trees it was drawn on.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from oilcan.core.model.trees import TreeModel
from oilcan.params.train import TrainParams
from oilcan.training.growing import grow
from oilcan.training.hazard_training import Horizons, Waits, grow_outlook
from oilcan.training.recipe import Recipe
from oilcan.training.targets import Target
from oilcan.training.training_data import Stacked, TrainingData, machine_codes

Work = tuple[Callable[..., Any], tuple[Any, ...]]       # for a worker: a function that takes `jobs`, and the rest


def from_both(targets: list[Target], horizons: list[Horizons], data: TrainingData, params: TrainParams,
              recipes: dict[str, Recipe]) -> dict[str, Work]:
    """Trees of events from both parts, by the name of their forecast."""
    rows, matrix = data.rows, data.matrix
    machines = machine_codes(rows)
    work: dict[str, Work] = {
        target.name: (_grow, (target, target.values(rows), machines, matrix, params, recipes[target.name]))
        for target in targets if target.kind != "rul"}
    return work | {
        each.name: (grow_outlook, (each, Waits.of(rows, each.task), machines, matrix, params, recipes[each.task]))
        for each in horizons}


def _grow(target: Target, values: np.ndarray, machines: np.ndarray, matrix: Stacked, params: TrainParams,
          recipe: Recipe, *, jobs: int) -> TreeModel:
    """Runs in a worker."""
    return grow(target, values, machines, matrix, params, recipe, jobs)[0]
