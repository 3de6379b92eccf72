"""Which components does a machine have, and how does each wear and fail?

Two stages, as in the delay-time model of maintenance: wear makes a fault start, a started fault
grows until the machine breaks down. All constants of the failure physics stand here.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Component:
    """One component; times are hours at nominal load, 15 degrees C and age 0.

    Parameters
    ----------
    life_h, life_shape
        Weibull scale and shape of the wear age at which a fault starts.
    load_exponent
        Wear rate is proportional to (load / nominal load) ** load_exponent.
    doubling_k
        Warming [K] that doubles the wear rate; infinite for none.
    growth_h, growth_shape
        Weibull scale and shape of the time from the start of a fault to the breakdown.
    interval_h
        Planned maintenance interval of a model with interval factor 1.
    """

    name: str
    life_h: float
    life_shape: float
    load_exponent: float
    doubling_k: float
    growth_h: float
    growth_shape: float
    interval_h: float


COMPONENTS = (
    Component("bearing", 5300.0, 3.5, 3.0, np.inf, 12 * 24.0, 5.0, 3600.0),
    Component("seal", 5100.0, 3.0, 1.5, 40.0, 5.5 * 24.0, 5.0, 2900.0),
    Component("motor", 7000.0, 3.0, 2.0, 25.0, 3.5 * 24.0, 4.0, 4300.0),
    Component("filter", 3800.0, 3.5, 1.0, 40.0, 9 * 24.0, 5.0, 2200.0),
)
NAMES = tuple(component.name for component in COMPONENTS)
BEARING, SEAL, MOTOR, FILTER = range(4)

NOMINAL_LOAD_PCT = 70.0
SHOCK_PER_H = 0.48 / (365 * 24) / len(COMPONENTS)
"""Constant hazard of a breakdown without warning, per component and hour."""
PLANNED_RESIDUAL = (0.10, 0.35)
"""Planned work leaves this share of the wear (uniform): repair is imperfect."""
CORRECTIVE_RESIDUAL = (0.0, 0.10)
"""A replaced component starts at this wear (uniform), in units of its life."""
INTERVAL_JITTER = (0.80, 1.15)
"""A planned interval is multiplied by this (uniform)."""
REPAIR_H = (3.0, 14.0)
"""Hours from breakdown to the end of the corrective work (uniform)."""
AGEING_PER_YEAR = 0.03
"""Relative rise of the wear rate per year since commissioning."""
WEAR_SPREAD, GROWTH_SPREAD = 0.20, 0.04
"""Unit-to-unit spread (sigma of the logarithm) of wear rate and fault growth."""


def column(field: str) -> np.ndarray:
    """One field of all components, in the order of `COMPONENTS`.

    Examples
    --------
    >>> column("life_shape").shape
    (4,)
    """
    return np.array([getattr(component, field) for component in COMPONENTS], dtype=float)


def weibull_step(position: np.ndarray, step: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Probability that a Weibull life of scale 1, alive at `position`, ends within `step`.

    Examples
    --------
    >>> weibull_step(np.array(0.0), np.array(1.0), np.array(2.0)).round(3)
    np.float64(0.632)
    """
    return -np.expm1(position**shape - (position + step) ** shape)
