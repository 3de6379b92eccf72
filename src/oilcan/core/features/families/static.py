"""Family `static`: what does not change while a machine works: model, site, rating, age."""

from collections.abc import Iterator

import numpy as np

from oilcan.core.features.arrays import Arrays, codes
from oilcan.core.features.facts import Facts
from oilcan.core.features.plan import Feature
from oilcan.core.timeline.groups import exact


def propose(facts: Facts) -> Iterator[Feature]:
    """One feature per column: code of a category, number, flag, or age since a date."""
    seen = {category.column for category in facts.categories}
    for name, (kind, unit, description) in facts.statics.items():
        subject = description or name
        if kind == "text" and name in seen:
            yield Feature(f"{name}_code", "static", name, "code", None, "code", subject, subject)
        elif kind == "instant" and facts.time == "instant":
            measure = "time since then"
            yield Feature(f"{name}_age", "static", name, "age", None, "h", f"{subject}, {measure}", subject, measure)
        elif kind in {"number", "integer", "flag"}:
            yield Feature(f"{name}_value", "static", name, "value", None, unit, subject, subject)


def compute(arrays: Arrays, features: list[Feature]) -> np.ndarray:
    """Shape (rows, features).

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.features.arrays import Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1], "v": [1.0, 2.0]})
    >>> machines = pd.DataFrame({"machine_id": ["m1"], "rating": [90.0]})
    >>> feature = Feature("rating_value", "static", "rating", "value", None, "kW", "", "Rated power")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> arrays = Arrays(plan, Tables(table, table, *[table.iloc[:0]] * 3, machines))
    >>> compute(arrays, [feature]).ravel()
    array([90., 90.])
    """
    known = {category.column: category for category in arrays.plan.categories}
    out = np.empty((len(arrays.row_machine), len(features)))
    for at, feature in enumerate(features):
        column = arrays.static(feature.sensor)
        if feature.statistic == "code":
            out[:, at] = codes(column, known[feature.sensor])
        elif feature.statistic == "age":
            age = (arrays.row_time - exact(column)) / arrays.per_tick
            out[:, at] = np.where(column.isna(), np.nan, age)
        else:
            out[:, at] = column.to_numpy(np.float64, na_value=np.nan)
    return out
