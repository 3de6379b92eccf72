"""Fit the trees of events again on both parts, after all choices are made on the validation part.

Calibrator, alarm policy and hyper-parameters stay as chosen, as scikit-learn's
`CalibratedClassifierCV(ensemble=False)` keeps its calibrator. Remaining life is not fitted again: a conformal interval
holds only for the trees that it was computed with.
"""

from collections.abc import Callable
from typing import Any

from oilcan.core.model.trees import TreeModel
from oilcan.training.growing import grow
from oilcan.training.hazard_training import HazardSample, Horizons, grow_outlook
from oilcan.training.recipe import Recipe
from oilcan.training.sample import Sample
from oilcan.training.targets import Target
from oilcan.training.training_data import TrainingData

Work = tuple[Callable[..., Any], tuple[Any, ...]]       # for a worker: a function that takes `jobs`, and the rest


def from_both(targets: list[Target], horizons: list[Horizons], data: TrainingData, recipes: dict[str, Recipe],
              ) -> dict[str, Work]:
    """Trees of events from both parts, by the name of their forecast."""
    rows, matrix = data.rows, data.matrix
    work: dict[str, Work] = {target.name: (_grow, (Sample.of(target, rows, matrix), recipes[target.name]))
                             for target in targets if not target.is_number}
    return work | {each.name: (grow_outlook, (HazardSample.of(each, rows, matrix), recipes[each.name]))
                   for each in horizons}


def _grow(sample: Sample, recipe: Recipe, *, jobs: int) -> TreeModel:
    """Runs in a worker."""
    return grow(sample, recipe, jobs=jobs)[0]
