"""Numbers for tasks that forecast the remaining useful life (RUL)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from oilcan.core.judging import bootstrap, row_metrics
from oilcan.core.judging.exact_intervals import share_of_rows
from oilcan.evaluation.fleet_and_forecasts import Fleet, Forecasts
from oilcan.ground.columns import KEY, MACHINE, TARGET
from oilcan.ground.time_units import in_unit

_HOURS_PER_DAY = 24.0


@dataclass(frozen=True)
class LifeRows:
    """Rows with a known remaining life, in the unit in which the contract counts time.

    `cap` is None where the contract has none; `phm_scale` is what counts as one cycle in the PHM08 score: a cycle,
    a day of the calendar, or one unit of running time.
    """

    target: np.ndarray              # (n,)
    forecast: np.ndarray            # (n,)
    low: np.ndarray                 # (n,)
    high: np.ndarray                # (n,)
    code: np.ndarray                # (n,) machine of each row, as a position
    machines: np.ndarray            # (n_machines,) their ids
    cap: float | None
    phm_scale: float

    @classmethod
    def of(cls, fleet: Fleet, name: str, frame: pd.DataFrame) -> "LifeRows":
        """Rows of task `name` in `frame` whose failure was seen."""
        cap = fleet.contract.tasks[name].cap
        known = frame[frame[f"{TARGET}{name}"].notna()]
        code, machines = pd.factorize(known[MACHINE])
        target, forecast, low, high = (
            in_unit(1.0, fleet.unit) * known[column].to_numpy(dtype=np.float64)
            for column in (f"{TARGET}{name}", f"rul_{name}", f"rul_{name}_low", f"rul_{name}_high"))
        return cls(target, forecast, low, high, np.asarray(code), np.asarray(machines),
                   in_unit(cap.ticks, fleet.unit) if cap else None, _HOURS_PER_DAY if fleet.unit == "h" else 1.0)

    def with_forecast(self, forecast: np.ndarray) -> "LifeRows":
        """The same rows with another forecast, which is its own interval."""
        return LifeRows(self.target, forecast, forecast, forecast, self.code, self.machines, self.cap, self.phm_scale)

    def capped(self, values: np.ndarray) -> np.ndarray:
        """Values cut at the cap."""
        return values if self.cap is None else np.minimum(values, self.cap)


def judged(forecasts: Forecasts, part: str, task: str) -> pd.DataFrame:
    """Key, target and forecasts of a task in one part."""
    wanted = (*KEY, f"{TARGET}{task}", *(f"rul_{task}{ending}" for ending in ("", "_low", "_high")))
    return forecasts.part(part, [name for name in forecasts.predictions.columns if name in wanted])


def life_numbers(rows: LifeRows, kept: np.ndarray | None = None) -> dict[str, Any]:
    """RUL metrics, raw and capped, over all rows or those `kept`."""
    chosen = np.ones(len(rows.target), dtype=bool) if kept is None else kept
    target, forecast = rows.target[chosen], rows.forecast[chosen]
    target_capped, forecast_capped = rows.capped(target), rows.capped(forecast)
    scale = rows.phm_scale
    numbers: dict[str, Any] = {
        "n_rul": len(target),
        "rmse": row_metrics.rmse(target, forecast),
        "mae": row_metrics.mae(target, forecast),
        "phm_score": row_metrics.phm_score(target / scale, forecast / scale),
        "coverage_90": row_metrics.coverage(target_capped, rows.low[chosen], rows.high[chosen]),
    }
    if rows.cap is not None:
        below = target < rows.cap           # above the cap the interval only has to reach it
        numbers["coverage_90_below_cap"] = row_metrics.coverage(
            target[below], rows.low[chosen][below], rows.high[chosen][below])
        numbers |= {"rmse_capped": row_metrics.rmse(target_capped, forecast_capped),
                    "phm_score_capped": row_metrics.phm_score(target_capped / scale, forecast_capped / scale)}
    return numbers


def life_intervals(rows: LifeRows, draws: int, seed: int) -> dict[str, list[float]]:
    """95 % intervals of the same, by resampling machines."""
    if len(rows.machines) < 2:
        return {}
    weights = bootstrap.multiplicities(len(rows.machines), draws, seed)
    target, forecast = rows.capped(rows.target), rows.capped(rows.forecast)
    inside = (rows.low <= target) & (target <= rows.high)

    def mean(values: np.ndarray) -> np.ndarray:
        return bootstrap.mean(rows.code, values, weights)

    def score(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        penalties = row_metrics.phm_penalties(actual / rows.phm_scale, predicted / rows.phm_scale)
        return bootstrap.total(rows.code, penalties, weights)

    drawn = {
        "rmse": np.sqrt(mean((rows.forecast - rows.target) ** 2)),
        "mae": mean(np.abs(rows.forecast - rows.target)),
        "coverage_90": mean(inside.astype(np.float64)),
        "phm_score": score(rows.target, rows.forecast),
    }
    below = np.ones(len(target), dtype=bool) if rows.cap is None else rows.target < rows.cap
    if rows.cap is not None:
        covered, wanted = (bootstrap.total(rows.code, np.where(which, 1.0, 0.0), weights)
                           for which in (inside & below, below))
        drawn |= {"rmse_capped": np.sqrt(mean((forecast - target) ** 2)), "phm_score_capped": score(target, forecast),
                  "coverage_90_below_cap": bootstrap.ratio(covered, wanted)}
    found = {f"{name}_ci95": bootstrap.interval(values) for name, values in drawn.items()}
    for name, kept in (("coverage_90", np.ones(len(target), dtype=bool)), ("coverage_90_below_cap", below)):
        if kept.any() and f"{name}_ci95" in found:
            found[f"{name}_ci95"] = share_of_rows(found[f"{name}_ci95"], float(inside[kept].mean()),
                                                  len(np.unique(rows.code[kept])))
    return {name: pair for name, pair in found.items() if pair is not None}
