"""What models/model.json says about a fitted model, for people and for the stages after it."""

from typing import Any

import numpy as np
import pandas as pd
import sklearn
import treelite

from oilcan.columns import MACHINE, TIME
from oilcan.contract import Contract
from oilcan.params import TrainParams
from oilcan.training.data import TrainingData
from oilcan.training.fit import Training


def describe(contract: Contract, training: Training, data: TrainingData, params: TrainParams) -> dict[str, Any]:
    """Forecasts with their alarm policies, features in order, hyper-parameters, and what it was trained on."""
    rows = data.train.rows
    boosted = params.model == "hist_gradient_boosting"
    hyper = params.hist_gradient_boosting if boosted else params.random_forest
    return {
        "dataset": contract.name,
        "contract_version": contract.version,
        "model": params.model,
        "hyper_parameters": hyper.model_dump(),
        **({"life_hyper_parameters": params.life_boosting.model_dump()} if boosted else {}),
        "calibration": params.calibration,
        "seed": params.seed,
        "plan_hash": data.plan_hash,
        "features": list(data.features),
        "forecasts": [_forecast(done.forecast) for done in training.finished],
        "rare_modes": training.rare_modes,
        "thresholds": training.fitted.thresholds(),
        "policies": {name: policy.as_json() for name, policy in training.fitted.policies().items()},
        "trained_on": {"rows": len(rows), "machines": int(rows[MACHINE].nunique()), **_span(rows)},
        "libraries": {"scikit-learn": sklearn.__version__, "treelite": treelite.__version__,
                      "numpy": np.__version__, "pandas": pd.__version__},
    }


def _forecast(forecast: Any) -> dict[str, Any]:
    return {"name": forecast.name, "task": forecast.task, "mode": getattr(forecast, "mode", None),
            "threshold": getattr(forecast, "threshold", None)}


def _span(rows: pd.DataFrame) -> dict[str, Any]:
    if TIME not in rows:
        return {}
    first, last = rows[TIME].min(), rows[TIME].max()
    if isinstance(first, pd.Timestamp):
        return {"first": first.isoformat(), "last": last.isoformat()}
    return {"first": int(first), "last": int(last)}
