"""How far may a forecast of remaining life be off? 90 % intervals by split conformal prediction.

Rows of one machine resemble each other, so machines, not rows, are what is exchangeable: each
validation machine has the same weight in the quantile, however many rows it has, and one machine's
weight stays with the machine to come (hierarchical conformal prediction: Lee, Barber and Willett,
*Distribution-free inference with hierarchical data*, arXiv 2306.06342; pooling of machines' distributions:
Dunn, Wasserman and Ramdas, arXiv 1809.07441). Residuals are taken relative to the usual error at that
level of forecast, since far failures are forecast less sharply than near ones.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

COVERAGE: Final = 0.9
_LEVELS: Final = 10             # steps of the forecast in which the usual error is taken


@dataclass(frozen=True)
class Interval:
    """Forecast -> lower and upper end.

    Attributes
    ----------
    levels, usual_error
        Points between which the usual absolute error at a forecast is linear; flat outside.
    factor
        How many usual errors the interval reaches to either side.
    cap
        Largest value of the target in ticks, or None; an upper end at the cap means "that or more".
    """

    levels: tuple[float, ...]
    usual_error: tuple[float, ...]
    factor: float
    cap: float | None

    def __call__(self, forecast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, each of shape (n,), between 0 and the cap."""
        reach = self.factor * np.interp(forecast, self.levels, self.usual_error)
        return self.clip(forecast - reach), self.clip(forecast + reach)

    def clip(self, ticks: np.ndarray) -> np.ndarray:
        """Ticks between 0 and the cap."""
        return np.clip(ticks, 0.0, self.cap)

    def as_json(self) -> dict[str, Any]:
        """The interval as plain values."""
        return {"levels": list(self.levels), "usual_error": list(self.usual_error), "factor": self.factor,
                "cap": self.cap}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Interval":
        """The interval that `as_json` wrote."""
        return cls(tuple(values["levels"]), tuple(values["usual_error"]), values["factor"], values["cap"])


def fit(forecast: np.ndarray, target: np.ndarray, groups: np.ndarray, cap: float | None) -> Interval:
    """The interval that covers `COVERAGE` of the machines' rows.

    Parameters
    ----------
    forecast, target
        Validation rows in ticks, shape (n,), both capped where there is a cap.
    groups
        Machine of each row.
    cap
        In ticks.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> forecast = rng.uniform(0, 100, 2000)
    >>> interval = fit(forecast, forecast + rng.normal(0, 5, 2000), np.arange(2000) % 50, None)
    >>> bool(7 < interval(np.array([50.0]))[1][0] - 50 < 10)
    True
    """
    error = np.abs(target - forecast)
    levels, usual = _usual_error(forecast, error)
    relative = error / np.interp(forecast, levels, usual)
    return Interval(tuple(map(float, levels)), tuple(map(float, usual)), _machine_quantile(relative, groups), cap)


def covered(interval: Interval, forecast: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Which targets lie in their interval, shape (n,), bool."""
    low, high = interval(forecast)
    return np.asarray((low <= target) & (target <= high))


def _usual_error(forecast: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean absolute error in steps of the forecast, at the mean forecast of each step."""
    steps = np.array_split(np.argsort(forecast, kind="stable"), min(_LEVELS, max(1, len(forecast) // 20)))
    levels = np.array([forecast[step].mean() for step in steps])
    usual = np.array([error[step].mean() for step in steps])
    distinct = np.concatenate([[True], np.diff(levels) > 0])
    floor = max(float(error.mean()) * 0.05, 1e-9)       # a step without error must not divide by nothing
    return levels[distinct], np.maximum(usual[distinct], floor)


def _machine_quantile(relative: np.ndarray, groups: np.ndarray) -> float:
    """The relative error below which lie `COVERAGE` * (K + 1) / K of K machines' weight, or the largest."""
    _, code, rows = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(relative, kind="stable")
    weight = np.cumsum(1.0 / rows[code[order]]) / (len(rows) + 1)
    at = int(np.searchsorted(weight, COVERAGE - 1e-12))
    return float(relative[order[min(at, len(order) - 1)]])
