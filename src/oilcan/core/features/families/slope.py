"""Family `slope`: the least-squares line through the readings of a window, its rise per tick.

The running sums are those of `scan` (means, squares and cross products of time and value), so a
slope costs nothing beyond the window that `trailing` scans anyway.
"""

from collections.abc import Iterator

import numpy as np

from oilcan.core.features.arrays import Arrays
from oilcan.core.features.facts import Facts
from oilcan.core.features.families.trailing import all_windowed
from oilcan.core.features.plan import Feature


def propose(facts: Facts) -> Iterator[Feature]:
    """Every window for plain sensors, the longest for counters and sparse ones."""
    for sensor in facts.sensors():
        for window in facts.windows_of(sensor):
            if facts.applies(sensor, "slope", window):
                yield facts.feature("slope", sensor, "slope", window, f"trend of the last {facts.words(window)}")


def compute(arrays: Arrays, features: list[Feature]) -> np.ndarray:
    """Shape (rows, features).

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.features.arrays import Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1, 2, 3], "v": [1.0, 2.0, 4.0, 8.0]})
    >>> feature = Feature("v_slope_2cycles", "slope", "v", "slope", 2.0, "bar/cycle", "", "Pressure")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> arrays = Arrays(plan, Tables(table, table, *[table.iloc[:0]] * 4))
    >>> compute(arrays, [feature]).ravel()
    array([nan,  1.,  2.,  4.])
    """
    return all_windowed(arrays, features)
