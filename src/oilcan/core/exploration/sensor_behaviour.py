"""How do sensors behave? Spread, trend, season, what conditions explain, resolution, clipping, redundancy, changes."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.core.exploration.sensor_signals import Signals
from oilcan.core.robust_statistics import MAD_TO_SD
from oilcan.ground.columns import TIME

SAME: Final = 0.98  # correlation within machines from which on two sensors say the same
CLIPPED: Final = 0.02  # share of readings at one extreme from which on a sensor looks clipped
YEAR_H: Final = 8766.0
JUMP: Final = 6.0  # robust standard deviations of a weekly step of the whole fleet


@dataclass(frozen=True)
class SensorFacts:
    """What one sensor is like.

    Attributes
    ----------
    quantiles
        5, 25, 50, 75 and 95 % of its readings.
    explained
        Share of the variance within machines that operating conditions explain.
    trend_per_year
        Of the fleet's mean with conditions taken out, in standard deviations; None for cycles or less than 60 days.
    daily_share, yearly_share
        Share of the variance of the raw fleet mean that the hour of the day, or a yearly wave, explains; None for
        cycles and for records of less than 60 days, or 300 days.
    step
        Smallest difference between two readings: its resolution.
    """

    name: str
    missing: float
    distinct: int
    quantiles: tuple[float, ...]
    explained: float
    trend_per_year: float | None
    daily_share: float | None
    yearly_share: float | None
    step: float
    clipped: str | None
    is_counter: bool
    resets: int
    verdict: str


def sensor_facts(fleet: FleetRecord, sensors: Signals) -> list[SensorFacts]:
    """Facts of every numeric sensor, in the contract's order."""
    same = np.append(False, fleet.code[1:] == fleet.code[:-1]) if len(fleet.code) else np.zeros(0, bool)
    return [
        _facts(name, fleet, sensors.values[:, at], sensors.explained[name], same, fleet.tick)
        for at, name in enumerate(sensors.sensors)
    ]


def _facts(
    name: str, fleet: FleetRecord, signal: np.ndarray, explained: float, same: np.ndarray, tick: np.ndarray
) -> SensorFacts:
    raw = fleet.readings[name].to_numpy(dtype=np.float64, na_value=np.nan)
    there = raw[~np.isnan(raw)]
    if not len(there):
        return SensorFacts(name, 1.0, 0, (np.nan,) * 5, 0.0, None, None, None, 0.0, None, False, 0, "never there")
    values, counts = np.unique(there, return_counts=True)
    quantiles = tuple(float(q) for q in np.quantile(there, [0.05, 0.25, 0.5, 0.75, 0.95]))
    step = float(np.diff(values).min()) if len(values) > 1 else 0.0
    clipped = None
    if len(values) > 20:
        clipped = "low" if counts[0] / len(there) > CLIPPED else "high" if counts[-1] / len(there) > CLIPPED else None
    change = np.diff(raw, prepend=np.nan)[same]
    change = change[~np.isnan(change)]
    rises, falls = int((change > 0).sum()), int((change < 0).sum())
    is_counter = len(values) > 10 and rises > 0 and falls <= 0.02 * rises
    days = float(np.ptp(tick)) / 24 if fleet.unit == "h" and TIME in fleet.readings else 0.0
    verdict = (
        "constant"
        if len(values) == 1
        else "almost constant"
        if counts.max() / len(there) > 0.999
        else "a counter"
        if is_counter
        else "few values"
        if len(values) <= 5
        else "varies"
    )
    return SensorFacts(
        name, float(np.isnan(raw).mean()), len(values), quantiles, explained,
        _trend(signal, tick) if days > 60 else None, _daily(raw, tick) if days > 60 and fleet.period <= 6 else None,
        _yearly(raw, tick) if days > 300 else None, step, clipped, is_counter, falls if is_counter else 0, verdict,
    )  # fmt: skip


