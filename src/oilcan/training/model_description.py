"""Content of models/model.json: a fitted model, for people and for later stages."""

from typing import Any

import numpy as np
import pandas as pd
import sklearn
import treelite

from oilcan.contract import Contract
from oilcan.core.model.fitted import Forecast, OutlookForecast
from oilcan.ground.columns import MACHINE, TIME
from oilcan.params.stages.train import TrainParams
from oilcan.training.fit import Training
from oilcan.training.recipe import Recipe
from oilcan.training.targets import targets_of
from oilcan.training.thinning import Thinning, choose_rows
from oilcan.training.training_data import TrainingData


def describe(contract: Contract, training: Training, data: TrainingData, params: TrainParams) -> dict[str, Any]:
    """Forecasts with alarm policies, features in order, hyper-parameters, and the rows of the headline."""
    name, task = contract.headline()
    headline = next(training.recipe(done.forecast) for done in training.finished if done.forecast.task == name)
    rows = data.rows if params.refit and task.kind not in {"rul", "number"} else data.train.rows
    return {
        "dataset": contract.name,
        "contract_version": contract.version,
        "model": headline.family,
        "hyper_parameters": headline.hyper_parameters,
        "calibration": params.calibration,
        "seed": params.seed,
        "monotone": dict(params.monotone or {}),
        "plan_hash": data.plan_hash,
        "features": list(data.features),
        "forecasts": [_forecast(done.forecast, training.recipe(done.forecast)) for done in training.finished],
        "rare_modes": training.rare_modes,
        "thresholds": training.trained.served.thresholds(),
        "policies": {name: policy.as_json() for name, policy in training.trained.served.policies().items()},
        "trained_on": {"rows": len(rows), "machines": int(rows[MACHINE].nunique()), **_span(rows, contract),
                       **({"machines_left_out": data.left_out} if data.left_out else {})},
        "learned_from": _learned_from(contract, data, params),
        "libraries": {"scikit-learn": sklearn.__version__, "treelite": treelite.__version__,
                      "numpy": np.__version__, "pandas": pd.__version__},
    }


def _learned_from(contract: Contract, data: TrainingData, params: TrainParams) -> dict[str, dict[str, Any]]:
    """Target -> rows with a known outcome, and how many of them its trees learned from; events by class."""
    targets, _ = targets_of(contract, data.train.rows, data.validation.rows, params.min_mode_failures)
    learned = {}
    for target in targets:
        values = target.values(data.rows if params.refit and not target.is_number else data.train.rows)
        chosen = choose_rows(values, target, Thinning.of(params), boosted=True, seed=params.seed).at
        groups = {"rows": ~np.isnan(values)} if target.is_number else {"positives": values == 1, "others": values == 0}
        learned[target.name] = {name: {"kept": int(inside[chosen].sum()), "of": int(inside.sum())}
                                for name, inside in groups.items()}
    return learned


def _forecast(forecast: Forecast, recipe: Recipe) -> dict[str, Any]:
    described = {"name": forecast.name, "task": forecast.task, "mode": getattr(forecast, "mode", None),
                 "threshold": getattr(forecast, "threshold", None), "family": recipe.family,
                 "hyper_parameters": recipe.hyper_parameters}
    return described | ({"horizons": list(forecast.suffixes)} if isinstance(forecast, OutlookForecast) else {})


def _span(rows: pd.DataFrame, contract: Contract) -> dict[str, Any]:
    if TIME not in rows:
        return {}
    return {"first": contract.time.plain(rows[TIME].min()), "last": contract.time.plain(rows[TIME].max())}
