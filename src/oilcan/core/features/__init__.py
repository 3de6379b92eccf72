"""What can be known at t about what comes after t? Causal features by a plan that is data.

`learn` reads training readings, `build_plan` makes the plan from them, `feature_table` computes it
for a partition, `Screen` and `useful` drop what says nothing. Labels never come in here.

Each name is looked up in its module when it is first asked for: the service reads plans and computes online
features without waiting for pandas, which is all of a second.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from oilcan.core.features.arrays import FLEET_TABLES, Tables
    from oilcan.core.features.batch import compute_matrix, feature_table
    from oilcan.core.features.learning import Learned, learn, merge, row_columns, thinning
    from oilcan.core.features.plan import Feature, FeaturePlan
    from oilcan.core.features.planning.build import build_plan
    from oilcan.core.features.planning.screen import Screen, useful

__all__ = [
    "FLEET_TABLES",
    "Feature",
    "FeaturePlan",
    "Learned",
    "Screen",
    "Tables",
    "build_plan",
    "compute_matrix",
    "feature_table",
    "learn",
    "merge",
    "row_columns",
    "thinning",
    "useful",
]

_MODULES: Final = {
    "arrays": ("FLEET_TABLES", "Tables"),
    "batch": ("compute_matrix", "feature_table"),
    "planning.build": ("build_plan",),
    "learning": ("Learned", "learn", "merge", "row_columns", "thinning"),
    "plan": ("Feature", "FeaturePlan"),
    "planning.screen": ("Screen", "useful"),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
