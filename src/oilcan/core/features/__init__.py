"""What can be known at t about what comes after t? Causal features by a plan that is data.

`learn` reads training readings, `build_plan` makes the plan from them, `feature_table` computes it
for a partition, `Screen` and `useful` drop what says nothing. Labels never come in here.
"""

from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.core.features.batch import compute_matrix, feature_table
from oilcan.core.features.build import build_plan
from oilcan.core.features.learn import Learned, learn, merge, row_columns, thinning
from oilcan.core.features.plan import Feature, FeaturePlan
from oilcan.core.features.screen import Screen, useful

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
