"""The batch engine: a plan and one partition's tables -> the feature matrix of its rows."""

import numpy as np
import pandas as pd

from oilcan.core.features.arrays import Arrays, Tables
from oilcan.core.features.families.registry import FAMILIES
from oilcan.core.features.plan import FeaturePlan
from oilcan.ground.columns import KEY


def compute_matrix(plan: FeaturePlan, tables: Tables) -> np.ndarray:
    """Features of the rows, in their order.

    Parameters
    ----------
    plan
        What to compute.
    tables
        One partition; not changed. Its order does not matter.

    Returns
    -------
    Shape (rows, features of the plan), float32; NaN where a feature is not known.

    Examples
    --------
    >>> from oilcan.core.features.plan import Feature, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1, 2, 3], "v": [1.0, 2.0, 4.0, 8.0]})
    >>> feature = Feature("v_max_2cycles", "trailing", "v", "max", 2.0, "bar", "", "Pressure")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> compute_matrix(plan, Tables(table, table, *[table.iloc[:0]] * 4)).ravel()
    array([1., 2., 4., 8.], dtype=float32)
    """
    arrays = Arrays(plan, tables, kept=np.float32)
    out = np.empty((len(tables.rows), len(plan.features)), dtype=np.float32, order="F")     # written by column
    for kind, family in FAMILIES.items():
        at = [i for i, feature in enumerate(plan.features) if feature.kind == kind]
        if at and len(out):
            for i, column in zip(at, family.compute(arrays, [plan.features[i] for i in at]).T, strict=True):
                out[:, i] = column
    for column in out.T:
        column[np.isnan(column)] = np.nan       # one pattern of bits for missing, so files are the same
    return out


def feature_table(plan: FeaturePlan, tables: Tables) -> pd.DataFrame:
    """Key and features of the rows, as written to a part file.

    Examples
    --------
    >>> from oilcan.core.features.plan import Feature, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1], "v": [1.0, 2.0]})
    >>> feature = Feature("v_level", "level", "v", "level", None, "bar", "", "Pressure")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> feature_table(plan, Tables(table, table, *[table.iloc[:0]] * 4)).to_dict("list")
    {'machine_id': ['m1', 'm1'], 'time': [0, 1], 'v_level': [1.0, 2.0]}
    """
    keys = [name for name in KEY if name in tables.rows]
    matrix = pd.DataFrame(compute_matrix(plan, tables), columns=plan.names)
    return pd.concat([tables.rows[keys].reset_index(drop=True), matrix], axis=1)
