"""How does the recording go wrong on the way from the sensor to the file?

Missing readings, gaps, stuck and dead sensors, spikes, late and duplicate rows. Each concern has
its own stream and draws hour by hour, so a longer span only appends.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.core.simulate.sensors import SENSORS
from oilcan.core.simulate.streams import stream

MISSING_PER_H = 8e-4  # one reading of a row
GAP_PER_H, GAP_H = 3e-5, (3, 13)  # rows lost for some hours
STUCK_PER_H, STUCK_H = 1.5e-5, (12, 49)  # one sensor repeats its value
SPIKE_PER_H = 6e-5  # one reading far outside the physical range
LATE_PER_H, LATE_H = 1e-3, (1, 73)  # delivered hours after the others
DUPLICATE_PER_H, DUPLICATE_H = 6e-4, (0, 25)  # delivered twice
DEAD_EVERY, DEAD_FROM_H, DEAD_H = 40, (30 * 24, 90 * 24), 12 * 24  # replaced after 12 days
DYING = ("vibration_mm_s", "oil_pressure_bar", "flow_m3_h")
FAULTY = tuple(sensor.name for sensor in SENSORS[2:])


@dataclass(frozen=True)
class Delivery:
    """What reached the file: readings, rows lost, and the hour each row (or its copy) arrived.

    Parameters
    ----------
    readings
        Sensor name to array (n_hours, n), NaN where missing.
    is_lost
        Shape (n_hours, n).
    arrival_h, copy_h
        Hour of arrival, and of the copy (-1 for none), shape (n_hours, n).
    """

    readings: dict[str, np.ndarray]
    is_lost: np.ndarray
    arrival_h: np.ndarray
    copy_h: np.ndarray


def draw_hits(rng: np.random.Generator, shape: tuple[int, int], rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Hours and machines at which something of `rate` per machine and hour happens, by time."""
    hour, machine = np.nonzero(rng.random(shape, dtype=np.float32) < rate)
    return hour, machine


def deliver(readings: dict[str, np.ndarray], *, seed: int, block: int, number: np.ndarray) -> Delivery:
    """Readings as they were recorded and delivered; the argument is left as it was.

    Parameters
    ----------
    number
        Position of each machine in the whole fleet, shape (n,); it decides whose sensor dies.
    """
    out = {name: value.copy() for name, value in readings.items()}
    shape = next(iter(out.values())).shape
    hour_of_row = np.broadcast_to(np.arange(shape[0])[:, None], shape)
    extra = {
        concern: np.random.default_rng(stream(seed, concern, block).integers(2**63, size=4))
        for concern in ("missing", "gap", "stuck", "spike", "late", "duplicate", "dead")
    }

    def hits(concern: str, rate: float) -> tuple[np.ndarray, np.ndarray]:
        return draw_hits(stream(seed, concern, block), shape, rate)

    for hour, machine in zip(*hits("stuck", STUCK_PER_H), strict=True):
        name, length = extra["stuck"].choice(FAULTY[1:]), extra["stuck"].integers(*STUCK_H)
        out[name][hour : hour + length, machine] = out[name][hour, machine]
    limits = {sensor.name: sensor for sensor in SENSORS}
    for hour, machine in zip(*hits("spike", SPIKE_PER_H), strict=True):
        name, size = extra["spike"].choice(FAULTY), extra["spike"].uniform(1.2, 4.0)
        out[name][hour, machine] = np.round(limits[name].high * size, limits[name].decimals)
    for hour, machine in zip(*hits("missing", MISSING_PER_H), strict=True):
        out[extra["missing"].choice(FAULTY)][hour, machine] = np.nan
    for machine in np.flatnonzero(number % DEAD_EVERY == 0):
        name, first = extra["dead"].choice(DYING), extra["dead"].integers(*DEAD_FROM_H)
        out[name][first : first + DEAD_H, machine] = np.nan
    is_lost = np.zeros(shape, bool)
    for hour, machine in zip(*hits("gap", GAP_PER_H), strict=True):
        is_lost[hour : hour + extra["gap"].integers(*GAP_H), machine] = True
    arrival_h = hour_of_row.astype(np.int32)
    hour, machine = hits("late", LATE_PER_H)
    arrival_h[hour, machine] += extra["late"].integers(*LATE_H, size=len(hour)).astype(np.int32)
    copy_h = np.full(shape, -1, np.int32)
    hour, machine = hits("duplicate", DUPLICATE_PER_H)
    later = extra["duplicate"].integers(*DUPLICATE_H, size=len(hour))
    copy_h[hour, machine] = arrival_h[hour, machine] + later
    return Delivery(out, is_lost, arrival_h, copy_h)


def file_order(rows: pd.DataFrame, arrival_h: np.ndarray) -> pd.DataFrame:
    """Rows in the order in which they arrived; rows of one hour keep their order.

    Examples
    --------
    >>> file_order(pd.DataFrame({"x": [1, 2]}), np.array([5, 3]))["x"].tolist()
    [2, 1]
    """
    return rows.take(np.argsort(arrival_h, kind="stable")).reset_index(drop=True)
