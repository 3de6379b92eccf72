"""The usual behaviour of each sensor: runs of equal readings, size of steps, quantiles.

Repeated readings are a fault of one sensor and normal for another (a counter, a flag, a
setpoint, an idle machine), so each sensor is judged by its own runs of equal readings.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.quality.readings import Readings, moving_sensors, runs
from oilcan.core.quality.scope import Scope
from oilcan.core.robust_statistics import MAD_TO_SD

RESTING_RUNS: Final = 3             # long runs at one value that make it a resting value (idle, setpoint)
CHANCE_RUNS: Final = 0.1            # long runs expected by chance above which a sensor is coarse
MANY_MACHINES: Final = 4            # from here on, "most machines rest" says something
QUANTILES: Final = (0.0, 0.01, 0.5, 0.99, 1.0)


@dataclass
class Resting:
    """Counts of a sensor's runs of equal readings; `long` runs last at least `stuck_periods`."""

    readings: int = 0
    short_pairs: int = 0            # neighbouring readings outside long runs
    short_equal: int = 0            # of these, equal ones
    long_readings: int = 0
    machines: int = 0               # with enough readings for a long run
    machines_with_long: int = 0
    long_values: Counter[float] = field(default_factory=Counter)

    def add(self, other: "Resting") -> None:
        """Add the counts of another partition."""
        for name in ("readings", "short_pairs", "short_equal", "long_readings", "machines", "machines_with_long"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.long_values.update(other.long_values)

    def nature(self, stuck_periods: int) -> str:
        """`moves`, or why long runs are this sensor's nature: `slow` or `coarse`."""
        most_machines = self.machines >= MANY_MACHINES and 2 * self.machines_with_long > self.machines
        if most_machines or 2 * self.long_readings > self.readings:
            return "slow"
        repeat = self.short_equal / self.short_pairs if self.short_pairs else 1.0
        return "coarse" if self.readings * repeat ** (stuck_periods - 1) > CHANCE_RUNS else "moves"


@dataclass(frozen=True)
class Profile:
    """One partition's share in the fleet's habits."""

    resting: dict[str, Resting]
    steps: pd.DataFrame             # sampled absolute steps between neighbouring readings, by sensor
    sample: pd.DataFrame            # sampled readings, by sensor


@dataclass(frozen=True)
class Habits:
    """What the sensors of the fleet usually do.

    Attributes
    ----------
    nature
        `moves`, `slow` or `coarse`, by sensor; only `moves` can be stuck.
    resting_values
        Values at which a sensor rests by nature.
    step
        Robust standard deviation of a step (1.4826 times the median absolute step); 0 if unknown.
    quantiles
        Shape (sensors, 5): smallest, 1 %, middle, 99 % and largest sampled reading.
    """

    nature: dict[str, str]
    resting_values: dict[str, frozenset[float]]
    step: dict[str, float]
    quantiles: pd.DataFrame


def profile(telemetry: pd.DataFrame, scope: Scope) -> Profile:
    """Habits seen in one partition.

    Parameters
    ----------
    telemetry
        Canonical, sorted by (machine_id, time).
    scope
        A run of at least `stuck_periods` equal readings is long; one row of `every` is sampled.
    """
    readings, every = Readings.of(telemetry, scope.contract), scope.every
    sample = pd.DataFrame({name: values[::every] for name, values in readings.values.items()}, dtype="float32")
    resting, steps = {}, {}
    if readings.time is not None:
        follows = np.diff(readings.group) == 0
        for name in moving_sensors(scope.contract):
            resting[name] = _resting(readings, name, scope.limits.stuck_periods)
            step = np.abs(np.diff(readings.values[name]))
            steps[name] = np.where(follows, step, np.nan)[::every]
    return Profile(resting, pd.DataFrame(steps, dtype="float32"), sample)


def _resting(readings: Readings, name: str, stuck_periods: int) -> Resting:
    values = readings.values[name]
    start, length = runs(values, readings.first)
    is_long = length >= stuck_periods
    long_readings = int(length[is_long].sum())
    present = ~np.isnan(values)
    pairs = int(np.count_nonzero(present[1:] & present[:-1] & (np.diff(readings.group) == 0)))
    long_equal = long_readings - int(is_long.sum())
    of_machine = np.bincount(readings.group, weights=present, minlength=len(readings.first))
    distinct, counts = np.unique(values[start[is_long]], return_counts=True)
    return Resting(
        readings=int(present.sum()),
        short_pairs=pairs - long_equal,
        short_equal=int((length - 1).sum()) - long_equal,
        long_readings=long_readings,
        machines=int((of_machine >= stuck_periods).sum()),
        machines_with_long=len(np.unique(readings.group[start[is_long]])),
        long_values=Counter(dict(zip(distinct.tolist(), counts.tolist(), strict=True))),
    )


def learn_habits(profiles: Sequence[Profile], scope: Scope) -> Habits:
    """Habits of the fleet from those of its partitions."""
    total: dict[str, Resting] = {}
    for part in profiles:
        for name, counts in part.resting.items():
            total.setdefault(name, Resting()).add(counts)
    steps = pd.concat([part.steps for part in profiles], ignore_index=True)
    sample = pd.concat([part.sample for part in profiles], ignore_index=True)
    middle = steps.median() if len(steps) else pd.Series(dtype="float64")
    return Habits(
        nature={name: counts.nature(scope.limits.stuck_periods) for name, counts in total.items()},
        resting_values={
            name: frozenset(value for value, times in counts.long_values.items() if times >= RESTING_RUNS)
            for name, counts in total.items()
        },
        step={name: MAD_TO_SD * float(middle[name]) if middle[name] > 0 else 0.0 for name in steps},
        quantiles=sample.quantile(list(QUANTILES)).T,
    )
