"""Family `level`: the newest reading itself."""

from collections.abc import Iterator

import numpy as np

from oilcan.core.features.arrays import Arrays
from oilcan.core.features.facts import Facts
from oilcan.core.features.plan import Feature
from oilcan.core.features.signals.health_index import NAME


def propose(facts: Facts) -> Iterator[Feature]:
    """One feature for each sensor and for the health index; for the index alone if the plan is lean."""
    for sensor in facts.sensors():
        if sensor.rhythm == "residual" or (facts.is_lean and sensor.name != NAME):
            continue
        yield facts.feature("level", sensor, "level", None, "newest reading")


def compute(arrays: Arrays, features: list[Feature]) -> np.ndarray:
    """Shape (rows, features).

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.features.arrays import Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1, 2, 3], "v": [1.0, 2.0, 4.0, 8.0]})
    >>> feature = Feature("v_level", "level", "v", "level", None, "bar", "", "Pressure")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> arrays = Arrays(plan, Tables(table, table, *[table.iloc[:0]] * 4))
    >>> compute(arrays, [feature]).ravel()
    array([1., 2., 4., 8.])
    """
    return arrays.at_rows(arrays.values[:, [arrays.column(f.sensor) for f in features]])
