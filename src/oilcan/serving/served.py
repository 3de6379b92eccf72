"""A bundle made ready to answer: proven, checked on its own rows, its forecasts in the order they are asked for."""

from pathlib import Path
from typing import Any

import numpy as np

from oilcan.core.fitted import EventForecast, Forecast, OutlookForecast
from oilcan.io.bundle import Bundle, load_bundle
from oilcan.scoring.check import check
from oilcan.scoring.score import columns


class Served:
    """A bundle in service.

    Attributes
    ----------
    digest, contract
        What every answer names: the bundle, and name and version of the contract.
    by_name
        Forecasts by the ending of their columns: `failure`, `failure__bearing`, `rul`.
    thresholds, columns
        Cut on the probability by forecast; names of all columns of forecasts.
    headline
        The forecast that machines are sorted by and alarms are raised on.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.digest = bundle, bundle.digest
        self.contract = {"name": bundle.contract.name, "version": bundle.contract.version}
        self.features = bundle.fitted.features
        self.by_name: dict[str, Forecast] = {forecast.name: forecast for forecast in bundle.fitted.forecasts}
        name, _ = bundle.contract.headline()
        self.headline = self.by_name[name]
        self.thresholds = bundle.fitted.thresholds()
        self.columns = tuple(self.score(np.zeros((0, len(self.features)), np.float32)))

    @classmethod
    def load(cls, folder: Path) -> "Served":
        """A bundle from its folder, after it has repeated the forecasts of its own check rows.

        Raises
        ------
        IntegrityError
            If a byte is not the packaged one, or a forecast differs.
        """
        bundle = load_bundle(folder)
        check(bundle.fitted, bundle.check_rows, str(folder))
        return cls(bundle)

    def score(self, matrix: np.ndarray, names: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
        """Columns of the named forecasts, or of all, as `oilcan score` writes them; each of shape (n,).

        An outlook brings the forecast of its task along.
        """
        asked = set(self.by_name if names is None else names)
        asked |= {forecast.task for name in asked if isinstance(forecast := self.by_name[name], OutlookForecast)}
        return columns([forecast for name, forecast in self.by_name.items() if name in asked], matrix)

    def stamp(self) -> dict[str, Any]:
        """What every answer says of where it comes from."""
        return {"model": self.digest, "contract": self.contract}

    def card(self) -> dict[str, Any]:
        """What the model is: lineage, forecasts, thresholds, features with units."""
        manifest, plan = self.bundle.manifest, self.bundle.plan
        return self.stamp() | {
            "dataset": manifest["dataset"],
            "lineage": manifest["lineage"],
            "libraries": manifest["libraries"],
            "review": manifest["review"],
            "headline": self.headline.name,
            "forecasts": [_described(forecast) for forecast in self.bundle.fitted.forecasts],
            "plan_hash": plan.hash,
            "features": [{"name": f.name, "unit": f.unit, "description": f.description} for f in plan.features],
        }


def _described(forecast: Forecast) -> dict[str, Any]:
    if isinstance(forecast, EventForecast):
        return {"name": forecast.name, "kind": "event", "task": forecast.task, "mode": forecast.mode,
                "threshold": forecast.threshold}
    described = {"name": forecast.name, "task": forecast.task, "mode": None, "threshold": None}
    if isinstance(forecast, OutlookForecast):
        return described | {"kind": "outlook", "horizons": list(forecast.suffixes)}
    return described | {"kind": "life"}
