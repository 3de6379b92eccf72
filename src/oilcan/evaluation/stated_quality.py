"""Quality of forecasts of a class or a number: tasks whose outcome a column states.

They are compared with the simplest forecast that reads no sensor: the most frequent class, or the
mean of training. Intervals resample machines, or groups of independent rows; shares of few events are at least as
wide as the exact binomial interval.
"""

from typing import Any

import numpy as np
import pandas as pd

from oilcan.core.judging import bootstrap, row_metrics
from oilcan.core.judging.class_probabilities import LEAST, class_probabilities
from oilcan.core.judging.exact_intervals import share_of_events, share_of_rows
from oilcan.core.model.fitted import NUMBER
from oilcan.evaluation.fleet_and_forecasts import Fleet, Forecasts
from oilcan.ground.columns import GROUP, MACHINE, TARGET, owner
from oilcan.params.stages.evaluate import EvaluateParams

Numbers = dict[str, Any]


def stated_task(fleet: Fleet, forecasts: Forecasts, task: str, params: EvaluateParams) -> Numbers:
    """Numbers of one `class` or `number` task: `test` with intervals, `validation`, `baselines`."""
    judge = class_quality if fleet.contract.tasks[task].kind == "class" else number_quality
    columns = _columns(forecasts, task)
    test, validation = (_known(forecasts.part(part, columns), task) for part in ("test", "validation"))
    train = _known(fleet.rows.read("train", [f"{TARGET}{task}"]), task)
    naive = _naive(fleet, task, train, test)
    draws = None
    code, owners = pd.factorize(test[owner(test)])
    if len(owners) > 1:
        draws = bootstrap.multiplicities(len(owners), params.bootstrap, params.seed)
    numbers = {"test": judge(fleet, task, test, np.asarray(code), draws) | {"machines": len(owners)},
               "validation": judge(fleet, task, validation, None, None)}
    return numbers | {"baselines": {"most_common" if judge is class_quality else "mean": naive}}


def class_quality(fleet: Fleet, task: str, rows: pd.DataFrame, code: np.ndarray | None, draws: np.ndarray | None,
                  ) -> Numbers:
    """Accuracy, its mean over the classes, F1 averaged over the classes, log loss; and figures of each class.

    Probabilities of the classes are divided by their sum. A class too rare to have a forecast has
    probability 0.

    Parameters
    ----------
    code, draws
        Machine of each row as a position, and how often each machine is in each draw; None for no intervals.
    """
    classes = fleet.contract.classes(task)
    p = class_probabilities(rows, task, classes)
    truth = rows[f"{TARGET}{task}"].to_numpy(dtype=np.int64)
    predicted = p.argmax(axis=1)
    hit = (predicted == truth).astype(np.float64)
    of_class = {name: _of_one(predicted == at, truth == at) for at, name in enumerate(classes)}
    seen = [values for values in of_class.values() if values["n"]]
    loss = -np.log(np.maximum(p[np.arange(len(p)), truth], LEAST))
    numbers: Numbers = {
        "n": len(rows), "accuracy": float(hit.mean()) if len(hit) else None,
        "balanced_accuracy": float(np.mean([values["recall"] for values in seen])) if seen else None,
        "macro_f1": float(np.mean([values["f1"] for values in seen])) if seen else None,
        "log_loss": float(loss.mean()) if len(loss) else None, "classes": of_class,
        "confusion": {name: {other: int(((truth == at) & (predicted == to)).sum()) for to, other in enumerate(classes)}
                      for at, name in enumerate(classes)},
    }  # fmt: skip
    if code is not None:
        numbers["accuracy_ci95"] = _share_interval(hit, code, draws)
        numbers["log_loss_ci95"] = None if draws is None else bootstrap.interval(bootstrap.mean(code, loss, draws))
    return numbers


def number_quality(_fleet: Fleet, task: str, rows: pd.DataFrame, code: np.ndarray | None, draws: np.ndarray | None,
                   ) -> Numbers:
    """Root mean squared and mean absolute error in the column's unit, share of the variance, coverage of intervals."""
    truth, predicted, low, high = (rows[name].to_numpy(dtype=np.float64) for name in (
        f"{TARGET}{task}", f"number_{task}", f"number_{task}_low", f"number_{task}_high"))
    error = predicted - truth
    spread = float(((truth - truth.mean()) ** 2).sum()) if len(truth) else 0.0
    numbers: Numbers = {
        "n": len(rows), "rmse": row_metrics.rmse(truth, predicted), "mae": row_metrics.mae(truth, predicted),
        "r2": 1.0 - float((error**2).sum()) / spread if spread > 0 else None,
        "coverage_90": row_metrics.coverage(truth, low, high),
        "interval_width": float((high - low).mean()) if len(rows) else None,
    }  # fmt: skip
    if code is not None:
        numbers["coverage_90_ci95"] = _share_interval((low <= truth) & (truth <= high), code, draws)
    if code is not None and draws is not None:
        drawn = {"rmse": np.sqrt(bootstrap.mean(code, error**2, draws)),
                 "mae": bootstrap.mean(code, np.abs(error), draws)}
        numbers |= {f"{name}_ci95": bootstrap.interval(values) for name, values in drawn.items()}
    return numbers


def _share_interval(hit: np.ndarray, code: np.ndarray, draws: np.ndarray | None) -> list[float] | None:
    """Interval of the share of rows that are hits; rows of machines that have one row each are independent events."""
    if not len(hit):
        return None
    drawn = None if draws is None else bootstrap.interval(bootstrap.mean(code, hit.astype(np.float64), draws))
    machines = len(np.unique(code))
    if machines == len(hit):
        return share_of_events(drawn, int(hit.sum()), len(hit))
    return share_of_rows(drawn, float(hit.mean()), machines)


def _columns(forecasts: Forecasts, task: str) -> list[str]:
    """Owner of the rows, target, and the forecasts of a task."""
    begins = (f"p_{task}__", f"{NUMBER}{task}")
    return [name for name in forecasts.predictions.columns
            if name in (MACHINE, GROUP, f"{TARGET}{task}") or name.startswith(begins)]


def _known(rows: pd.DataFrame, task: str) -> pd.DataFrame:
    return rows[rows[f"{TARGET}{task}"].notna()].reset_index(drop=True)


def _naive(fleet: Fleet, task: str, train: pd.DataFrame, test: pd.DataFrame) -> Numbers:
    learned = train[f"{TARGET}{task}"].to_numpy(dtype=np.float64)
    truth = test[f"{TARGET}{task}"].to_numpy(dtype=np.float64)
    if fleet.contract.tasks[task].kind == "class":
        values, counts = np.unique(learned, return_counts=True)
        common = values[counts.argmax()] if len(values) else np.nan
        return {"accuracy": float((truth == common).mean()) if len(truth) else None}
    mean = np.full(len(truth), learned.mean() if len(learned) else np.nan)
    return {"rmse": row_metrics.rmse(truth, mean), "mae": row_metrics.mae(truth, mean)}


def _of_one(predicted: np.ndarray, is_true: np.ndarray) -> Numbers:
    hits = int((predicted & is_true).sum())
    n, called = int(is_true.sum()), int(predicted.sum())
    return {"n": n, "recall": hits / n if n else None, "precision": hits / called if called else None,
            "f1": 2 * hits / (n + called) if n + called else None}
