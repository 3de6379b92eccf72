"""Training as a whole: every target of the contract is fitted, calibrated, given a threshold, and judged."""

from dataclasses import dataclass
from typing import Any, cast

import joblib
import numpy as np

from oilcan.contract import Contract
from oilcan.core.judging import row_metrics
from oilcan.core.model.calibration import Method
from oilcan.core.model.fitted import EventForecast, Fitted, Forecast, Trained
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.train import TrainParams
from oilcan.training.cross import FamilyChoice, choose_family, out_of_fold
from oilcan.training.finish import FinishedForecast, finish_event, finish_life
from oilcan.training.growing import grow
from oilcan.training.hazard_training import HazardSample, Horizons, finish_outlook, grow_outlook, horizons_of
from oilcan.training.leaks import Suspicion
from oilcan.training.recipe import Recipe, candidates, recipe_of
from oilcan.training.refit import Work, from_both
from oilcan.training.rows_to_read import gap_rows
from oilcan.training.sample import Sample
from oilcan.training.targets import Target, targets_of
from oilcan.training.training_data import GrownTrees, TrainingData


@dataclass(frozen=True)
class Training:
    """The trained model, the report of each target, the modes too rare for a forecast, and recipes by forecast."""

    trained: Trained
    finished: tuple[FinishedForecast, ...]
    rare_modes: dict[str, int]
    recipes: dict[str, Recipe]

    def recipe(self, forecast: Forecast) -> Recipe:
        """How a forecast was grown."""
        return self.recipes[forecast.name]

    def suspicions(self) -> list[Suspicion]:
        """Features that separate the classes of a target alone."""
        return [suspicion for done in self.finished for suspicion in done.suspicions]

    def warnings(self) -> list[str]:
        """Findings that a person should check, one line each."""
        rare = [f"{name}: no forecast of its own ({count} failures in training)"
                for name, count in self.rare_modes.items()]
        flagged = [f"{done.forecast.name}: validation ROC AUC is {done.report['validation']['roc_auc']}, too good to "
                   f"be true unless the task is trivial. Check for a leak."
                   for done in self.finished if done.near_perfect]
        return rare + flagged + [str(suspicion) for suspicion in self.suspicions()]

    def as_json(self) -> dict[str, Any]:
        """The content of metrics/detail/train.json."""
        return {
            "features": len(self.trained.judged.features),
            "targets": {done.forecast.name: done.report for done in self.finished},
            "rare_modes": self.rare_modes,
            "suspicious_features": [suspicion.as_json() for suspicion in self.suspicions()],
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
    heads = {target.task: target for target in reversed(targets)}       # the first of each task; its others do the same
    choices = {name: _choose(heads[name], data, params, compute.jobs) for name in contract.tasks}
    recipes = {target.name: recipe_of(target, params, choices[target.task].family, data.features)
               for target in targets}
    recipes |= {each.name: recipes[each.task].of_hazards(params.outlook) for each in horizons}
    first = _from_training(targets, horizons, data, recipes)
    again = from_both(targets, horizons, data, recipes) if params.refit else {}
    workers = min(compute.jobs, len(first) + len(again))
    work = [joblib.delayed(grow)(*known, jobs=compute.jobs // workers)
            for grow, known in (*first.values(), *again.values())]
    done = compute.side_by_side(workers)(work)
    grown = dict(zip(first, done, strict=False))
    finished = {target.name: _finish(contract, target, grown[target.name], data, params.calibration)
                .reporting(model=choices[target.task].as_json()) for target in targets}
    outlooks = [_finish_outlook(each, grown, finished, data, params.calibration) for each in horizons]
    all_done = (*finished.values(), *outlooks)
    judged = Fitted(data.features, data.plan_hash, tuple(one.forecast for one in all_done))
    served = judged.with_trees(dict(zip(again, done[len(first):], strict=True)))
    return Training(Trained(judged, served), all_done, rare, recipes)


def _choose(target: Target, data: TrainingData, params: TrainParams, jobs: int) -> FamilyChoice:
    """The family of a task; its failure modes and classes take the same."""
    sample = Sample.of(target, data.train.rows, data.train.matrix)
    return choose_family(sample, candidates(target, params, data.features), jobs)


def _from_training(targets: list[Target], horizons: list[Horizons], data: TrainingData, recipes: dict[str, Recipe],
                   ) -> dict[str, Work]:
    """Trees of the training part, by the name of their forecast."""
    train = data.train
    work: dict[str, Work] = {}
    for target in targets:
        folds = target.is_number and data.validates_on_few
        sample = Sample.of(target, train.rows, train.matrix)
        work[target.name] = _grow, (sample, data.validation.matrix, recipes[target.name], folds)
    for each in horizons:
        work[each.name] = grow_outlook, (HazardSample.of(each, train.rows, train.matrix), recipes[each.name])
    return work


def _finish(contract: Contract, target: Target, grown: GrownTrees, data: TrainingData, calibrate: Method
            ) -> FinishedForecast:
    if target.is_number:
        return finish_life(target, grown, data)
    return finish_event(contract, target, grown, data, calibrate)


def _finish_outlook(horizons: Horizons, grown: dict[str, Any], finished: dict[str, FinishedForecast],
                    data: TrainingData, calibrate: Method) -> FinishedForecast:
    event = cast(EventForecast, finished[horizons.task].forecast)
    p = event.columns(grown[horizons.task].validation)[f"p_{horizons.task}"]
    return finish_outlook(horizons, grown[horizons.name], p, data.validation, calibrate)


def _grow(sample: Sample, validation: np.ndarray, recipe: Recipe, folds: bool, *, jobs: int) -> GrownTrees:
    """Runs in a worker: fit, forecast the validation part; with `folds`, training rows out of fold too."""
    trees, n_rows = grow(sample, recipe, jobs=jobs)
    known = sample.take(gap_rows(sample.is_seen))
    quality = row_metrics.rmse if sample.target.is_number else row_metrics.pr_auc
    train_quality = quality(known.values, trees.predict(known.features(), jobs))
    unseen = out_of_fold(sample, recipe, jobs=jobs) if folds else None
    return GrownTrees(trees, trees.predict(validation, jobs), n_rows, train_quality, unseen)
