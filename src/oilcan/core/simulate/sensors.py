"""What would perfect recording show of the hidden state?

Lead of the symptoms: bearing by vibration (weeks), filter by flow (weeks), seal by oil pressure
(days), motor by current (about two days). Recording faults are in ``faults``.
"""

from dataclasses import dataclass

import numpy as np

from oilcan.core.simulate import components as c
from oilcan.core.simulate.life import Life
from oilcan.core.simulate.operation import Operation
from oilcan.core.simulate.population import Machines
from oilcan.core.simulate.streams import autoregression


@dataclass(frozen=True)
class Sensor:
    """A telemetry column, its unit, the physical range and the decimals recorded."""

    name: str
    unit: str
    low: float
    high: float
    decimals: int


SENSORS = (
    Sensor("load_pct", "%", 0.0, 120.0, 1),
    Sensor("speed_rpm", "rpm", 0.0, 4500.0, 0),
    Sensor("ambient_c", "degC", -50.0, 60.0, 1),
    Sensor("vibration_mm_s", "mm/s", 0.0, 60.0, 2),
    Sensor("bearing_temp_c", "degC", -50.0, 200.0, 1),
    Sensor("motor_current_a", "A", 0.0, 500.0, 1),
    Sensor("oil_pressure_bar", "bar", 0.0, 16.0, 3),
    Sensor("flow_m3_h", "m3/h", 0.0, 600.0, 1),
)
WANDER, WANDER_MEMORY_H = 0.3, 48.0
"""Slow part of the sensor noise relative to the hourly part, and its memory."""


def read_sensors(
    machines: Machines,
    operation: Operation,
    life: Life,
    *,
    rng_noise: np.random.Generator,
    rng_wander: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Every sensor at every hour, shape (n_hours, n), in the unit of `SENSORS`.

    Load, speed and air temperature act on all symptoms, so a raw reading says little without
    the operating condition and the machine's own baseline.
    """
    hours, count = operation.load_pct.shape
    noise = rng_noise.standard_normal((hours, 7, count))
    slow = rng_wander.standard_normal((hours, 5 * count))
    slow = autoregression(slow, WANDER_MEMORY_H).reshape(hours, 5, count)
    noise[:, 2:] += WANDER * slow
    offset = machines.offsets.T
    load = operation.load_pct / c.NOMINAL_LOAD_PCT
    speed = operation.speed_share / 0.865  # share at nominal load
    air = operation.ambient_c
    wear = life.wear.astype(float)
    damage = np.maximum(life.damage.astype(float), 0.0)
    is_hot = life.pace[:, :, c.BEARING] > 1.001 * machines.pace[:, c.BEARING]
    bearing = damage[:, :, c.BEARING]
    shaking = np.where(is_hot, 0.1, 1.0) * 2.0 * bearing**1.5
    heating = np.where(is_hot, 25.0 * bearing, 12.0 * bearing**3)
    vibration = (
        machines.plate("vibration_mm_s")
        * np.exp(0.15 * offset[0])
        * (0.7 + 0.3 * load * speed)
        * (1.0 + 0.15 * wear[:, :, c.BEARING] + shaking)
        * np.exp(0.07 * noise[:, 2])
    )
    rise = machines.plate("rise_k") * load**1.2 + 3.0 * offset[1]
    current = machines.plate("current_a") * (0.30 + 0.70 * load) * (1.0 + 0.04 * offset[2])
    pressure = machines.plate("pressure_bar") * (0.75 + 0.25 * speed) * (1.0 + 0.04 * offset[3])
    flow = machines.plate("flow_m3_h") * speed * (1.0 + 0.04 * offset[4])
    seal, motor, clog = (damage[:, :, k] for k in (c.SEAL, c.MOTOR, c.FILTER))
    motor_rise = np.where(life.damage[:, :, c.MOTOR] >= 0.0, 0.03 + 0.25 * motor, 0.0)
    readings = (
        operation.load_pct + 0.5 * noise[:, 0],
        machines.plate("speed_rpm") * operation.speed_share * (1.0 + 0.003 * noise[:, 1]),
        air,
        vibration,
        air + rise + 3.0 * wear[:, :, c.BEARING] + heating + 1.0 * noise[:, 3],
        current * (1.0 + 0.02 * wear[:, :, c.MOTOR] + motor_rise) * (1 + 0.012 * noise[:, 4]),
        pressure
        * (1.0 - 0.003 * (air - 15.0))
        * np.maximum(1.0 - 0.03 * wear[:, :, c.SEAL] - 0.50 * seal, 0.1)
        * (1.0 + 0.012 * noise[:, 5]),
        flow * np.maximum(1.0 - 0.04 * wear[:, :, c.FILTER] - 0.45 * clog, 0.1) * (1.0 + 0.015 * noise[:, 6]),
    )
    return {
        sensor.name: np.clip(np.round(value, sensor.decimals), sensor.low, sensor.high)
        for sensor, value in zip(SENSORS, readings, strict=True)
    }
