"""Sensors that are computed from several sensors: residuals and the health index.

They are learned here from the training sample; `readings_to_signals` adds them to any readings.
"""

from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.learning import LIFE_LEFT, TICKS
from oilcan.core.features.plan import Sensor
from oilcan.core.features.signals.health_index import NAME, Health, learn_health, regime_of
from oilcan.core.features.signals.regimes import Clusters
from oilcan.core.features.signals.residuals import Residuals, learn_residuals
from oilcan.core.features.signals.surface import Surface
from oilcan.ground.columns import MACHINE
from oilcan.ground.time_units import in_unit
from oilcan.params.stages.featurize import FeaturizeParams

MOSTLY_THERE: Final = 0.5       # a sensor missing in a larger share of the sample takes no part
NEAR: Final = 3.0               # longest windows before a failure in which readings are not called healthy


def learn_index(
    contract: Contract, params: FeaturizeParams, sample: pd.DataFrame, values: dict[str, np.ndarray],
    conditions: np.ndarray, regimes: Clusters | Surface | None,
) -> Health | None:  # fmt: skip
    """The health index, where the contract forecasts remaining life.

    Parameters
    ----------
    sample
        Training readings, as in `Learned`.
    values
        Normalised plain sensors of the sample.
    conditions
        Of the sample, those of the regimes.
    """
    values = mostly_there(values)
    if "health" not in params.families or not values or sample[LIFE_LEFT].isna().all():
        return None
    windows = sorted(window.ticks for window in contract.rows.windows)
    step = sample[TICKS].diff().to_numpy()
    goes_on = (sample[MACHINE] == sample[MACHINE].shift()).to_numpy(dtype=bool)
    decay = np.where(goes_on, np.exp2(-np.where(goes_on, step, 0.0) / (windows[len(windows) // 2] / 2)), 0.0)
    return learn_health(
        np.column_stack(list(values.values())), regime_of(regimes, conditions),
        in_unit(1.0, contract.time.lengths) * sample[LIFE_LEFT].clip(upper=cap_of(contract)).to_numpy(), decay,
        sensors=list(values), unit=contract.time.lengths,
    )  # fmt: skip


def learn_cross_sensor_residuals(
    contract: Contract, params: FeaturizeParams, sample: pd.DataFrame, values: dict[str, np.ndarray]
) -> Residuals | None:
    """Cross-sensor residuals, learned from healthy readings.

    A reading is healthy if no failure is known to follow within the cap or, without a cap, three longest windows.

    Parameters
    ----------
    sample, values
        As for `learn_index`.
    """
    values = mostly_there(values)
    if "residual" not in params.families or not values or contract.time.kind == "none":
        return None
    near = cap_of(contract) or NEAR * max(window.ticks for window in contract.rows.windows)
    return learn_residuals(np.column_stack(list(values.values())), ~(sample[LIFE_LEFT].to_numpy() < near),
                           sensors=list(values))


def as_sensors(
    sensors: tuple[Sensor, ...], residuals: Residuals | None, health: Health | None
) -> tuple[Sensor, ...]:
    """Residuals, described by the sensor they belong to, and the health index, in order of the columns of the plan.

    Examples
    --------
    >>> residuals = Residuals(("v",), ("v", "w"), (0.0, 0.0), ((1.0, -0.5),))
    >>> sensors = (Sensor("v", "mm/s", "Vibration", "plain"),)
    >>> [sensor.description for sensor in as_sensors(sensors, residuals, None)]
    ['Vibration beyond what the other sensors say']
    """
    of = {sensor.name: sensor for sensor in sensors}
    pairs = zip(residuals.names, residuals.sensors, strict=True) if residuals else ()
    beyond = tuple(Sensor(name, of[sensor].unit, f"{of[sensor].description} beyond what the other sensors say",
                          "residual") for name, sensor in pairs)  # fmt: skip
    index = (Sensor(NAME, health.unit, "Health index", "plain", "life left that the sensors tell"),) if health else ()
    return beyond + index


def spread(column: np.ndarray) -> float:
    """Standard deviation of the known values; 0 if there is none.

    Examples
    --------
    >>> spread(np.array([1.0, np.nan, 3.0])), spread(np.full(2, np.nan))
    (1.0, 0.0)
    """
    there = column[~np.isnan(column)]
    return float(there.std()) if len(there) else 0.0


def mostly_there(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sensors that vary and are missing in less than half of the sample."""
    return {name: column for name, column in values.items()
            if spread(column) > 0 and np.isnan(column).mean() < MOSTLY_THERE}


def cap_of(contract: Contract) -> float | None:
    """Of the remaining life that the index is learned from [ticks]."""
    cap = next((task.cap for task in contract.tasks.values() if task.kind == "rul"), None)
    return cap.ticks if cap else None
