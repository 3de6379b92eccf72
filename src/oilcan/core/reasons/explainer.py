"""Why is a forecast high? The few causes that raise it, in the words of the crew.

A cause is a sensor with all its features, an error code, or the work on one component. Similar features, such as
the means over 24 h and 72 h, belong to one cause, so three reasons are three different things to look at.
"""

from dataclasses import dataclass

import numpy as np

from oilcan.core.bundle.normals import Normals
from oilcan.core.features.plan import Feature, FeaturePlan
from oilcan.core.model.fitted import EventForecast, LifeForecast, NumberForecast
from oilcan.core.reasons.contributions import Contributions
from oilcan.core.reasons.drivers import IndexDrivers, is_index
from oilcan.core.reasons.wording import sentence

_RECORDS = frozenset({"maintenance", "failures", "renewals"})


@dataclass(frozen=True)
class Reason:
    """One cause of a forecast, shown by the one of its features that pushes most.

    Attributes
    ----------
    sensor, feature
        The cause's sensor or event table, and the feature's name in the plan.
    value, normal
        Of the feature, in its unit; None where missing or unknown.
    push
        Contribution of all features of the cause, > 0: log-odds, probability or ticks, on the scale of `TreeModel.raw`;
        toward the event, or toward a shorter life.
    share
        Of all pushes in that direction, in (0, 1].
    text
        A sentence for the crew.
    """

    sensor: str
    feature: str
    value: float | None
    unit: str
    normal: float | None
    push: float
    share: float
    text: str


class Explainer:
    """Computes reasons of one forecast for any rows; exact, by `oilcan.core.reasons.contributions`.

    Parameters
    ----------
    forecast
        What to explain.
    plan
        The features, in the order of the columns of a matrix.
    normals
        What each feature usually is.
    """

    def __init__(self, forecast: EventForecast | LifeForecast | NumberForecast, plan: FeaturePlan,
                 normals: Normals) -> None:
        self._sign = -1.0 if isinstance(forecast, LifeForecast) else 1.0
        self._contributions = Contributions(forecast.trees)
        self._plan, self._normals = plan, normals
        self._drivers = IndexDrivers(plan)
        residuals = plan.residuals
        of = dict(zip(residuals.names, residuals.sensors, strict=True)) if residuals else {}
        causes = [_cause(feature, of) for feature in plan.features]
        self._cause = np.array([sorted(set(causes)).index(cause) for cause in causes])

    def __call__(self, matrix: np.ndarray, top: int = 3) -> list[tuple[Reason, ...]]:
        """Per row up to `top` reasons, the strongest first; empty if nothing pushes toward the event.

        Parameters
        ----------
        matrix
            Shape (n, n_features), float32; NaN where missing.
        """
        pushes = self._sign * self._contributions(matrix)
        causes = np.zeros((len(matrix), int(self._cause.max(initial=-1)) + 1))
        for at, cause in enumerate(self._cause):
            causes[:, cause] += pushes[:, at]
        normals = self._normals.of(matrix)
        return [self._of_row(*row, top) for row in zip(matrix, pushes, causes, normals, strict=True)]

    def _of_row(self, values: np.ndarray, pushes: np.ndarray, causes: np.ndarray, normals: np.ndarray,
                top: int) -> tuple[Reason, ...]:
        whole = causes[causes > 0].sum()
        reasons = []
        for cause in np.argsort(-causes, kind="stable")[:top]:
            if causes[cause] <= 0:
                break
            at = int(np.where(self._cause == cause, pushes, -np.inf).argmax())
            feature = self._plan.features[at]
            reasons.append(Reason(feature.sensor, feature.name, _known(values[at]), feature.unit, _known(normals[at]),
                                float(causes[cause]), float(causes[cause] / whole), self._text(at, values, normals)))
        return tuple(reasons)

    def _text(self, at: int, values: np.ndarray, normals: np.ndarray) -> str:
        feature = self._plan.features[at]
        text = sentence(self._plan, feature, _known(values[at]), _known(normals[at]))
        driver = self._drivers.of(feature, values, normals) if is_index(feature) else None
        return text if driver is None else f"{text}. Mostly by: {self._text(driver, values, normals)}"


def _cause(feature: Feature, residual_of: dict[str, str]) -> tuple[str, str]:
    if feature.value is None and feature.sensor in _RECORDS:
        return "renewals", ""           # any maintenance or failure: the same history
    return residual_of.get(feature.sensor, feature.sensor), feature.value or ""


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
