"""How do readings change while the machines stay what they are? Drift, offsets, stuck sensors, another unit."""

from typing import Final

import numpy as np

from oilcan.core.simulate.population import SITES, Machines
from oilcan.core.simulate.scenarios import Scenario

_DRIFT_REFERENCE_H: Final = 100 * 24
_KPA_PER_BAR: Final = 100.0
USUAL_SPREAD: Final = {
    "vibration_mm_s": 0.31, "bearing_temp_c": 1.3, "motor_current_a": 1.6, "oil_pressure_bar": 0.16, "flow_m3_h": 5.5,
}  # fmt: skip
"""Standard deviation within a machine once load, speed and air temperature are taken out (median of a fleet)."""


def change_recording(readings: dict[str, np.ndarray], machines: Machines, world: Scenario, change_h: int, *,
                     rng: np.random.Generator, rng_recording: np.random.Generator) -> None:
    """Change the readings as the scenario says from hour `change_h` on, in place.

    Parameters
    ----------
    readings
        Sensor -> shape (n_hours, n), before recording faults.
    rng, rng_recording
        Of drift, and of the other changes.
    """
    hours, count = readings["vibration_mm_s"].shape
    if change_h >= hours:
        return
    if world.drifting_share:
        _drift(readings, world, change_h, np.asarray(rng.random(count) < world.drifting_share))
    names = list(USUAL_SPREAD)
    if world.offset_share:
        chosen = rng_recording.permutation(count)[: max(1, round(world.offset_share * count))]
        name = names[int(rng_recording.integers(len(names)))]
        moved = readings[name][change_h:, chosen] + world.offset_spreads * USUAL_SPREAD[name]
        readings[name][change_h:, chosen] = np.round(moved, 3)
    for machine in rng_recording.permutation(count)[: world.stuck].tolist():
        name = names[int(rng_recording.integers(len(names)))]
        readings[name][change_h:, machine] = readings[name][change_h, machine]
    if world.unit_site:
        at_site = machines.site == int(rng_recording.integers(min(len(SITES), int(machines.site.max()) + 1)))
        readings["oil_pressure_bar"][change_h:, at_site] *= _KPA_PER_BAR


def _drift(readings: dict[str, np.ndarray], world: Scenario, change_h: int, drifts: np.ndarray) -> None:
    """Add the drift of the scenario to some machines, in place."""
    hours = len(readings["vibration_mm_s"])
    reached = np.maximum(np.arange(hours) - change_h, 0)[:, None] / _DRIFT_REFERENCE_H * drifts
    for name, size in (("vibration_mm_s", world.vibration_drift_mm_s), ("oil_pressure_bar", world.pressure_drift_bar)):
        readings[name][:] = np.maximum(np.round(readings[name] + size * reached, 3), 0.0)
