"""How far is a sensor from the value that the other sensors predict? Cross-sensor residuals.

Learned on healthy training readings, then constant: ridge regression of each sensor on all others.
What is left, r = x - E(x | others), is a sensor of its own to the families, computed from one reading.
A fault that moves one sensor alone shows there, though load moves all of them.

Sensors of which the others explain too little are left out: their residual would repeat them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.features.signals.surface import NumberRows, rounded

SUFFIX: Final = "residual"
RIDGE: Final = 0.01         # added to the variances of standardised sensors
FEWEST: Final = 200         # healthy readings needed to learn anything
EXPLAINS: Final = 0.2       # share of a sensor's variance that the others must explain


@dataclass(frozen=True)
class Residuals:
    """r = sum over inputs of (x - centre) * weight; the weight of the sensor itself is 1.

    Parameters
    ----------
    sensors
        Those with a residual.
    inputs, centre
        All sensors read, and their mean on healthy readings.
    weight
        Per sensor, per input.
    """

    sensors: tuple[str, ...]
    inputs: tuple[str, ...]
    centre: tuple[float, ...]
    weight: NumberRows

    @property
    def names(self) -> tuple[str, ...]:
        """Of the residuals, in order of the sensors."""
        return tuple(f"{sensor}_{SUFFIX}" for sensor in self.sensors)

    def of(self, values: np.ndarray) -> np.ndarray:
        """Residuals of readings, shape (n, sensors); NaN where the sensor itself is missing.

        Parameters
        ----------
        values
            Normalised readings of the inputs, shape (n, inputs); another sensor's missing reading counts as its mean.
        """
        missing = np.isnan(values)
        gap = np.where(missing, 0.0, values - np.array(self.centre))
        # term by term: a matrix product would add in an order that depends on the processor
        out = np.zeros((len(values), len(self.sensors)))
        for at, column in enumerate(np.array(self.weight).T):
            out += gap[:, [at]] * column
        out[missing[:, [self.inputs.index(name) for name in self.sensors]]] = np.nan
        return out


def learn_residuals(values: np.ndarray, healthy: np.ndarray, *, sensors: list[str]) -> Residuals | None:
    """How each sensor depends on the others; None if no sensor does, or there are too few readings.

    Parameters
    ----------
    values
        Normalised training readings, shape (n, sensors), each with some value; NaN where missing.
    healthy
        Readings to learn from, shape (n,), bool.

    Examples
    --------
    >>> load = np.random.default_rng(0).normal(size=(300, 1))
    >>> values = np.hstack([load, 2 * load, -load]) + 0.1 * np.random.default_rng(1).normal(size=(300, 3))
    >>> residuals = learn_residuals(values, np.ones(300, bool), sensors=["a", "b", "c"])
    >>> residuals.names
    ('a_residual', 'b_residual', 'c_residual')
    >>> float(residuals.of(values).std()) < 0.5
    True
    """
    values = values[healthy]
    if len(values) < FEWEST or len(sensors) < 2:
        return None
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    z = (values - centre) / np.where(scale > 0, scale, 1.0)
    z = np.where(np.isnan(z), 0.0, z)
    covariance = np.einsum("ni,nj->ij", z, z) / len(z)
    inverse = np.linalg.inv(covariance + RIDGE * np.eye(len(sensors)))
    weight = inverse / np.diag(inverse)[:, None]        # row s: 1 for s itself, minus the ridge's slopes for the others
    left = np.einsum("si,ij,sj->s", weight, covariance, weight)
    explained = np.flatnonzero((scale > 0) & (left <= (1 - EXPLAINS) * np.diag(covariance)))
    if not len(explained):
        return None
    weight = weight * scale[:, None] / np.where(scale > 0, scale, np.inf)
    return Residuals(tuple(sensors[at] for at in explained), tuple(sensors), rounded(centre),
                     tuple(rounded(row) for row in weight[explained]))
