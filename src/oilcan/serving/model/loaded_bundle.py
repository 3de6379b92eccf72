"""A bundle made ready to answer: proven, checked on its own rows, its forecasts in the order they are asked for."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oilcan.core.bundle.bundle import Bundle
from oilcan.core.model.fitted import EventForecast, Forecast, NumberForecast, OutlookForecast, prefix
from oilcan.ground.time_units import MICROSECONDS_PER_HOUR
from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.io.bundle.forecast_files import part_named
from oilcan.io.bundle.signature import check_signature
from oilcan.io.bundle.verdict_file import GateVerdict, read_verdict, reviewed
from oilcan.scoring.check import check
from oilcan.scoring.scorer import columns
from oilcan.serving.model.contract_facts import described

if TYPE_CHECKING:
    from oilcan.core.reasons.explainer import Explainer, Reason


class LoadedBundle:
    """A bundle in service.

    Attributes
    ----------
    digest, contract
        What every answer names: the bundle, and name and version of the contract.
    verdict, gate
        What `review` decided on the model, and its decision in one word, which every answer names too.
    by_name
        Forecasts by the ending of their columns: `failure`, `failure__bearing`, `rul`.
    thresholds, columns
        Cut on the probability by forecast; names of all columns of forecasts.
    headline, headline_column
        The forecast that machines are sorted by and alarms are raised on, and its column.
    headline_names, headline_columns
        The forecasts that the list of machines shows, and their columns: the headline, or each class of its task.
    per_tick
        Whole units of time in a tick.
    """

    def __init__(self, bundle: Bundle, verdict: GateVerdict) -> None:
        self.bundle, self.digest = bundle, bundle.digest
        self.contract = {"name": bundle.contract.name, "version": bundle.contract.version}
        self.verdict, self.gate = verdict, verdict.decision
        self.features = bundle.fitted.features
        self.by_name: dict[str, Forecast] = {forecast.name: forecast for forecast in bundle.fitted.forecasts}
        name, _ = bundle.contract.headline()
        self.headline = next(forecast for forecast in bundle.fitted.forecasts
                             if not isinstance(forecast, OutlookForecast) and forecast.task == name)
        self.headline_column = f"{prefix(self.headline)}{self.headline.name}"
        self.per_tick = 1 if bundle.contract.time.kind == "cycle" else MICROSECONDS_PER_HOUR
        self.thresholds = bundle.fitted.thresholds()
        is_class = bundle.contract.tasks[name].kind == "class"
        self.headline_names = tuple(forecast.name for forecast in bundle.fitted.forecasts
                                    if forecast.task == name and (is_class or forecast is self.headline))
        self.headline_columns = tuple(self.score(np.zeros((0, len(self.features)), np.float32), self.headline_names))
        self._explainer: Explainer | None = None
        self.columns = tuple(self.score(np.zeros((0, len(self.features)), np.float32)))

    @classmethod
    def load(cls, folder: Path, signers: Path | None = None) -> "LoadedBundle":
        """A bundle from its folder, after it has repeated the forecasts of its own check rows.

        Parameters
        ----------
        signers
            Who may sign bundles; None if a bundle needs no signature.

        Raises
        ------
        IntegrityError
            If a byte is not the packaged one, a part is not readable, a forecast differs, or nobody of `signers`
            signed it.
        """
        bundle = load_bundle(folder)
        if signers is not None:
            check_signature(folder, bundle.digest, signers)
        forecasts = folder / "forecasts.json"
        with part_named(forecasts, "Package it again with `dvc repro package`"):
            check(bundle.fitted, bundle.check_rows, str(forecasts))
        with part_named(folder / "contract.yaml", "Package it again with `dvc repro package`"):
            verdict = read_verdict(folder, bundle.digest)
            return cls(reviewed(bundle, verdict), verdict)

    def warm(self) -> None:
        """Make one forecast and its reasons, so that the first request need not wait."""
        row = np.full((1, len(self.features)), np.nan, dtype=np.float32)
        self.score(row)
        self.explain(row)

    def score(self, matrix: np.ndarray, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Columns of the named forecasts, or of all, as `oilcan score` writes them; each of shape (n,).

        The forecast of when takes up the probability of its task, so that one comes with it.
        """
        forecasts = self.bundle.fitted.forecasts
        if names is not None:
            wanted = {*names, *(f.task for f in forecasts if isinstance(f, OutlookForecast) and f.name in names)}
            forecasts = tuple(forecast for forecast in forecasts if forecast.name in wanted)
        return columns(forecasts, matrix)

    def would_alarm(self, p: np.ndarray) -> np.ndarray:
        """Whether the headline reaches its threshold, bool, shape (n,); never for remaining life."""
        cut = self.thresholds.get(self.headline.name, np.inf)
        return p >= cut

    def explain(self, matrix: np.ndarray, top: int = 3) -> "list[tuple[Reason, ...]]":
        """Reasons of the headline forecast, up to `top` a row."""
        if self._explainer is None:
            from oilcan.core.reasons.explainer import Explainer  # here: scipy loads slowly

            self._explainer = Explainer(self.headline, self.bundle.plan, self.bundle.normals)
        return self._explainer(matrix, top)

    def reasons(self, matrix: np.ndarray) -> list[dict[str, Any]]:
        """Reasons of one row, as JSON has them."""
        return [shown_reason(reason) for reason in self.explain(matrix)[0]]

    def component(self, entry: Mapping[str, Any]) -> str | None:
        """The most probable failure mode of a machine, by its columns of forecasts; None if there are no modes."""
        modes = {forecast.mode: entry.get(f"p_{forecast.name}") for forecast in self.bundle.fitted.forecasts
                 if isinstance(forecast, EventForecast) and forecast.mode and forecast.task == self.headline.task}
        known = {mode: p for mode, p in modes.items() if p is not None}
        return max(known, key=known.__getitem__) if known else None

    def stamp(self) -> dict[str, Any]:
        """Where an answer comes from; part of every answer."""
        return {"model": self.digest, "contract": self.contract, "gate": self.gate}

    def card(self) -> dict[str, Any]:
        """What the model is: lineage, forecasts, thresholds, features with units."""
        manifest, plan = self.bundle.manifest, self.bundle.plan
        return self.stamp() | {
            "dataset": manifest["dataset"],
            "lineage": manifest["lineage"],
            "libraries": manifest["libraries"],
            "review": self.verdict.model_dump(exclude={"bundle"}),
            "headline": self.headline.name,
            "forecasts": [_described(forecast) for forecast in self.bundle.fitted.forecasts],
            "plan_hash": plan.hash,
            "features": [{"name": f.name, "unit": f.unit, "description": f.description} for f in plan.features],
        } | described(self.bundle.contract)


def shown_reason(reason: "Reason") -> dict[str, Any]:
    """A reason as JSON has it."""
    return {"sensor": reason.sensor, "feature": reason.feature, "value": reason.value, "unit": reason.unit,
            "normal": reason.normal, "share": round(reason.share, 4), "text": reason.text}


def _described(forecast: Forecast) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": forecast.name, "kind": "life", "task": forecast.task, "mode": None,
                            "threshold": None, "policy": None, "horizons": None}
    if isinstance(forecast, EventForecast):
        policy = forecast.policy.as_json() if forecast.policy else None
        return entry | {"kind": "event", "mode": forecast.mode, "threshold": forecast.threshold, "policy": policy}
    if isinstance(forecast, OutlookForecast):
        return entry | {"kind": "outlook", "horizons": list(forecast.suffixes)}
    return entry | {"kind": "number"} if isinstance(forecast, NumberForecast) else entry
