"""Which sensor moves the health index? The index is a weighted sum of sensors, so a reason can name the one."""

from typing import Final

import numpy as np

from oilcan.core.features.plan import Feature, FeaturePlan
from oilcan.core.features.signals.health_index import NAME

_PRESENT: Final = ("mean", "ewm", "level", "early")       # nearest to the present value, best first


class IndexDrivers:
    """For a feature of the health index, the feature of the sensor that moved it.

    The part of a sensor is its weight (the mean over regimes) times the distance from its normal. The distance is
    taken from its mean over the same window, or from the nearest feature to that in the plan.
    """

    def __init__(self, plan: FeaturePlan) -> None:
        self._plan = plan
        health = plan.health
        self._weight = dict(zip(health.sensors, np.mean(health.weight, axis=0), strict=True)) if health else {}

    def of(self, index: Feature, values: np.ndarray, normals: np.ndarray) -> int | None:
        """Position of the feature of the sensor in the plan; None if the plan has no such feature, or no sensor moved.

        Parameters
        ----------
        index
            A feature of the health index.
        values, normals
            Of one row, shape (n_features,).
        """
        at_index = self._plan.features.index(index)
        direction = np.sign(values[at_index] - normals[at_index])
        parts = {}
        for sensor, weight in self._weight.items():
            at = self._nearest(sensor, index.window)
            if at is not None:
                part = direction * weight * (values[at] - normals[at])
                parts[at] = 0.0 if np.isnan(part) else float(part)
        best = max(parts, key=lambda at: parts[at], default=None)
        return best if best is not None and parts[best] > 0 else None

    def _nearest(self, sensor: str, window: float | None) -> int | None:
        """The feature that is nearest to the present value of a sensor, over the window nearest to the given one."""
        nearest = [(_PRESENT.index(feature.statistic), abs((feature.window or 0.0) - (window or 0.0)), at)
                 for at, feature in enumerate(self._plan.features)
                 if feature.sensor == sensor and feature.statistic in _PRESENT]
        return min(nearest)[-1] if nearest else None


def is_index(feature: Feature) -> bool:
    """Whether a feature is one of the health index.

    Examples
    --------
    >>> feature = Feature("health_index_level", "level", "health_index", "level", None, "h", "", "Health index")
    >>> is_index(feature)
    True
    """
    return feature.sensor == NAME
