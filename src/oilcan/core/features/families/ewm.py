"""Family `ewm`: exponential average by time; a reading counts half after one window.

E(t) = sum w_i x_i 2^(-(t - t_i)/h) / sum w_i 2^(-(t - t_i)/h) over readings t_i <= t that are there, w_i = 1
but for the health index, which counts by its precision. Both sums follow
S_i = S_(i-1) 2^(-(t_i - t_(i-1))/h) + new term, one multiplication and addition per reading.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from oilcan.core.features.facts import Facts
from oilcan.core.features.plan import Feature
from oilcan.core.features.scan import decayed_sums

if TYPE_CHECKING:               # names for the reader; the service computes online features without waiting for pandas
    from oilcan.core.features.arrays import Arrays

FADED: Final = 2.0**-63.5   # a smaller total weight counts as no reading: 64 half-lives of silence; never met exactly


def propose(facts: Facts) -> Iterator[Feature]:
    """Every window, plain sensors."""
    for sensor in facts.sensors("plain"):
        for window in facts.windows_of(sensor):
            if facts.applies(sensor, "ewm", window):
                yield facts.feature("ewm", sensor, "ewm", window,
                                    f"exponential average with half-life {facts.words(window)}")


def compute(arrays: "Arrays", features: list[Feature]) -> np.ndarray:
    """Shape (rows, features).

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.features.arrays import Arrays, Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1, 2, 3], "v": [1.0, 2.0, 4.0, 8.0]})
    >>> feature = Feature("v_ewm_1cycles", "ewm", "v", "ewm", 1.0, "bar", "", "Pressure")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> arrays = Arrays(plan, Tables(table, table, *[table.iloc[:0]] * 4))
    >>> compute(arrays, [feature]).ravel()
    array([1.        , 1.66666667, 3.        , 5.66666667])
    """
    out = np.empty((len(arrays.row_machine), len(features)))
    for half_life in sorted({f.window or 0.0 for f in features}):
        at = [i for i, f in enumerate(features) if f.window == half_life]
        out[:, at] = exponential_average(arrays, half_life, [arrays.column(features[i].sensor) for i in at])
    return out


def exponential_average(arrays: "Arrays", half_life: float, columns: list[int]) -> np.ndarray:
    """E(t) of some sensors at every row; NaN where the total weight has faded.

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.features.arrays import Arrays, Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1, 2, 3], "v": [1.0, 2.0, 4.0, 8.0]})
    >>> plan = FeaturePlan("pumps", 1, "cycle", (), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> arrays = Arrays(plan, Tables(table, table, *[table.iloc[:0]] * 4))
    >>> exponential_average(arrays, 1.0, [0]).ravel()       # half-life of one cycle
    array([1.        , 1.66666667, 3.        , 5.66666667])
    """
    values = arrays.values[:, columns]
    there = ~np.isnan(values)
    decay = np.exp2(-np.diff(arrays.ticks, prepend=0.0) / half_life, where=_goes_on(arrays), out=np.zeros(len(values)))
    weights = arrays.weights(columns)
    counts = there[:, :1].astype(np.float64) if weights is None and there.all() else there * _or_one(weights)
    total = arrays.at_rows(decayed_sums(counts, decay))
    sums = arrays.at_rows(decayed_sums(np.where(there, values, 0.0) * _or_one(weights), decay))
    age = (arrays.row_time - arrays.time[np.maximum(arrays.end, 0)]) / arrays.per_tick
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total * np.exp2(-age / half_life)[:, None] >= FADED, sums / total, np.nan)


def _or_one(weights: np.ndarray | None) -> np.ndarray | float:
    return 1.0 if weights is None else weights


def _goes_on(arrays: "Arrays") -> np.ndarray:
    """True where a reading has one of the same machine before it."""
    goes_on = np.ones(len(arrays.machine), dtype=bool)
    goes_on[arrays.first] = False
    return goes_on
