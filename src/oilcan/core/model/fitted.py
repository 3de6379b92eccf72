"""The result of training: trees, calibrators, alarm policies and intervals, with the order of features."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.model.calibration import Calibrator
from oilcan.core.model.hazards import PREFIX, by_horizon
from oilcan.core.model.intervals import Interval
from oilcan.core.model.trees import TreeModel
from oilcan.ground.durations import Duration
from oilcan.ground.errors import IntegrityError

NUMBER: Final = "number_"           # begins the columns of a `number` task
_TOGETHER: Final = 256              # rows whose intervals are forecast in one call; more would take too much memory


@dataclass(frozen=True)
class EventForecast:
    """Probability of an event: a task of kind `failure_within` or `label`, one failure mode of it, or one class.

    Attributes
    ----------
    task, mode
        Entry of the contract's `tasks`; mode is None for the task as a whole.
    trees
        Row of features -> score.
    calibrator
        Score -> probability.
    policy
        When the probability becomes an alarm; None for modes.
    """

    task: str
    mode: str | None
    trees: TreeModel
    calibrator: Calibrator
    policy: AlarmPolicy | None = None

    @property
    def name(self) -> str:
        """Ending of its columns: `failure`, `failure__bearing`."""
        return forecast_name(self.task, self.mode)

    @property
    def threshold(self) -> float | None:
        """Cut on the probability that turns a machine on; None for modes."""
        return self.policy.threshold if self.policy else None

    def columns(self, raw: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of predictions from the output of the trees, each of shape (n,)."""
        p = {f"p_{self.name}": self.calibrator(raw)}
        return p if self.mode else {f"score_{self.name}": raw} | p


