"""From trees to a forecast, on validation rows alone: calibrate, choose the threshold, draw the interval, and judge."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.judging import row_metrics
from oilcan.core.model import calibration, intervals
from oilcan.core.model.calibration import Method
from oilcan.core.model.fitted import EventForecast, Forecast, LifeForecast, NumberForecast
from oilcan.ground.columns import owner
from oilcan.training.leaks import SUSPICIOUS_AUC, Suspicion, suspicious_features
from oilcan.training.targets import Target, count_events
from oilcan.training.threshold import PolicyChoice, ValidationForecasts, choose_policy
from oilcan.training.training_data import GrownTrees, PartRows, PickedPart, TrainingData


@dataclass(frozen=True)
class FinishedForecast:
    """A forecast, its entry in metrics/detail/train.json, and features that look like leaks."""

    forecast: Forecast
    report: dict[str, Any]
    suspicions: tuple[Suspicion, ...] = ()

    def reporting(self, **entries: Any) -> "FinishedForecast":
        """The same with more entries in the report."""
        return replace(self, report=self.report | entries)

    @property
    def near_perfect(self) -> bool:
        """Whether the forecast is so good that a person should check it."""
        return bool((self.report["validation"].get("roc_auc") or 0.0) > SUSPICIOUS_AUC)


def finish_event(contract: Contract, target: Target, grown: GrownTrees, data: TrainingData, calibrate: Method
                 ) -> FinishedForecast:
    """Calibrate on validation rows and, for a task as a whole, choose the threshold by cost."""
    rows = data.validation.rows
    values = target.values(rows)
    known = ~np.isnan(values)
    kept = calibration.choose(calibrate, grown.validation[known], values[known],
                              rows[owner(rows)].to_numpy()[known])
    choice: PolicyChoice | None = None
    if target.mode is None:
        p = kept.calibrator(grown.validation)
        judged = ValidationForecasts(rows, values, p, data.failures, data.machines)
        choice = choose_policy(contract, contract.tasks[target.task], judged)
    forecast = EventForecast(target.task, target.mode, grown.trees, kept.calibrator,
                             choice.policy if choice else None)
    report = _event_report(target, grown, data, values[known], grown.validation[known]) | {
        "calibration": {"method": kept.calibrator.method, "reason": kept.reason, "brier_before": kept.before,
                        "brier_after": kept.after},
    } | ({"alarms": choice.as_json()} if choice else {})
    suspicions = suspicious_features(data.validation.matrix, values, data.features, target.name)
    return FinishedForecast(forecast, rounded(report), tuple(suspicions))


def _event_report(target: Target, grown: GrownTrees, data: TrainingData, values: np.ndarray, raw: np.ndarray,
                  ) -> dict[str, Any]:
    train_values = target.values(data.train.rows)
    pr_auc = row_metrics.pr_auc(values, raw)
    return {
        "train": {"n": int((~np.isnan(train_values)).sum()), "n_fitted": grown.n_rows,
                  "positives": int(np.nansum(train_values)), "events": count_events(data.train.rows, target),
                  "pr_auc": grown.train_quality},
        "validation": {"n": len(values), "positives": int(values.sum()), "pr_auc": pr_auc,
                       "roc_auc": row_metrics.roc_auc(values, raw)},
        "overfit_gap": _difference(grown.train_quality, pr_auc),
    }


def finish_life(target: Target, grown: GrownTrees, data: TrainingData) -> FinishedForecast:
    """Draw the 90 % interval on machines that the trees did not learn from; its coverage is measured across them."""
    judged = [_judged(target, data.validation, grown.validation)]
    if grown.out_of_fold is not None:
        judged.append(_judged(target, data.train, grown.out_of_fold))
    is_seen = target.seen(data.validation.rows)[~np.isnan(target.values(data.validation.rows))]
    truth, life, machines = (array[is_seen] for array in judged[0])
    rmse = row_metrics.rmse(truth, life)
    all_truth, all_life, all_machines = (np.concatenate(arrays) for arrays in zip(*judged, strict=True))
    interval = intervals.fit(all_life, all_truth, all_machines, target.cap, target.floor)
    low, high = interval(all_life)
    report = {
        "train": {"n": int((~np.isnan(target.values(data.train.rows))).sum()), "n_fitted": grown.n_rows,
                  "rmse": grown.train_quality},
        "validation": {"n": len(truth), "outlasting": int((~is_seen).sum()), "rmse": rmse,
                       "machines": int(pd.Series(machines).nunique()), "mae": row_metrics.mae(truth, life)},
        "interval": {"machines": int(pd.Series(all_machines).nunique()), "mean_width": float(np.mean(high - low)),
                     "coverage_90": _coverage_across(all_truth, all_life, all_machines, target)},
        "overfit_gap": _difference(rmse, grown.train_quality),
    }
    kind = LifeForecast if target.kind == "rul" else NumberForecast
    return FinishedForecast(kind(target.task, grown.trees, interval), rounded(report))


def _judged(target: Target, part: PartRows | PickedPart, forecasts: np.ndarray
            ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, forecast and machine of the rows with a known outcome."""
    values = target.values(part.rows)
    known = ~np.isnan(values)
    possible = intervals.clip(forecasts[known], target.floor, target.cap)
    return values[known], possible, part.rows[owner(part.rows)].to_numpy()[known]


def _coverage_across(truth: np.ndarray, life: np.ndarray, machines: np.ndarray, target: Target) -> float | None:
    """Share of rows covered by intervals drawn on other machines; None with a single machine."""
    hits = [
        intervals.covered(intervals.fit(life[inside], truth[inside], machines[inside], target.cap,
                                        target.floor),
                          life[outside], truth[outside])
        for inside, outside in calibration.machine_folds(machines, folds=5)
    ]
    return float(np.concatenate(hits).mean()) if hits else None


def _difference(larger: float | None, smaller: float | None) -> float | None:
    return None if larger is None or smaller is None else larger - smaller


def rounded(values: Any, digits: int = 6) -> Any:
    """Plain values with floats at `digits` decimals, for files that people compare.

    Examples
    --------
    >>> rounded({"p": [0.12345678, None]})
    {'p': [0.123457, None]}
    """
    if isinstance(values, dict):
        return {name: rounded(value, digits) for name, value in values.items()}
    if isinstance(values, list):
        return [rounded(value, digits) for value in values]
    return round(values, digits) if isinstance(values, float) else values
