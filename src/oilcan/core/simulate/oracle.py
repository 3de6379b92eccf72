"""What is the true probability of a breakdown, given the hidden state and nothing of the future?

The probability is in closed form along the expected path of the load; see ``docs/demo_fleet.md``.
"""

import numpy as np

from oilcan.core.simulate import components as c
from oilcan.core.simulate.life import Life
from oilcan.core.simulate.operation import Operation

TRAILING_H = 168
"""The load to come is expected to be the mean of the past week, which holds every weekday once."""


def trailing_mean(values: np.ndarray, hours: int) -> np.ndarray:
    """Mean over the last `hours` rows up to and including each row; fewer at the beginning.

    Examples
    --------
    >>> trailing_mean(np.array([1.0, 3.0, 5.0]), 2)
    array([1., 2., 4.])
    """
    total = np.cumsum(values, axis=0, dtype=float)
    window = total.copy()
    window[hours:] -= total[:-hours]
    length = np.minimum(np.arange(1, len(values) + 1), hours)
    return window / length.reshape(-1, *[1] * (values.ndim - 1))


def weibull_cdf_integral(upper: np.ndarray, shape: float) -> np.ndarray:
    """Integral from 0 to `upper` of the Weibull distribution function of scale 1.

    Parameters
    ----------
    upper
        Any shape, >= 0.

    Examples
    --------
    >>> weibull_cdf_integral(np.array([0.0, 3.0]), 8.0).round(2)
    array([0.  , 2.06])
    """
    grid = np.linspace(0.0, 3.0, 3001)
    cdf = -np.expm1(-(grid**shape))
    area = np.concatenate([[0.0], np.cumsum((cdf[1:] + cdf[:-1]) / 2) * (grid[1] - grid[0])])
    inside = np.interp(upper, grid, area)
    return inside + np.maximum(upper - grid[-1], 0.0)  # beyond the grid the function is 1


def window_probability(
    life: Life, operation: Operation, part: int, *, horizon_h: float, lead_time_h: float
) -> np.ndarray:
    """Probability that wear breaks component `part` in (t + lead, t + lead + horizon].

    A planned repair inside the window ends it: the plan is known, its outcome is taken as good.

    Returns
    -------
    Shape (n_hours, n).
    """
    component = c.COMPONENTS[part]
    end_h = lead_time_h + horizon_h
    hour = np.arange(len(life.running))[:, None]
    left_h = np.maximum(life.due_h[:, :, part] - hour, 0.0)
    first_h, last_h = np.minimum(lead_time_h, left_h), np.minimum(end_h, left_h)
    speed = life.pace[:, :, part] * trailing_mean(operation.growth, TRAILING_H)
    damage = life.damage[:, :, part].astype(float)
    age = np.maximum(damage, 0.0)
    k = component.growth_shape
    survive_first = np.exp(age**k - (age + speed * first_h) ** k)
    survive_last = np.exp(age**k - (age + speed * last_h) ** k)
    wear_per_h = trailing_mean(operation.wear_h[:, :, part], TRAILING_H) / component.life_h
    wear = life.wear[:, :, part] + wear_per_h * last_h / 2
    start_rate = component.life_shape * wear ** (component.life_shape - 1) * wear_per_h
    exposure_h = (weibull_cdf_integral(speed * last_h, k) - weibull_cdf_integral(speed * first_h, k)) / speed
    fresh = -np.expm1(-start_rate * exposure_h)
    return np.where(damage >= 0.0, survive_first - survive_last, fresh)


def oracle(life: Life, operation: Operation, *, horizon_h: float, lead_time_h: float) -> np.ndarray:
    """Probability of at least one breakdown in (t + lead time, t + lead time + horizon].

    Components are independent given the state, and every one has a constant shock hazard.

    Returns
    -------
    Shape (n_hours, n), in [0, 1].
    """
    hazard = c.SHOCK_PER_H * len(c.COMPONENTS) * horizon_h
    survive = np.full(life.running.shape, np.exp(-hazard))
    for part in range(len(c.COMPONENTS)):
        survive *= 1.0 - window_probability(life, operation, part, horizon_h=horizon_h, lead_time_h=lead_time_h)
    return 1.0 - survive