@dataclass(frozen=True)
class LifeForecast:
    """Remaining useful life in ticks, with its 90 % interval."""

    task: str
    trees: TreeModel
    interval: Interval

    @property
    def name(self) -> str:
        """Ending of its columns: `rul`."""
        return self.task

    def columns(self, raw: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of predictions from the output of the trees, each of shape (n,)."""
        life = self.interval.clip(raw)
        low, high = self.interval(life)
        return {f"rul_{self.name}": life, f"rul_{self.name}_low": low, f"rul_{self.name}_high": high}


@dataclass(frozen=True)
class NumberForecast:
    """The number of a `number` task in its own unit, with its 90 % interval."""

    task: str
    trees: TreeModel
    interval: Interval

    @property
    def name(self) -> str:
        """Ending of its columns: `wear_mm`."""
        return self.task

    def columns(self, raw: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of predictions from the output of the trees, each of shape (n,)."""
        low, high = self.interval(raw)
        return {f"{NUMBER}{self.name}": raw, f"{NUMBER}{self.name}_low": low, f"{NUMBER}{self.name}_high": high}


@dataclass(frozen=True)
class OutlookForecast:
    """When: the probability of a failure by each of several horizons, monotone in the horizon.

    A discrete-time hazard model beside the classifier of the same task. At the horizon of the task it equals the
    classifier.

    Attributes
    ----------
    task
        Entry of the contract's `tasks`, of kind `failure_within`.
    horizons
        Ticks after t + lead_time, ascending.
    own
        Which of them is the task's own.
    counts_cycles
        Whether a tick is a cycle.
    trees
        Row of features and, last, the number of the interval -> hazard in it.
    calibrator
        Hazard -> hazard.
    """

    task: str
    horizons: tuple[float, ...]
    own: int
    counts_cycles: bool
    trees: TreeModel
    calibrator: Calibrator

    @property
    def name(self) -> str:
        """Beginning of its columns: `by_failure`."""
        return PREFIX + self.task

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Ending of each horizon's column: `24h`."""
        return tuple(Duration(ticks, counts_cycles=self.counts_cycles).suffix for ticks in self.horizons)

    def hazards(self, matrix: np.ndarray, jobs: int = 1) -> np.ndarray:
        """Uncalibrated hazard of each interval, shape (n, n_horizons).

        Parameters
        ----------
        matrix
            Rows of features, shape (n, n_features), float32, without the interval.
        jobs
            As in `TreeModel.predict`.
        """
        n, k = len(matrix), len(self.horizons)
        if n <= _TOGETHER:
            every = np.empty((n, k, matrix.shape[1] + 1), dtype=matrix.dtype)
            every[:, :, :-1], every[:, :, -1] = matrix[:, None, :], np.arange(k)
            return self.trees.predict(every.reshape(n * k, every.shape[2]), jobs).reshape(n, k)
        rows = np.column_stack([matrix, np.zeros(n, dtype=matrix.dtype)])
        forecasts = np.empty((n, k))
        for interval in range(k):
            rows[:, -1] = interval
            forecasts[:, interval] = self.trees.predict(rows, jobs)
        return forecasts

    def columns(self, hazards: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of predictions, each of shape (n,): `by_failure_24h`, ...

        Parameters
        ----------
        hazards
            From `hazards`, shape (n, n_horizons).
        p
            Calibrated probability by the classifier of the task, shape (n,).
        """
        forecasts = by_horizon(self.calibrator(hazards), self.own, p)
        return {f"{self.name}_{suffix}": forecasts[:, at] for at, suffix in enumerate(self.suffixes)}


Forecast = EventForecast | LifeForecast | NumberForecast | OutlookForecast


def prefix(forecast: Forecast) -> str:
    """Beginning of the column of a forecast that people sort and judge by."""
    if isinstance(forecast, EventForecast):
        return "p_"
    return {LifeForecast: "rul_", NumberForecast: NUMBER}.get(type(forecast), "")


def forecast_name(task: str, mode: str | None) -> str:
    """Ending of the columns of a forecast.

    Examples
    --------
    >>> forecast_name("failure", "bearing")
    'failure__bearing'
    """
    return task if mode is None else f"{task}__{mode}"


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes
    ----------
    features
        Names in the order of the columns of a matrix.
    plan_hash
        Of the feature plan that computes them.
    forecasts
        In order of the contract's tasks, each followed by its modes; outlooks last.
    """

    features: tuple[str, ...]
    plan_hash: str
    forecasts: tuple[Forecast, ...]

    def check_features(self, features: tuple[str, ...], plan_hash: str, where: str) -> None:
        """Refuse features that are not the ones it was trained on.

        Raises
        ------
        IntegrityError
            If names, order or plan differ.
        """
        if features == self.features and plan_hash == self.plan_hash:
            return
        missing = sorted(set(self.features) - set(features))
        raise IntegrityError(
            f"{where}: model wants {len(self.features)} features of plan {self.plan_hash[:12]}, table has "
            f"{len(features)} of plan {plan_hash[:12]} (missing {missing[:5] or 'none'}; order counts). "
            f"Run `dvc repro featurize train`."
        )

    def without(self, names: Collection[str]) -> "Fitted":
        """The same model without the forecasts of these names."""
        return replace(self, forecasts=tuple(each for each in self.forecasts if each.name not in names))

    def with_trees(self, trees: Mapping[str, TreeModel]) -> "Fitted":
        """The same choices with other trees, by name of the forecast; one that is not named keeps its own."""
        return replace(self, forecasts=tuple(
            replace(forecast, trees=trees.get(forecast.name, forecast.trees)) for forecast in self.forecasts
        ))  # fmt: skip

    def policies(self) -> dict[str, AlarmPolicy]:
        """Task -> alarm policy, where there is one."""
        return {
            forecast.name: forecast.policy
            for forecast in self.forecasts
            if isinstance(forecast, EventForecast) and forecast.policy is not None
        }

    def thresholds(self) -> dict[str, float]:
        """Task -> threshold, where there is one."""
        return {name: policy.threshold for name, policy in self.policies().items()}


def by_batch(n_rows: int, rows_per_batch: int) -> list[slice]:
    """Slices that cover `n_rows` in order.

    Examples
    --------
    >>> by_batch(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(at, min(at + rows_per_batch, n_rows)) for at in range(0, n_rows, rows_per_batch)]


@dataclass(frozen=True)
class Trained:
    """The result of `train`: the same choices with two sets of trees.

    Attributes
    ----------
    judged
        Learned from the training part alone, so that it can be judged on validation rows.
    served
        Learned from both parts if `train.refit` is true; this is tested, packaged and served.
    """

    judged: Fitted
    served: Fitted
