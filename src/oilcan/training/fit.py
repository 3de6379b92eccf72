"""The whole of training: every target of the contract, fitted, calibrated, cut and judged."""

from dataclasses import dataclass
from typing import Any, Final

import joblib
import numpy as np

from oilcan.contract import Contract
from oilcan.core import metrics
from oilcan.core.fitted import Fitted
from oilcan.core.trees import TreeModel
from oilcan.params import ComputeParams, TrainParams
from oilcan.training.data import Grown, TrainingData
from oilcan.training.finish import Finished, finish_event, finish_life
from oilcan.training.leaks import Suspicion
from oilcan.training.models import Rows, build_classifier, build_regressor, fit_trees
from oilcan.training.targets import Target, choose_rows, targets_of

_GAP_ROWS: Final = 10_000       # training rows on which the overfit gap is measured


@dataclass(frozen=True)
class Training:
    """The fitted model, how each target went, and the failure modes too rare to have a forecast."""

    fitted: Fitted
    finished: tuple[Finished, ...]
    rare_modes: dict[str, int]

    def suspicions(self) -> list[Suspicion]:
        """Features that tell a target apart by themselves."""
        return [found for done in self.finished for found in done.suspicions]

    def warnings(self) -> list[str]:
        """What a person should look at, one line each."""
        rare = [f"{name}: no forecast of its own ({count} failures in training)"
                for name, count in self.rare_modes.items()]
        flagged = [f"{done.forecast.name}: validation ROC AUC is {done.report['validation']['roc_auc']}, too good to "
                   f"be true unless the task is trivial. Look for a leak."
                   for done in self.finished if done.near_perfect]
        return rare + flagged + [str(found) for found in self.suspicions()]

    def as_json(self) -> dict[str, Any]:
        """The content of metrics/train.json."""
        return {
            "features": len(self.fitted.features),
            "targets": {done.forecast.name: done.report for done in self.finished},
            "rare_modes": self.rare_modes,
            "suspicious_features": [found.as_json() for found in self.suspicions()],
        }


def train(contract: Contract, data: TrainingData, params: TrainParams, compute: ComputeParams) -> Training:
    """Fit every task of the contract; targets run side by side.

    Raises
    ------
    DataError
        If a part has no known rows of a task, or only one class.
    """
    targets, rare = targets_of(contract, data.train.rows, data.validation.rows, params.min_mode_failures)
    workers = min(compute.jobs, len(targets))
    machines = data.train.machine_codes()
    grown: list[Grown] = joblib.Parallel(n_jobs=workers, backend=compute.backend)(
        joblib.delayed(_grow)(target, target.values(data.train.rows), machines, data.train.matrix,
                              data.validation.matrix, params, compute.jobs // workers)
        for target in targets
    )
    finished = tuple(
        (finish_life if target.kind == "rul" else finish_event)(contract, target, trees, data, params)
        for target, trees in zip(targets, grown, strict=True)
    )
    return Training(Fitted(data.features, data.plan_hash, tuple(done.forecast for done in finished)), finished, rare)


def _grow(target: Target, values: np.ndarray, machines: np.ndarray, matrix: np.ndarray, validation: np.ndarray,
          params: TrainParams, jobs: int) -> Grown:
    """Runs in a worker: thin the rows, fit, score the validation part."""
    chosen = choose_rows(values, target, params)
    stop = _held_out(machines[chosen.at], values[chosen.at], target, params)
    build = build_regressor if target.kind == "rul" else build_classifier
    def rows_of(at: np.ndarray) -> Rows:
        return Rows(matrix[chosen.at[at]], values[chosen.at[at]], None if chosen.weight is None else chosen.weight[at])

    learnt = np.flatnonzero(~stop)
    watched = rows_of(np.flatnonzero(stop)) if stop.any() else None
    bags = _bags(values[chosen.at[learnt]], target, params)
    trees = TreeModel.bag([
        fit_trees(build(params, target.seed(params.seed) + bag, jobs=jobs, early_stopping=watched is not None),
                  rows_of(learnt[bag::bags]), watched, shift=chosen.shift, jobs=jobs)
        for bag in range(bags)
    ])  # fmt: skip
    known = np.flatnonzero(~np.isnan(values))
    seen = known[:: max(1, -(-len(known) // _GAP_ROWS))]
    quality = metrics.rmse if target.kind == "rul" else metrics.pr_auc
    train_quality = quality(values[seen], trees.predict(matrix[seen], jobs))
    return Grown(trees, trees.predict(validation, jobs), len(learnt), train_quality)


def _bags(values: np.ndarray, target: Target, params: TrainParams) -> int:
    """How many models share the rows: one where a share would hold a single class, or the model is a bag itself."""
    boosting = params.life_boosting if target.kind == "rul" else params.hist_gradient_boosting
    bags = boosting.bags if params.model == "hist_gradient_boosting" else 1
    split = target.kind == "rul" or all(np.ptp(values[bag::bags]) > 0 for bag in range(min(bags, len(values))))
    return bags if split and len(values) >= bags else 1


def _held_out(machines: np.ndarray, values: np.ndarray, target: Target, params: TrainParams) -> np.ndarray:
    """Rows of the machines on which boosting watches when to stop, shape (m,), bool; none where it cannot."""
    present = np.unique(machines)
    n = int(np.ceil(params.early_stopping_share * len(present)))
    if params.model != "hist_gradient_boosting" or not 0 < n < len(present):
        return np.zeros(len(machines), dtype=bool)
    drawn = np.random.default_rng(target.seed(params.seed)).permutation(present)[:n]
    stop = np.isin(machines, drawn)
    both = target.kind == "rul" or all(np.ptp(values[side]) > 0 for side in (stop, ~stop))
    return stop if both else np.zeros(len(machines), dtype=bool)
