"""Readings -> deviations from the reference, as the features see them: operating conditions taken out."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from oilcan.contract import Contract
from oilcan.core.bundle.watch_reference import WatchedColumn, WatchReference
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.readings_to_signals import processed
from oilcan.monitoring.statistics.cells import Signals


def signals(reference: WatchReference, plan: FeaturePlan, readings: Mapping[str, np.ndarray], centre: np.ndarray
            ) -> Signals:
    """Readings as deviations from a level.

    Parameters
    ----------
    readings
        Column -> numbers, shape (n,), NaN where missing: the sensors and conditions of the plan, as they came.
    centre
        Level that each reading is compared with, shape (n, c).
    """
    raw, outside = raw_values(reference.columns, readings)
    is_aside = np.zeros(len(raw), dtype=bool)
    for name, (low, high) in zip(reference.conditions, reference.support, strict=True):
        is_aside |= ~((readings[name] >= low) & (readings[name] <= high))
    seen, deviation = levels(reference.columns, plan, readings, outside), np.full(raw.shape, np.nan, order="F")
    for at, column in enumerate(reference.columns):
        if column.is_judged:
            deviation[:, at] = (seen[:, at] - centre[:, at]) / reference.scale[at]
    deviation[is_aside] = np.nan
    return Signals(raw, deviation, outside, is_aside, reference.raw_scale, reference.edges)


def raw_values(columns: tuple[WatchedColumn, ...], readings: Mapping[str, np.ndarray]
               ) -> tuple[np.ndarray, np.ndarray]:
    """Readings in the order of the columns, NaN where a column is computed, and which are out of range; (n, c) each."""
    shape = len(next(iter(readings.values()))), len(columns)
    raw, outside = np.full(shape, np.nan, order="F"), np.zeros(shape, dtype=bool, order="F")
    for at, column in enumerate(columns):
        if column.name in readings:
            raw[:, at] = readings[column.name]
            low = -np.inf if column.low is None else column.low
            high = np.inf if column.high is None else column.high
            outside[:, at] = (raw[:, at] < low) | (raw[:, at] > high)
    return raw, outside


def levels(columns: tuple[WatchedColumn, ...], plan: FeaturePlan, readings: Mapping[str, np.ndarray],
           outside: np.ndarray) -> np.ndarray:
    """Readings as the families see them in the order of the columns, shape (n, c); out of range is missing."""
    n, is_outside = len(outside), {column.name: outside[:, at] for at, column in enumerate(columns)
                                   if outside[:, at].any()}

    def number(name: str) -> np.ndarray:
        values = np.asarray(readings[name], dtype=np.float64) if name in readings else np.full(n, np.nan)
        return np.where(is_outside[name], np.nan, values) if name in is_outside else values

    raw, conditions = (np.array([number(name) for name in names]).reshape(len(names), n).T for names in (
        [sensor.name for sensor in plan.sensors], plan.regimes.conditions if plan.regimes else ()))
    seen, place = processed(plan, raw, conditions), {name: at for at, name in enumerate(plan.columns)}
    out = np.full((n, len(columns)), np.nan, order="F")
    for at, column in enumerate(columns):
        if column.name in place:
            out[:, at] = seen[:, place[column.name]]
    return out


def watched_columns(contract: Contract, plan: FeaturePlan) -> tuple[WatchedColumn, ...]:
    """What is watched: the columns that features are computed from, and the operating conditions."""
    of_contract = contract.tables["telemetry"].columns
    conditions = plan.regimes.conditions if plan.regimes else ()
    sensors = {sensor.name: sensor for sensor in plan.sensors}
    found = []
    for name in dict.fromkeys([*plan.columns, *conditions]):
        column, sensor = of_contract.get(name), sensors.get(name)
        low, high = (column.range if column is not None and column.range else None) or (None, None)
        is_condition = name in conditions or (sensor is not None and sensor.rhythm == "condition")
        kind: Literal["sensor", "condition", "computed"] = (
            "condition" if is_condition else "sensor" if column is not None else "computed")
        rhythm = sensor.rhythm if sensor else "plain"
        unit = column.unit if column is not None else sensor.unit if sensor else ""
        words = column.description if column is not None else sensor.description if sensor else name.replace("_", " ")
        found.append(WatchedColumn(name, unit, words, kind, low, high,
                            is_judged=kind != "condition" and rhythm in ("plain", "residual")))
    return tuple(found)
