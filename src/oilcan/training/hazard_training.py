"""The forecast of when: hazards learned from rows and intervals at risk, judged at every horizon."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.judging import row_metrics
from oilcan.core.model import calibration, hazards
from oilcan.core.model.calibration import Calibrator, Method
from oilcan.core.model.fitted import OutlookForecast
from oilcan.core.model.trees import TreeModel
from oilcan.ground.columns import MACHINE
from oilcan.params.stages.train import OutlookParams
from oilcan.training.finish import FinishedForecast, rounded
from oilcan.training.growing import grow_chosen
from oilcan.training.recipe import Recipe
from oilcan.training.sample import Matrix, Sample, machine_codes
from oilcan.training.targets import Target
from oilcan.training.thinning import RowSelection, Thinning, choose_rows
from oilcan.training.training_data import PartRows, TrainingData

_FEWEST: Final = 10             # an interval with fewer failing rows is not learned
_FINEST: Final = 12             # shares are read as fractions with at most this denominator: 0.333 is a third


@dataclass(frozen=True)
class Horizons:
    """Ends of the intervals of a task, in ticks, and the position of the horizon of the task among them."""

    task: str
    ticks: tuple[float, ...]
    own: int
    counts_cycles: bool

    @property
    def name(self) -> str:
        """Name of the outlook."""
        return hazards.PREFIX + self.task


@dataclass(frozen=True)
class Waits:
    """Ticks to the failure of each row (NaN without a failure) and ticks observed, each of shape (n,)."""

    wait: np.ndarray
    seen: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame, task: str) -> "Waits":
        """Columns of rows.parquet."""
        return cls(rows[f"wait_{task}"].to_numpy(dtype=np.float64), rows[f"seen_{task}"].to_numpy(dtype=np.float64))

    def outcome(self, horizon: float) -> np.ndarray:
        """Whether a failure came by then: 1, 0, or NaN if the row was not observed for so long, shape (n,)."""
        return hazards.outcome(self.wait, self.seen, horizon)


def horizons_of(contract: Contract, data: TrainingData, params: OutlookParams) -> list[Horizons]:
    """The tasks that get an outlook, with the horizons that both parts can carry.

    A part can carry an interval if at least ten of its rows fail in it and one does not. An interval that one of the
    parts cannot carry is merged with the next. After the horizon of the task, the first such interval ends the list.
    A task left with its own horizon alone has no outlook.
    """
    horizons = []
    for name, task in contract.tasks.items():
        if task.kind != "failure_within" or task.horizon is None or not params.horizons:
            continue
        parts = [Waits.of(part.rows, name) for part in (data.train, data.validation)]
        counts_cycles = contract.time.kind == "cycle"
        ends = _ends(params.horizons, task.horizon.ticks, whole=counts_cycles)
        kept = _carried(ends, task.horizon.ticks, parts)
        if len(kept) > 1:
            horizons.append(Horizons(name, tuple(kept), kept.index(task.horizon.ticks), counts_cycles))
    return horizons


def _ends(shares: Sequence[float], horizon: float, *, whole: bool) -> list[float]:
    ticks = [float(Fraction(share).limit_denominator(_FINEST) * Fraction(horizon)) for share in shares]
    return sorted({max(1.0, round(end)) if whole and end != horizon else end for end in ticks})


def _carried(ends: Sequence[float], own: float, parts: Sequence[Waits]) -> list[float]:
    kept: list[float] = []
    for end in ends:
        if end == own:
            while kept and not _carries(kept[-1], end, parts):
                kept.pop()
        elif not _carries(kept[-1] if kept else 0.0, end, parts):
            if end > own:
                break
            continue
        kept.append(end)
    return kept


def _carries(low: float, high: float, parts: Sequence[Waits]) -> bool:
    for part in parts:
        entered = (part.seen >= high) & ~(part.wait <= low)
        fails = entered & (part.wait <= high)
        if fails.sum() < _FEWEST or fails.sum() == entered.sum():
            return False
    return True


@dataclass(frozen=True)
class HazardSample:
    """Rows that a forecast of when is learned from: their waits, machines as integers, and features."""

    horizons: Horizons
    waits: Waits
    machines: np.ndarray            # (n,)
    matrix: Matrix                  # (n, n_features)

    @classmethod
    def of(cls, horizons: Horizons, rows: pd.DataFrame, matrix: Matrix) -> "HazardSample":
        """Rows as in rows.parquet, with their features."""
        return cls(horizons, Waits.of(rows, horizons.task), machine_codes(rows), matrix)


@dataclass(frozen=True)
class AtRisk:
    """Pairs of a row and an interval that it enters, those that are learned from; arrays of shape (m,).

    Attributes
    ----------
    row, interval
        Position of the row, and number of the interval.
    fails
        Whether the machine fails in it.
    selection
        Which pairs of all were chosen, with their weights.
    """

    row: np.ndarray
    interval: np.ndarray
    fails: np.ndarray
    selection: RowSelection

    @classmethod
    def chosen(cls, waits: Waits, horizons: Horizons, thinning: Thinning, *, boosted: bool, seed: int) -> "AtRisk":
        """The pairs of some rows that training learns from."""
        row, interval, fails = hazards.at_risk(waits.wait, waits.seen, horizons.ticks)
        target = Target(horizons.name, "failure_within")
        selection = choose_rows(fails.astype(np.float64), target, thinning, boosted=boosted, seed=seed)
        return cls(row[selection.at], interval[selection.at], fails[selection.at], selection)


def grow_outlook(sample: HazardSample, recipe: Recipe, *, jobs: int) -> TreeModel:
    """Runs in a worker: trees that forecast the hazard from features and the number of the interval.

    Parameters
    ----------
    recipe
        From `Recipe.of_hazards`.
    """
    pairs = AtRisk.chosen(sample.waits, sample.horizons, recipe.thinning, boosted=recipe.first.boosted,
                          seed=recipe.seed)
    expanded = np.column_stack([sample.matrix[pairs.row], pairs.interval.astype(np.float32)])
    at_risk = Sample(Target(sample.horizons.name, "failure_within"), pairs.fails.astype(np.float64),
                     np.ones(len(pairs.row), dtype=bool), sample.machines[pairs.row], expanded)
    return grow_chosen(at_risk, pairs.selection, recipe, jobs=jobs)[0]


def finish_outlook(horizons: Horizons, trees: TreeModel, p: np.ndarray, part: PartRows, calibrate: Method
                   ) -> FinishedForecast:
    """Calibrate the hazards on validation rows, and judge every horizon there.

    Parameters
    ----------
    p
        Calibrated probability of the same rows by the classifier of the task, shape (n,).
    part
        The validation part.
    """
    waits = Waits.of(part.rows, horizons.task)
    bare = OutlookForecast(horizons.task, horizons.ticks, horizons.own, horizons.counts_cycles, trees, Calibrator())
    risks = bare.hazards(part.matrix)
    row, interval, fails = hazards.at_risk(waits.wait, waits.seen, horizons.ticks)
    kept = calibration.choose(calibrate, risks[row, interval], fails.astype(np.float64),
                              part.rows[MACHINE].to_numpy()[row])
    forecast = replace(bare, calibrator=kept.calibrator)
    by_horizon = forecast.columns(risks, p)
    alone = 1 - np.prod(1 - kept.calibrator(risks[:, : horizons.own + 1]), axis=1)
    return FinishedForecast(forecast, rounded({
        "calibration": {"method": kept.calibrator.method, "reason": kept.reason, "brier_before": kept.before,
                        "brier_after": kept.after},
        "validation": _numbers(waits.outcome(horizons.ticks[horizons.own]), alone),
        "horizons": {suffix: _numbers(waits.outcome(ticks), by_horizon[f"{forecast.name}_{suffix}"])
                     for suffix, ticks in zip(forecast.suffixes, horizons.ticks, strict=True)},
    }))


def _numbers(outcome: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    known = ~np.isnan(outcome)
    truth, risks = outcome[known], p[known]
    return {"n": len(truth), "positives": int(truth.sum()), "pr_auc": row_metrics.pr_auc(truth, risks),
            "roc_auc": row_metrics.roc_auc(truth, risks), "brier": row_metrics.brier(truth, risks),
            "ece": row_metrics.ece(truth, risks)}
