"""The families of tree ensembles, in the order in which `auto` compares them; the first of equals wins.

CONTRIBUTING.md, "Add a model", names every file that a new one needs.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from oilcan.params.stages.train import ModelFamily
from oilcan.training.ensembles.boosting import Boosting
from oilcan.training.ensembles.ensemble import Ensemble
from oilcan.training.ensembles.forests import Forest

TaskKind = Literal["failure_within", "label", "rul", "class", "number"]


@dataclass(frozen=True)
class EnsembleFamily:
    """How one family is made, and the section of `train` that holds its hyper-parameters, by kind of task."""

    make: Callable[[Any], Ensemble]
    sections: Mapping[TaskKind, str]


_FOREST_SECTIONS: Final[Mapping[TaskKind, str]] = {
    "failure_within": "random_forest", "label": "label_forest", "rul": "random_forest", "class": "label_forest",
    "number": "random_forest"}

ENSEMBLES: Final[dict[ModelFamily, EnsembleFamily]] = {
    "hist_gradient_boosting": EnsembleFamily(Boosting, {
        "failure_within": "hist_gradient_boosting", "label": "hist_gradient_boosting", "rul": "life_boosting",
        "class": "hist_gradient_boosting", "number": "life_boosting"}),
    "random_forest": EnsembleFamily(functools.partial(Forest, "random_forest"), _FOREST_SECTIONS),
    "extra_trees": EnsembleFamily(functools.partial(Forest, "extra_trees"), _FOREST_SECTIONS),
}
COMMITTEE: Final[tuple[ModelFamily, ...]] = ("hist_gradient_boosting", "extra_trees")    # grown apart and averaged
