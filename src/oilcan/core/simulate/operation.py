"""How hard do the machines work, how warm is it, and what does that do to wear?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.core.simulate import components
from oilcan.core.simulate.population import SITES, Machines
from oilcan.core.simulate.scenarios import Scenario
from oilcan.core.simulate.streams import autoregression, stream

SITE_MEAN_C = np.array([12.0, 7.0, 16.0])
SITE_SWING_C = np.array([6.0, 11.0, 9.0])
DAY_SWING_C, WEATHER_C, WEATHER_MEMORY_H = 3.5, 2.5, 60.0
COLDEST_DAY, WARMEST_HOUR = 20, 15
SHIFT_PCT, WEEKEND_PCT = 8.0, -9.0
LOAD_SPREAD_PCT, LOAD_MEMORY_H = 5.0, 9.0
LOAD_LIMITS_PCT = (20.0, 105.0)


@dataclass(frozen=True)
class Operation:
    """Operating condition and its consequence, hour by hour.

    Parameters
    ----------
    load_pct, ambient_c, speed_share
        Shape (n_hours, n); speed as a share of the type plate.
    wear_h
        Wear age gained in the hour that follows [h], shape (n_hours, n, 4).
    growth
        Fault growth of that hour relative to nominal load, shape (n_hours, n).
    """

    load_pct: np.ndarray
    ambient_c: np.ndarray
    speed_share: np.ndarray
    wear_h: np.ndarray
    growth: np.ndarray


def ambient(clock: pd.DatetimeIndex, *, seed: int, season_factor: float = 1.0, change_h: int = 0) -> np.ndarray:
    """Air temperature [degrees C] at each site: season, day and weather.

    Parameters
    ----------
    clock
        Hourly instants of the whole span.
    season_factor, change_h
        Factor on the yearly swing from this hour on.

    Returns
    -------
    Shape (n_hours, n_sites).

    Examples
    --------
    >>> ambient(pd.date_range("2024-01-01", periods=24, freq="h"), seed=1).shape
    (24, 3)
    """
    hours = clock.to_numpy("datetime64[h]")
    day = (hours - hours.astype("datetime64[Y]")).astype(float) / 24.0
    season = -np.cos(2 * np.pi * (day - COLDEST_DAY) / 365.25)
    season[change_h:] *= season_factor
    hour = clock.hour.to_numpy()
    daily = DAY_SWING_C * np.cos(2 * np.pi * (hour - WARMEST_HOUR) / 24.0)
    shocks = stream(seed, "weather").standard_normal((len(clock), len(SITES)))
    weather = WEATHER_C * autoregression(shocks, WEATHER_MEMORY_H)
    return SITE_MEAN_C + SITE_SWING_C * season[:, None] + daily[:, None] + weather


def draw_operation(
    machines: Machines, clock: pd.DatetimeIndex, site_c: np.ndarray, world: Scenario, change_h: int, *, seed: int,
    block: int,
) -> Operation:  # fmt: skip
    """Load, speed and temperature of every machine, with the wear they cause.

    Parameters
    ----------
    clock
        Hourly instants of the block.
    site_c
        Result of `ambient` for the same instants.
    change_h
        Hour of the block at which the scenario begins.
    """
    hour, weekday = clock.hour.to_numpy(), clock.day_of_week.to_numpy()
    shift = SHIFT_PCT * np.cos(2 * np.pi * (hour - 13) / 24.0)
    profile = shift + WEEKEND_PCT * (weekday >= 5)
    shocks = stream(seed, "load", block).standard_normal((len(clock), len(machines.plates)))
    wobble = LOAD_SPREAD_PCT * autoregression(shocks, LOAD_MEMORY_H)
    load = np.clip(machines.load_pct + profile[:, None] + wobble, *LOAD_LIMITS_PCT)
    load[change_h : change_h + 24 * world.holiday_days] *= world.holiday_load
    ambient_c = site_c[:, machines.site]
    ratio = load / components.NOMINAL_LOAD_PCT
    years = machines.age_years + np.arange(len(clock))[:, None] / 8766.0
    ageing = 1.0 + components.AGEING_PER_YEAR * years
    wear_h = np.empty((*load.shape, len(components.COMPONENTS)), dtype=np.float32)
    for i, part in enumerate(components.COMPONENTS):
        warmth = 2.0 ** ((ambient_c - 15.0) / part.doubling_k)
        wear_h[:, :, i] = machines.wear_factor[:, i] * ratio**part.load_exponent * warmth * ageing
    return Operation(load, ambient_c, 0.55 + 0.45 * load / 100.0, wear_h, ratio)
