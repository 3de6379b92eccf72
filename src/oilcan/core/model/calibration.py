"""How does the score of a model become a probability that agrees with the observed frequency?

Calibrators are fitted on the validation part, never lower the ranking's order, and are kept only where
they lower the Brier score on machines they were not fitted on. Held as numbers, so that a bundle can
carry them as JSON.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

Method = Literal["none", "sigmoid", "isotonic"]
_TILT: Final = 1e-3             # share of the score mixed into isotonic steps, so that ties keep the ranking
_EDGE: Final = 1e-12            # scores this close to 0 or 1 have the logit of the edge


@dataclass(frozen=True)
class Calibrator:
    """Score -> probability, increasing.

    Attributes
    ----------
    method
        `none`: p = score. `sigmoid`: p = 1 / (1 + exp(-(slope * logit(score) + offset))).
        `isotonic`: linear between the knots, flat outside, tilted by a thousandth of the score.
    slope, offset
        Of the sigmoid.
    knots_x, knots_y
        Of the isotonic steps.
    """

    method: Method = "none"
    slope: float = 1.0
    offset: float = 0.0
    knots_x: tuple[float, ...] = ()
    knots_y: tuple[float, ...] = ()

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Probabilities in [0, 1], shape (n,); a higher score never gets a lower probability."""
        if self.method == "sigmoid":
            return _expit(self.slope * _logit(score) + self.offset)
        if self.method == "isotonic":
            steps = np.interp(score, *self._knots)
            return np.asarray((1 - _TILT) * steps + _TILT * score)
        return np.asarray(score, dtype=np.float64)

    @functools.cached_property
    def _knots(self) -> tuple[np.ndarray, np.ndarray]:
        """The knots as arrays: to make them from tuples takes longer than one row's probability."""
        return np.array(self.knots_x), np.array(self.knots_y)

    def as_json(self) -> dict[str, Any]:
        """The calibrator as plain values."""
        return {"method": self.method, "slope": self.slope, "offset": self.offset,
                "knots_x": list(self.knots_x), "knots_y": list(self.knots_y)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Calibrator":
        """The calibrator that `as_json` wrote."""
        return cls(**values | {"knots_x": tuple(values["knots_x"]), "knots_y": tuple(values["knots_y"])})


@dataclass(frozen=True)
class Calibration:
    """The chosen calibrator, and the Brier score without and with it on machines it was not fitted on.

    `before` and `after` are Brier scores of the validation rows; `after` is cross-fitted by machine.
    """

    calibrator: Calibrator
    before: float
    after: float
    reason: str


def fit(method: Method, score: np.ndarray, target: np.ndarray) -> Calibrator:
    """A calibrator from validation rows; `none` where the rows cannot carry one.

    Sigmoid: logistic regression on the logit of the score, with the targets (n1 + 1) / (n1 + 2) and
    1 / (n0 + 2) of Platt, *Probabilistic outputs for support vector machines*, 1999; a slope that is not
    positive would turn the ranking round and gives `none`. Isotonic: least squares under order.

    Parameters
    ----------
    score, target
        Shape (n,); target 0 or 1.

    Examples
    --------
    >>> score, target = np.array([0.1, 0.2, 0.6, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])
    >>> fit("isotonic", score, target)(np.array([0.1, 0.9])).round(4).tolist()
    [0.0001, 0.9999]
    """
    positives = int(target.sum())
    if method == "none" or positives in (0, len(target)):
        return Calibrator()
    if method == "isotonic":
        from sklearn.isotonic import IsotonicRegression  # here: a service that fits nothing starts without it

        steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(score, target)
        return Calibrator("isotonic", knots_x=tuple(map(float, steps.X_thresholds_)),
                          knots_y=tuple(map(float, steps.y_thresholds_)))
    smooth = np.where(target == 1, (positives + 1) / (positives + 2), 1 / (len(target) - positives + 2))
    slope, offset = _logistic_line(_logit(score), smooth)
    return Calibrator("sigmoid", slope, offset) if slope > 0 else Calibrator()


def choose(method: Method, score: np.ndarray, target: np.ndarray, groups: np.ndarray, folds: int = 5) -> Calibration:
    """The calibrator of all rows if calibration lowers the Brier score across machines; else `none`.

    Parameters
    ----------
    score, target
        Validation rows, shape (n,), target 0 or 1.
    groups
        Machine of each row: a machine's rows are all fitted on, or all judged.
    folds
        At most this many; fewer machines give fewer.

    Examples
    --------
    >>> score = np.tile([0.1, 0.1, 0.9, 0.9], 25)
    >>> target = np.tile([0.0, 0.0, 1.0, 0.0], 25)          # right half of the time at 0.9
    >>> kept = choose("sigmoid", score, target, np.arange(100) % 10)
    >>> kept.calibrator(np.array([0.1, 0.9])).round(2).tolist(), round(kept.before, 3), round(kept.after, 3)
    ([0.01, 0.49], 0.21, 0.125)
    """
    before = _brier(score, target)
    if method == "none":
        return Calibration(Calibrator(), before, before, "none asked for")
    kept = np.asarray(score, dtype=np.float64).copy()
    for inside, outside in machine_folds(groups, folds):
        kept[outside] = fit(method, score[inside], target[inside])(score[outside])
    after = _brier(kept, target)
    calibrator = fit(method, score, target)
    if calibrator.method == "none":
        return Calibration(calibrator, before, before, f"{method} cannot be fitted on one class, or turns the ranking")
    if not after < before:
        return Calibration(Calibrator(), before, before, f"{method} does not lower the Brier score across machines")
    return Calibration(calibrator, before, after, f"{method} lowers the Brier score across machines")


def machine_folds(groups: np.ndarray, folds: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of row masks (fitted on, judged): the machines in order, dealt round.

    Examples
    --------
    >>> [judged.tolist() for _, judged in machine_folds(np.array(["a", "a", "b", "c"]), folds=2)]
    [[True, True, False, True], [False, False, True, False]]
    """
    machines, code = np.unique(groups, return_inverse=True)
    n = min(folds, len(machines))
    for fold in range(n if n > 1 else 0):
        judged = code % n == fold
        yield ~judged, judged


def _brier(p: np.ndarray, target: np.ndarray) -> float:
    return float(np.mean((p - target) ** 2))


def _logistic_line(x: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Slope and offset of a logistic regression on one column, by Newton steps with halving."""
    design = np.column_stack([x, np.ones_like(x)])
    beta = np.array([1.0, 0.0])
    loss = _log_loss(design @ beta, target)
    for _ in range(100):
        p = _expit(design @ beta)
        gradient = design.T @ (p - target)
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        while _log_loss(design @ (beta - step), target) > loss and np.abs(step).max() > 1e-12:
            step = step / 2
        beta = beta - step
        loss = _log_loss(design @ beta, target)
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[0]), float(beta[1])


def _log_loss(logit: np.ndarray, target: np.ndarray) -> float:
    return float(np.sum(np.logaddexp(0.0, logit) - target * logit))


def _logit(score: np.ndarray) -> np.ndarray:
    inside = np.minimum(np.maximum(np.asarray(score, dtype=np.float64), _EDGE), 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _expit(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-np.logaddexp(0.0, -x)))
