"""How far may a forecast of remaining life be off? 90 % intervals by conformal prediction.

Rows of one machine resemble each other, so machines are exchangeable and rows are not. Every machine has the
same weight in the quantile, however many rows it has, and one machine's weight is reserved for the future machine
(hierarchical conformal prediction: Lee, Barber and Willett, *Distribution-free inference with hierarchical data*,
arXiv 2306.06342; pooling of machines' distributions: Dunn, Wasserman and Ramdas, arXiv 1809.07441). Distant failures
are forecast less precisely than near ones. So residuals are divided by the local 90 % quantile of the error, with
weights of a Gaussian kernel over the forecast.

Where the target has a cap, healthy rows are nearly always covered, and their number depends on the length of the
record. So the 90 % hold for all rows, and also for the rows below the cap alone; the local quantile is the greater of
the two. Otherwise easy rows at the cap would hide poor coverage of all others (coverage given the class of the label:
Vovk, *Conditional validity of inductive conformal predictors*, arXiv 1209.2673).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

COVERAGE: Final = 0.9
_KNOTS: Final = 26              # levels of the forecast at which the usual error is taken
_BANDWIDTH: Final = 1 / 16      # of the range of forecasts: the kernel's standard deviation


@dataclass(frozen=True)
class Interval:
    """Forecast -> lower and upper end.

    Attributes
    ----------
    levels, usual_error
        Points between which the local quantile of the absolute error is linear; flat outside.
    factor
        How many usual errors the interval reaches to either side.
    cap
        Largest value of the target in ticks, or None; an upper end at the cap means "that or more".
    floor
        Least value of the target, or None.
    """

    levels: tuple[float, ...]
    usual_error: tuple[float, ...]
    factor: float
    cap: float | None
    floor: float | None = 0.0

    def __call__(self, forecast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, each of shape (n,), between the floor and the cap."""
        reach = self.factor * np.interp(forecast, self.levels, self.usual_error)
        return self.clip(forecast - reach), self.clip(forecast + reach)

    def clip(self, ticks: np.ndarray) -> np.ndarray:
        """Values between the floor and the cap."""
        return clip(ticks, self.floor, self.cap)

    def as_json(self) -> dict[str, Any]:
        """The interval as plain values."""
        values = {"levels": list(self.levels), "usual_error": list(self.usual_error), "factor": self.factor,
                  "cap": self.cap}
        return values if self.floor == 0.0 else values | {"floor": self.floor}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Interval":
        """The interval that `as_json` wrote."""
        return cls(tuple(values["levels"]), tuple(values["usual_error"]), values["factor"], values["cap"],
                   values.get("floor", 0.0))


def clip(values: np.ndarray, floor: float | None, cap: float | None) -> np.ndarray:
    """Values between the floor and the cap; a bound that is None does not apply.

    Examples
    --------
    >>> clip(np.array([-5.0, 50.0, 500.0]), 0.0, None)
    array([  0.,  50., 500.])
    """
    return np.clip(values, -np.inf if floor is None else floor, np.inf if cap is None else cap)


def fit(forecast: np.ndarray, target: np.ndarray, groups: np.ndarray, cap: float | None,
        floor: float | None = 0.0) -> Interval:
    """The interval that covers `COVERAGE` of the machines' rows, and of those below the cap.

    Parameters
    ----------
    forecast, target
        Rows of machines the model has not learned from, in ticks, shape (n,), both capped where there is a cap.
    groups
        Machine of each row.
    cap, floor
        Largest and least value of the target, in ticks; None without such a bound.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> forecast = rng.uniform(0, 100, 2000)
    >>> interval = fit(forecast, forecast + rng.normal(0, 5, 2000), np.arange(2000) % 50, None)
    >>> bool(7 < interval(np.array([50.0]))[1][0] - 50 < 10)
    True
    """
    error = np.abs(target - forecast)
    levels = _levels(forecast)
    rows = [np.arange(len(target))]             # of which nine of ten are promised: all, and those below the cap
    below = np.flatnonzero(target < (np.inf if cap is None else cap))
    if 0 < len(below) < len(target):
        rows.append(below)
    usual = np.max([_usual_error(levels, forecast[at], error[at], _weights(groups[at])) for at in rows], axis=0)
    usual = np.maximum(usual, max(float(error.mean()) * 0.05, 1e-9))    # without error there, nothing to divide by
    relative = error / np.interp(forecast, levels, usual)
    factor = max(_machine_quantile(relative[at], groups[at]) for at in rows)
    return Interval(tuple(map(float, levels)), tuple(map(float, usual)), factor, cap, floor)


def covered(interval: Interval, forecast: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Which targets lie in their interval, shape (n,), bool.

    Examples
    --------
    >>> interval = Interval((0.0, 100.0), (5.0, 5.0), factor=2.0, cap=None)
    >>> covered(interval, np.array([50.0, 50.0]), np.array([58.0, 61.0]))
    array([ True, False])
    """
    low, high = interval(forecast)
    return np.asarray((low <= target) & (target <= high))


def _weights(groups: np.ndarray) -> np.ndarray:
    """One for each machine, shared among its rows."""
    _, code, rows = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / rows[code])


def _levels(forecast: np.ndarray) -> np.ndarray:
    """Even steps between the lowest and the highest forecast."""
    low, high = float(forecast.min()), float(forecast.max())
    return np.linspace(low, high, _KNOTS if high > low else 1)


def _usual_error(levels: np.ndarray, forecast: np.ndarray, error: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The local quantile of the absolute error at these levels of the forecast."""
    order = np.argsort(error, kind="stable")
    width = max((levels[-1] - levels[0]) * _BANDWIDTH, 1e-9)
    usual = np.empty(len(levels))
    for at, level in enumerate(levels):
        near = np.cumsum(weight[order] * np.exp(-0.5 * ((forecast[order] - level) / width) ** 2))
        usual[at] = error[order[int(np.searchsorted(near, COVERAGE * near[-1]))]]
    return usual


def _machine_quantile(relative: np.ndarray, groups: np.ndarray) -> float:
    """The relative error below which lie `COVERAGE` * (K + 1) / K of K machines' weight, or the largest."""
    order = np.argsort(relative, kind="stable")
    weight = np.cumsum(_weights(groups)[order]) / (len(np.unique(groups)) + 1)
    at = int(np.searchsorted(weight, COVERAGE - 1e-12))
    return float(relative[order[min(at, len(order) - 1)]])
