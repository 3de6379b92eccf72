"""The whole of training: every target of the contract, fitted, calibrated, cut and judged."""

from dataclasses import dataclass, replace
from typing import Any, Final, cast

import joblib
import numpy as np

from oilcan.contract import Contract
from oilcan.core.judging import row_metrics
from oilcan.core.model.fitted import EventForecast, Fitted, Forecast, Trained
from oilcan.ground.processes import side_by_side
from oilcan.params.compute import ComputeParams
from oilcan.params.train import TrainParams
from oilcan.training.cross import Choice, choose_family, out_of_fold
from oilcan.training.finish import Finished, finish_event, finish_life
from oilcan.training.growing import grow
from oilcan.training.hazard_training import Horizons, Waits, finish_outlook, grow_outlook, horizons_of
from oilcan.training.leaks import Suspicion
from oilcan.training.recipe import Recipe, choice_of, recipe_of
from oilcan.training.refit import Work, from_both
from oilcan.training.targets import Target, targets_of
from oilcan.training.training_data import Grown, TrainingData, machine_codes

_GAP_ROWS: Final = 10_000       # training rows on which the overfit gap is measured


@dataclass(frozen=True)
class Training:
    """The trained model, how each target went, the failure modes too rare to have a forecast, and recipes by target."""

    trained: Trained
    finished: tuple[Finished, ...]
    rare_modes: dict[str, int]
    recipes: dict[str, Recipe]

    def recipe(self, forecast: Forecast) -> Recipe:
        """How a forecast was grown."""
        return self.recipes.get(forecast.name) or self.recipes[forecast.task].members[0]

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
        """The content of metrics/detail/train.json."""
        return {
            "features": len(self.trained.judged.features),
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
    ParamsError
        If `train.monotone` does not fit the features.
    """
    targets, rare = targets_of(contract, data.train.rows, data.validation.rows, params.min_mode_failures)
    horizons = horizons_of(contract, data, params.outlook)
    choices = _choose(targets, data, params, compute.jobs)
    recipes = {target.name: recipe_of(target, params, choices[target.task].family, data.features)
               for target in targets}
    first = _from_training(targets, horizons, data, params, recipes)
    again = from_both(targets, horizons, data, params, recipes) if params.refit else {}
    workers = min(compute.jobs, len(first) + len(again))
    work = [joblib.delayed(grow)(*known, jobs=compute.jobs // workers)
            for grow, known in (*first.values(), *again.values())]
    done = side_by_side(workers, compute.backend)(work)
    grown = dict(zip(first, done, strict=False))
    finished = {target.name: _finish(contract, target, grown[target.name], data, params, choices[target.task])
                for target in targets}
    outlooks = [finish_outlook(each, grown[each.name], cast(EventForecast, finished[each.task].forecast),
                               grown[each.task], data, params)
                for each in horizons]
    all_done = (*finished.values(), *outlooks)
    judged = Fitted(data.features, data.plan_hash, tuple(one.forecast for one in all_done))
    served = judged.with_trees(dict(zip(again, done[len(first):], strict=True)))
    return Training(Trained(judged, served), all_done, rare, recipes)


def _from_training(targets: list[Target], horizons: list[Horizons], data: TrainingData, params: TrainParams,
                   recipes: dict[str, Recipe]) -> dict[str, Work]:
    """Trees of the training part, by the name of their forecast."""
    train, machines = data.train, machine_codes(data.train.rows)
    work: dict[str, Work] = {}
    for target in targets:
        folds = target.kind == "rul" and data.validates_on_few
        work[target.name] = _grow, (target, target.values(train.rows), target.seen(train.rows), machines, train.matrix,
                                    data.validation.matrix, params, recipes[target.name], folds)
    for each in horizons:
        work[each.name] = grow_outlook, (each, Waits.of(train.rows, each.task), machines, train.matrix, params,
                                         recipes[each.task])
    return work


def _choose(targets: list[Target], data: TrainingData, params: TrainParams, jobs: int) -> dict[str, Choice]:
    """The family of each task; its modes take the same."""
    rows, matrix = data.train.rows, data.train.matrix
    return {
        target.task: choose_family(choice_of(target, params), target, target.values(rows), machine_codes(rows), matrix,
                                   params, data.features, jobs)
        for target in targets if target.mode is None
    }


def _finish(contract: Contract, target: Target, grown: Grown, data: TrainingData, params: TrainParams,
            choice: Choice) -> Finished:
    finish = finish_life if target.kind == "rul" else finish_event
    done = finish(contract, target, grown, data, params)
    return replace(done, report=done.report | {"model": choice.as_json()})


def _grow(target: Target, values: np.ndarray, is_seen: np.ndarray, machines: np.ndarray, matrix: np.ndarray,
          validation: np.ndarray, params: TrainParams, recipe: Recipe, folds: bool, *, jobs: int) -> Grown:
    """Runs in a worker: thin the rows, fit, score the validation part; with `folds`, training rows out of fold too."""
    trees, n_rows = grow(target, values, machines, matrix, params, recipe, jobs)
    seen = np.flatnonzero(is_seen)
    seen = seen[:: max(1, -(-len(seen) // _GAP_ROWS))]
    quality = row_metrics.rmse if target.kind == "rul" else row_metrics.pr_auc
    train_quality = quality(values[seen], trees.predict(matrix[seen], jobs))
    unseen = out_of_fold(target, values, machines, matrix, params, recipe, jobs=jobs) if folds else None
    return Grown(trees, trees.predict(validation, jobs), n_rows, train_quality, unseen)
