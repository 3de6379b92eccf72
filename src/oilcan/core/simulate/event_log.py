"""Which lines do the controllers and the crews write into their logs?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.core.simulate import components as c
from oilcan.core.simulate.life import Life


@dataclass(frozen=True)
class ErrorCode:
    """An error code; its rate [1/h] is noise_per_h + gain_per_h * damage ** power.

    Codes with `part` None are unrelated to the state of the machine.
    """

    code: str
    meaning: str
    part: int | None
    noise_per_h: float
    gain_per_h: float = 0.0
    power: float = 1.0


ERROR_CODES = (
    ErrorCode("E101", "vibration warning", c.BEARING, 2e-5, 0.03, 3.0),
    ErrorCode("E102", "bearing temperature warning", c.BEARING, 3e-5, 0.04, 6.0),
    ErrorCode("E201", "oil pressure low", c.SEAL, 3e-5, 0.06, 2.0),
    ErrorCode("E301", "motor overcurrent", c.MOTOR, 4e-5, 0.10, 2.0),
    ErrorCode("E302", "phase imbalance", c.MOTOR, 5e-5, 0.05, 1.0),
    ErrorCode("E401", "differential pressure high", c.FILTER, 3e-5, 0.03, 2.0),
    ErrorCode("E901", "communication lost", None, 4e-4),
    ErrorCode("E902", "stop by operator", None, 1.5e-4),
)


def log_errors(life: Life, *, rng: np.random.Generator) -> pd.DataFrame:
    """Error codes as columns hour (with fraction), machine (position) and code, by time.

    At most one line per machine, code and hour; none while a machine is broken down.
    """
    hours, count = life.running.shape
    draws = rng.random((hours, len(ERROR_CODES), count), dtype=np.float32)
    was_running = life.running.copy()
    was_running[1:] &= life.running[:-1]
    was_running[0] = False
    logs = []
    for i, entry in enumerate(ERROR_CODES):
        rate = np.full((hours, count), entry.noise_per_h)
        if entry.part is not None:
            damage = np.maximum(life.damage[:, :, entry.part], 0.0)
            rate += np.minimum(entry.gain_per_h * damage**entry.power, 0.5)
        hit_h, machine = np.nonzero((draws[:, i] < rate) & was_running)
        # the draw, given that it hit, is uniform below the rate: it also places the minute
        minute = np.floor(60.0 * draws[hit_h, i, machine] / rate[hit_h, machine])
        # logged in the hour before the reading, so the log never knows more than the state
        hour = hit_h - 1 + minute.clip(0, 59) / 60.0
        logs.append(pd.DataFrame({"hour": hour, "machine": machine, "code": entry.code}))
    log = pd.concat(logs, ignore_index=True)
    return log.sort_values(["hour", "machine", "code"], ignore_index=True)


def stamp(hour: np.ndarray, start: pd.Timestamp) -> np.ndarray:
    """Instants `hour` after `start`, to the minute, as datetime64[us].

    Examples
    --------
    >>> stamp(np.array([1.5]), pd.Timestamp("2024-01-01"))
    array(['2024-01-01T01:30:00.000000'], dtype='datetime64[us]')
    """
    minutes = np.round(np.asarray(hour, dtype=float) * 60.0).astype("timedelta64[m]")
    stamped: np.ndarray = start.to_datetime64().astype("datetime64[us]") + minutes
    return stamped
