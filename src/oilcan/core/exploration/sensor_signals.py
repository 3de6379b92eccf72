"""Sensors of a fleet with the effect of the operating conditions taken out, for comparing times and machines."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special, stats

from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.core.features.signals.regimes import Clusters, learn_regimes
from oilcan.core.features.signals.surface import Surface
from oilcan.core.timeline.groups import minus_group_mean

MAX_REGIMES: Final = 12
_AT_ONCE: Final = 65_536        # readings whose conditions are taken out at once


@dataclass(frozen=True)
class Signals:
    """Sensors with the operating conditions taken out, in standard deviations within machines of their own unit.

    Attributes
    ----------
    values
        Shape (readings, sensors), NaN where missing; 0 is the machine's own mean.
    explained
        Per sensor, the share of its variance within machines that the conditions explain.
    regimes
        The expectation learned from the readings; None where no condition explains anything.
    """

    sensors: list[str]
    values: np.ndarray
    explained: dict[str, float]
    regimes: Clusters | Surface | None


def signals(fleet: FleetRecord, *, every: int = 7) -> Signals:
    """Sensors of the record with conditions taken out; every `every`-th reading teaches the expectation."""
    sensors, conditions = fleet.columns("sensor"), fleet.columns("condition")
    regimes = None
    if conditions and sensors and len(fleet.readings):
        lesson = slice(None, None, every if len(fleet.readings) > 20_000 else 1)
        regimes = learn_regimes(
            _numbers(fleet, sensors, lesson), _numbers(fleet, conditions, lesson), fleet.code[lesson],
            sensors=sensors, names=conditions, max_regimes=MAX_REGIMES)  # fmt: skip
    values = _normalised(fleet, sensors, conditions, regimes)
    logs = regimes.relative if isinstance(regimes, Surface) else frozenset()
    explained = dict.fromkeys(sensors, 0.0)
    for name in regimes.sensors if regimes else ():
        raw = _numbers(fleet, [name])[:, 0]
        column = values[:, sensors.index(name)]
        explained[name] = _explained(raw, column, fleet.code, name in logs)
        if name in logs:
            column[:] = _in_own_unit(raw, column)
    for column in values.T:
        column[:] = _standardised(column, fleet.code)
    return Signals(sensors, values, explained, regimes)


def levels(fleet: FleetRecord, read: Signals) -> np.ndarray:
    """Normal scores of the ranks over the whole fleet of sensors without conditions, shape (readings, sensors).

    For comparing machines with each other; ties share their mean rank.
    """
    out = _normalised(fleet, read.sensors, fleet.columns("condition"), read.regimes)
    for column in out.T:
        there = ~np.isnan(column)
        if there.any():
            column[there] = special.ndtri((stats.rankdata(column[there]) - 0.5) / there.sum())
    return out


def _numbers(fleet: FleetRecord, names: list[str], rows: slice = slice(None)) -> np.ndarray:
    """Columns of some readings as floats, shape (rows, names)."""
    return fleet.readings[names].iloc[rows].to_numpy(dtype=np.float64, na_value=np.nan)


def _normalised(
    fleet: FleetRecord, sensors: list[str], conditions: list[str], regimes: Clusters | Surface | None
) -> np.ndarray:
    """Sensors without the effect of conditions, some readings at a time; columns lie together in memory."""
    values = np.empty((len(fleet.readings), len(sensors)), order="F")
    for start in range(0, len(values), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        values[rows] = part = _numbers(fleet, sensors, rows)
        if regimes is not None:
            at = [sensors.index(name) for name in regimes.sensors]
            settings = _numbers(fleet, conditions, rows)[:, [conditions.index(name) for name in regimes.conditions]]
            values[rows, at] = regimes.normalise(part[:, at], settings)
    return values


def _explained(raw: np.ndarray, left: np.ndarray, code: np.ndarray, is_log: bool) -> float:
    """Share of the variance within machines that is gone from what is left; of the logarithm, in per cent, if so."""
    with np.errstate(all="ignore"):
        values = np.log(np.where(raw > 0, raw, np.nan)) * 100.0 if is_log else raw
        whole = np.nanvar(minus_group_mean(values, code))
        rest = np.nanvar(minus_group_mean(left, code))
    return float(np.clip(1.0 - rest / whole, 0.0, 1.0)) if whole > 0 else 0.0


def _in_own_unit(raw: np.ndarray, per_cent: np.ndarray) -> np.ndarray:
    """Deviation from the expected value in the sensor's unit, from that of its logarithm in per cent.

    Whether a logarithm is taken is learned from the fleet. A lead read from it must not depend on that: of a fall by
    half, the logarithm has done half of its way at 71 %.

    Examples
    --------
    >>> _in_own_unit(np.array([50.0, 100.0]), 100 * np.log(np.array([0.5, 1.0]))).round(9).tolist()
    [-50.0, 0.0]
    """
    return raw - raw * np.exp(-per_cent / 100.0)


def _standardised(column: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Deviations from the machine's mean in their own standard deviations; 0 where a column never moves."""
    centred = minus_group_mean(column, code)
    spread = float(np.nanstd(centred)) if (~np.isnan(centred)).any() else 0.0
    return centred / spread if spread > 0 else np.where(np.isnan(centred), np.nan, 0.0)