def _trend(signal: np.ndarray, tick: np.ndarray) -> float:
    """Slope of the fleet's daily mean in standard deviations a year, by Theil and Sen's median of slopes."""
    day, mean = fleet_mean(signal, np.floor(tick / 24))
    later = day[:, None] - day[None, :]
    pairs = later > max(7, len(day) // 4)
    return (
        float(np.median(((mean[:, None] - mean[None, :]) / np.where(pairs, later, 1))[pairs]) * YEAR_H / 24)
        if pairs.any()
        else 0.0
    )


def _daily(raw: np.ndarray, tick: np.ndarray) -> float:
    """Share of the variance of the fleet's hourly mean, less its mean of the day, that the hour of the day explains."""
    hour, mean = fleet_mean(raw, np.floor(tick))
    left = mean - pd.Series(mean).rolling(24, min_periods=1, center=True).mean().to_numpy()
    whole = float(np.var(left))
    by_hour = pd.Series(left).groupby(hour % 24).transform("mean").to_numpy()
    return float(np.var(by_hour) / whole) if whole > 0 else 0.0


def _yearly(raw: np.ndarray, tick: np.ndarray) -> float:
    """Share of the variance of the fleet's daily mean that one wave a year explains beyond a straight line."""
    day, mean = fleet_mean(raw, np.floor(tick / 24))
    phase = 2 * np.pi * day * 24 / YEAR_H
    line = np.stack([np.ones_like(phase), (day - day[0]) / max(np.ptp(day), 1.0)], axis=1)
    wave = np.column_stack([line, np.cos(phase), np.sin(phase)])
    left = [float(np.var(mean - terms @ np.linalg.lstsq(terms, mean, rcond=None)[0])) for terms in (line, wave)]
    return float(np.clip((left[0] - left[1]) / np.var(mean), 0.0, 1.0)) if np.var(mean) > 0 else 0.0


def fleet_mean(values: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins of time that hold a value, ascending, and the mean of the values in each."""
    there = ~np.isnan(values)
    first = bins.min() if len(bins) else 0.0
    which = (bins[there] - first).astype(np.int64)
    counts = np.bincount(which)
    kinds = np.flatnonzero(counts)
    return kinds + first, np.bincount(which, values[there])[kinds] / counts[kinds]


def redundancy(sensors: Signals) -> tuple[np.ndarray, list[tuple[str, str, float]]]:
    """Correlations of the signals within machines, shape (sensors, sensors), and redundant pairs."""
    scores = np.where(np.isnan(sensors.values), 0.0, sensors.values)
    if len(scores):
        spread = np.array([column.std() for column in scores.T])        # one by one and in place: copies are large
        scores -= scores.mean(axis=0)
        scores /= np.where(spread > 0, spread, 1.0)
    correlation = scores.T @ scores / max(len(scores), 1)
    pairs = [
        (sensors.sensors[i], sensors.sensors[j], float(correlation[i, j]))
        for i in range(len(correlation))
        for j in range(i)
        if abs(correlation[i, j]) >= SAME
    ]
    return correlation, sorted(pairs, key=lambda pair: -abs(pair[2]))


def fleet_changes(fleet: FleetRecord, sensors: Signals) -> list[dict[str, Any]]:
    """Weeks at which the whole fleet's mean of a signal jumps and stays: a new calibration, a firmware.

    A jump is a step between the medians of the four weeks before and after that exceeds six robust standard deviations
    of the weekly changes, and half a standard deviation of the sensor.
    """
    if fleet.unit != "h" or TIME not in fleet.readings:
        return []
    week = np.floor(fleet.tick / 168)
    found = []
    for at, name in enumerate(sensors.sensors):
        weeks, mean = fleet_mean(sensors.values[:, at], week)
        if len(weeks) < 12:
            continue
        step = np.array([np.median(mean[k : k + 4]) - np.median(mean[k - 4 : k]) for k in range(4, len(mean) - 3)])
        noise = MAD_TO_SD * float(np.median(np.abs(np.diff(mean) - np.median(np.diff(mean)))))
        best = int(np.abs(step).argmax())
        if abs(step[best]) > max(JUMP * noise, 0.5):
            monday = pd.Timestamp(weeks[best + 4] * 168 * 3600, unit="s", tz="UTC").date()
            found.append({"sensor": name, "week": str(monday), "step_sd": float(step[best])})
    return found


def sampling(fleet: FleetRecord) -> dict[str, float] | None:
    """Usual step between readings, the share of steps that are it, and the share of the time that is in gaps."""
    if TIME not in fleet.readings or len(fleet.readings) < 2:
        return None
    step = fleet.steps()
    if not len(step):
        return None
    usual = float(np.median(step))
    return {
        "step": usual,
        "regular_share": float(np.isclose(step, usual, rtol=0.05).mean()),
        "gap_share": float((step[step > 3 * usual] - usual).sum() / step.sum()),
    }


def joint_trends(differences: np.ndarray) -> int:
    """How many independent movements the sensors make before failures: components for 90 % of their mean curves.

    Parameters
    ----------
    differences
        Mean difference curves, shape (sensors, bins), NaN where unknown.

    Examples
    --------
    >>> joint_trends(np.outer([1.0, -2.0, 0.5], np.linspace(3, 0, 20)))
    1
    """
    power = np.linalg.svd(np.nan_to_num(differences), compute_uv=False) ** 2
    return int(np.searchsorted(np.cumsum(power) / power.sum(), 0.9) + 1) if power.sum() > 0 else 0
