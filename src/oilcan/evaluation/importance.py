"""Which sensors and features does the forecast depend on? Permutation importance on the validation part.

A column is shuffled over rows that training did not see, and the loss in quality is measured: average precision for
events, root mean squared error for remaining life (Breiman 2001, *Random forests*, section 10; with the model as it
is). Features of one sensor hold much the same information, so each alone may look dispensable. Read the loss of
all features of a sensor shuffled together, as whole rows.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.judging import row_metrics
from oilcan.core.model.fitted import EventForecast, Fitted, Forecast, LifeForecast, NumberForecast, OutlookForecast
from oilcan.core.model.picked_rows import PickedRows
from oilcan.core.model.trees import TreeModel
from oilcan.core.reasons.leaf_paths import leaf_paths
from oilcan.ground.columns import TARGET
from oilcan.ground.thinned import every_kth
from oilcan.params.stages.explain import ExplainParams

_LISTED: Final = 12             # features shuffled alone: the most influential ones
_LIFE_SHARE: Final = 3          # rows of remaining life carry more information: a third of them is enough
_WORDS: Final = {"errors": "Error codes logged", "maintenance": "Maintenance done", "failures": "Failures so far",
                 "renewals": "Time since it was last as new", "age": "Age of the machine",
                 "health_index": "Health index over all sensors", "wear_drift": "Wear over all sensors and its drift",
                 "telemetry": "Time watched so far"}


@dataclass(frozen=True)
class ForecastSample:
    """Rows on which one forecast is judged.

    `lost` is how much worse the quality is than with the undisturbed matrix; above 0 if worse.
    """

    forecast: EventForecast | LifeForecast | NumberForecast
    matrix: np.ndarray              # (n, n_features), its own copy
    target: np.ndarray              # (n,)
    jobs: int

    @property
    def metric(self) -> str:
        """`pr_auc` or `rmse`."""
        return "pr_auc" if isinstance(self.forecast, EventForecast) else "rmse"

    def quality(self) -> float:
        """The metric of the matrix as it stands."""
        raw = self.forecast.trees.predict(self.matrix, self.jobs)
        if not isinstance(self.forecast, EventForecast):
            return row_metrics.rmse(self.target, self.forecast.interval.clip(raw)) or 0.0
        return row_metrics.pr_auc(self.target, raw) or 0.0

    def lost(self, columns: np.ndarray, whole: float, orders: Sequence[np.ndarray]) -> np.ndarray:
        """Quality lost with `columns` in each of the orders of rows, shape (repeats,)."""
        kept = self.matrix[:, columns].copy()
        found = []
        for order in orders:
            self.matrix[:, columns] = kept[order]
            found.append(self.quality())
        self.matrix[:, columns] = kept
        return (np.array(found) - whole) * (1.0 if self.metric == "rmse" else -1.0)


def rows_to_read(contract: Contract, fitted: Fitted, rows: pd.DataFrame, params: ExplainParams) -> np.ndarray:
    """Which rows of the validation part `importance` takes features of, shape (n,), bool."""
    wanted = np.zeros(len(rows), dtype=bool)
    for forecast in fitted.forecasts:
        if not isinstance(forecast, OutlookForecast) and _is_explained(contract, forecast):
            wanted[_positions(forecast, rows, params)] = True
    return wanted


def importance(contract: Contract, plan: FeaturePlan, fitted: Fitted, rows: pd.DataFrame, matrix: PickedRows,
               params: ExplainParams, *, jobs: int = 1) -> dict[str, Any]:
    """Loss by sensor and by feature, of each task's forecast as a whole.

    Parameters
    ----------
    rows, matrix
        The validation part: as in rows.parquet, and the features of `rows_to_read`, shape (n, n_features).

    Returns
    -------
    Task -> `metric`, `whole` (the metric undisturbed), `n`, `sensors` and `features` (the most influential ones):
    name -> `loss` (mean over the repeats), `spread` (their standard deviation), `words`. Tasks of which the rows hold
    one class only are left out.
    """
    found = {}
    for forecast in fitted.forecasts:
        if not isinstance(forecast, OutlookForecast) and _is_explained(contract, forecast):
            sample = _sample(contract, forecast, rows, matrix, params, jobs)
            if len(sample.target) and (sample.metric == "rmse" or np.ptp(sample.target) > 0):
                found[forecast.name] = _explained(contract, plan, sample, params)
    return found


def _is_explained(contract: Contract, forecast: Forecast) -> bool:
    """Tasks as a whole, and each class of a `class` task."""
    return getattr(forecast, "mode", None) is None or contract.tasks[forecast.task].kind == "class"


def _target(forecast: EventForecast | LifeForecast | NumberForecast, rows: pd.DataFrame) -> np.ndarray:
    return rows[f"{TARGET}{forecast.name}"].to_numpy(dtype=np.float64)


def _positions(forecast: EventForecast | LifeForecast | NumberForecast, rows: pd.DataFrame, params: ExplainParams
               ) -> np.ndarray:
    at = np.flatnonzero(~np.isnan(_target(forecast, rows)))
    most = params.rows // (_LIFE_SHARE if not isinstance(forecast, EventForecast) else 1)
    return every_kth(at, most)


def _sample(contract: Contract, forecast: EventForecast | LifeForecast | NumberForecast, rows: pd.DataFrame,
            matrix: PickedRows, params: ExplainParams, jobs: int) -> ForecastSample:
    target, at = _target(forecast, rows), _positions(forecast, rows, params)
    cap = contract.tasks[forecast.task].cap
    return ForecastSample(forecast, matrix[at], np.minimum(target[at], cap.ticks if cap else np.inf), jobs)


def _explained(contract: Contract, plan: FeaturePlan, sample: ForecastSample, params: ExplainParams) -> dict[str, Any]:
    seed = np.random.SeedSequence([params.seed, zlib.crc32(sample.forecast.name.encode())])
    draws = np.random.default_rng(seed)
    orders = [draws.permutation(len(sample.target)) for _ in range(params.repeats)]
    whole = sample.quality()
    of_sensor: dict[str, list[int]] = {}
    for at, feature in enumerate(plan.features):
        of_sensor.setdefault(feature.sensor, []).append(at)
    lost_sensors = [(name, sample.lost(np.array(at), whole, orders), _words(contract, name))
                    for name, at in of_sensor.items()]
    first = _most_influential(sample.forecast.trees)
    lost_features = [(plan.names[at], sample.lost(np.array([at]), whole, orders), plan.features[at].description)
                     for at in first]
    return {"metric": sample.metric, "whole": round(whole, 6), "n": len(sample.target),
            "sensors": dict(_entries(lost_sensors)), "features": dict(_entries(lost_features))}


def _most_influential(trees: TreeModel) -> list[int]:
    """The features that the most influential leaves use in their conditions, at most 12."""
    weight = np.zeros(trees.n_features)
    for paths in leaf_paths(trees)[1]:
        moved = np.abs(paths.value) * paths.share.prod(axis=0)                  # (leaves,)
        weight += np.bincount(paths.feature.ravel(), np.tile(moved, paths.k), minlength=trees.n_features)
    return [int(at) for at in np.argsort(-weight, kind="stable")[:_LISTED] if weight[at] > 0]


def _entries(lost: Sequence[tuple[str, np.ndarray, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, losses, words in lost:
        yield name, {"loss": round(float(losses.mean()), 6), "spread": round(float(losses.std(ddof=1)), 6),
                     "words": words}


def _words(contract: Contract, sensor: str) -> str:
    """The contract's description of a sensor, or Oilcan's words for its own columns."""
    descriptions = {name: derived.description for name, derived in contract.derived.items()}
    for table in ("machines", "telemetry"):
        if table in contract.tables:
            descriptions |= {name: column.description for name, column in contract.tables[table].columns.items()}
    return descriptions.get(sensor) or _WORDS.get(sensor, sensor)
