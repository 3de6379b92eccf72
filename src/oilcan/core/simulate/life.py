"""When do faults start, machines break down, and crews repair?

One step per hour over all machines and components at once; the hidden state of every hour is kept
so that sensors, error codes and the oracle read the same truth.
"""

from dataclasses import dataclass

import numpy as np

from oilcan.core.simulate import components as c
from oilcan.core.simulate.operation import Operation
from oilcan.core.simulate.population import Machines
from oilcan.core.simulate.scenarios import Scenario

PLAN_HOUR = 8
"""Planned work is done at this hour of the day."""
HEALTHY = -1.0
"""Damage of a component in which no fault has started."""


@dataclass(frozen=True)
class Life:
    """Hidden state and logged events of a block; hours count from the start of the block.

    Parameters
    ----------
    running
        False while broken down, shape (n_hours, n).
    wear
        Wear age in units of the component's life, shape (n_hours, n, 4).
    damage
        Age of the fault in units of its growth time, `HEALTHY` if none; shape (n_hours, n, 4).
    pace
        Growth of a fault present or starting now [1/h], shape (n_hours, n, 4).
    due_h
        Hour of the next planned work, shape (n_hours, n, 4).
    failures
        Columns hour (with fraction), machine, component, is_shock.
    maintenance
        Columns hour (with fraction), machine, component, is_planned.
    """

    running: np.ndarray
    wear: np.ndarray
    damage: np.ndarray
    pace: np.ndarray
    due_h: np.ndarray
    failures: np.ndarray
    maintenance: np.ndarray


def between(limits: tuple[float, float], uniform: np.ndarray) -> np.ndarray:
    """Uniform numbers from [0, 1) stretched to `limits`.

    Examples
    --------
    >>> between((2.0, 4.0), np.array([0.5]))
    array([3.])
    """
    return limits[0] + (limits[1] - limits[0]) * uniform


def next_due(hour: np.ndarray | int, interval_h: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Hour of the next planned work, at `PLAN_HOUR` of a day.

    Examples
    --------
    >>> next_due(0, np.array([1000.0]), np.array([0.5]))
    array([968.])
    """
    wanted = hour + interval_h * between(c.INTERVAL_JITTER, uniform)
    return np.floor(wanted / 24.0) * 24.0 + PLAN_HOUR


def live_through(
    machines: Machines,
    operation: Operation,
    *,
    scenario: Scenario,
    start_hour: int,
    is_new: bool,
    rng_initial: np.random.Generator,
    rng: np.random.Generator,
) -> Life:
    """Wear, faults, breakdowns and repairs of all machines, hour by hour.

    Parameters
    ----------
    start_hour
        Hour of the block at which the scenario begins.
    is_new
        True for machines without wear; otherwise each component stands somewhere in its interval.
    """
    hours, count, parts = operation.wear_h.shape
    life_h, life_shape, growth_shape = map(c.column, ("life_h", "life_shape", "growth_shape"))
    begin = rng_initial.random((3, count, parts))
    elapsed = 0.0 * begin[0] if is_new else begin[0] * machines.interval_h * 0.85
    wear = elapsed * machines.wear_factor / life_h
    due = np.maximum(next_due(0, machines.interval_h, begin[1]) - np.floor(elapsed / 24) * 24, 8.0)
    interval, pace, base_pace = machines.interval_h, machines.pace.copy(), machines.pace
    damage = np.full((count, parts), HEALTHY)
    back_h = np.zeros(count)
    shape = (hours, count, parts)
    states = {name: np.empty(shape, np.float32) for name in ("wear", "damage", "pace", "due_h")}
    running_all = np.empty((hours, count), bool)
    failures: list[tuple[float, int, int, bool]] = []
    maintenance: list[tuple[float, int, int, bool]] = []
    wear_scale = np.ones(parts)
    for hour in range(hours):
        if hour == start_hour:
            wear_scale[c.BEARING] = scenario.bearing_wear
            base_pace = machines.pace.copy()
            base_pace[:, c.BEARING] *= scenario.bearing_pace
            interval = machines.interval_h * scenario.interval_factor
            due = hour + np.ceil((due - hour) * scenario.interval_factor)
        draw = rng.random((6, count, parts))
        running = back_h <= hour
        planned = (due <= hour) & running[:, None]
        if planned.any():
            wear = np.where(planned, wear * between(c.PLANNED_RESIDUAL, draw[0]), wear)
            damage[planned] = HEALTHY
            due = np.where(planned, next_due(hour, interval, draw[1]), due)
            maintenance += [(float(hour), i, k, True) for i, k in np.argwhere(planned)]
        pace = np.where(damage == HEALTHY, base_pace, pace)
        running_all[hour] = running
        for name, value in (("wear", wear), ("damage", damage), ("pace", pace), ("due_h", due)):
            states[name][hour] = value
        active = running[:, None]
        step = wear_scale * operation.wear_h[hour] / life_h * active
        faulty = damage >= 0.0
        growth = pace * operation.growth[hour][:, None] * (active & faulty)
        age = np.maximum(damage, 0.0)
        worn_out = draw[2] < c.weibull_step(age, growth, growth_shape)
        shock = (draw[3] < c.SHOCK_PER_H) & active
        starts = ~faulty & (draw[4] < c.weibull_step(wear, step, life_shape))
        wear = wear + step
        damage = np.where(faulty, damage + growth, np.where(starts, 0.0, HEALTHY))
        broken = worn_out | shock
        for i in np.flatnonzero(broken.any(axis=1)):
            k = int(np.flatnonzero(broken[i])[0])  # one breakdown stops the machine
            failed_h = hour + (1 + int(draw[5, i, 0] * 59)) / 60.0
            repaired_h = failed_h + float(np.round(60 * between(c.REPAIR_H, draw[5, i, 1]))) / 60.0
            failures.append((failed_h, int(i), k, not worn_out[i, k]))
            maintenance.append((repaired_h, int(i), k, False))
            wear[i, k] = between(c.CORRECTIVE_RESIDUAL, draw[5, i, 2])
            damage[i, k] = HEALTHY
            due[i, k] = next_due(hour, interval[i, k], draw[5, i, 3])
            back_h[i] = np.ceil(repaired_h)
    return Life(
        running=running_all,
        failures=np.array(failures, dtype=float).reshape(-1, 4),
        maintenance=np.array(maintenance, dtype=float).reshape(-1, 4),
        **states,
    )
