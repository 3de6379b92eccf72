"""Family `drift`: what the drift of the hidden state says about the remaining life.

`remaining` and `doubt` are the mean and the standard deviation of the posterior (`drift.drift_model`), at the age and
over the readings of the present life; `constant` is its time constant; `margin` is how far the state is from where it
usually stands at a failure, in the direction in which failures differ least. A life begins with the first reading and
anew after each maintenance and failure, as in `early_life`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from oilcan.core.features.drift.drift_model import DriftModel, DriftSums, posterior
from oilcan.core.features.drift.life_sums import life_sums
from oilcan.core.features.facts import Facts
from oilcan.core.features.families.early_life import lives_of
from oilcan.core.features.plan import Feature
from oilcan.core.features.signals.health_index import regime_of

if TYPE_CHECKING:               # names for the reader; the service computes online features without waiting for pandas
    from oilcan.core.features.arrays import Arrays

NAME: Final = "wear_drift"      # in place of a sensor
SUBJECT: Final = "Wear over all sensors"
STATISTICS: Final = {
    "remaining": "remaining life by its drift",
    "doubt": "uncertainty of the remaining life by its drift",
    "constant": "time constant of its growth",
    "margin": "distance from where it stands at failures",
}


def propose(facts: Facts) -> Iterator[Feature]:
    """All four, where the plan has a drift model."""
    if facts.has_drift:
        for name, measure in STATISTICS.items():
            yield Feature(f"{NAME}_{name}", "drift", NAME, name, None, "1" if name == "margin" else facts.tick,
                          f"{SUBJECT}, {measure}", SUBJECT, measure)


def compute(arrays: "Arrays", features: list[Feature]) -> np.ndarray:
    """Shape (rows, features)."""
    plan = arrays.plan
    assert plan.drift is not None and plan.state is not None    # noqa: S101, PT018 - else nothing was proposed
    taus = np.array(plan.drift.time_constants)
    columns = [arrays.column(name) for name in plan.state.names]
    lives = lives_of(arrays, arrays.tables.maintenance, arrays.tables.failures)
    number, _ = lives.at(arrays.machine, arrays.time)
    row_number, row_began = lives.at(arrays.row_machine, arrays.row_time)
    precision = np.array(plan.state.precision)[regime_of(plan.regimes, arrays.conditions)]
    end = np.maximum(arrays.end, 0)
    there = (arrays.end >= 0) & (number[end] == row_number)
    wanted, slot = np.unique(end[there], return_inverse=True)
    sums = life_sums(arrays.values[:, columns], precision, arrays.ticks, np.diff(number, prepend=-1) != 0, taus, wanted)
    gap = (arrays.row_time - arrays.time[end])[there] / arrays.per_tick
    age = (arrays.row_time - row_began)[there] / arrays.per_tick
    out = np.full((len(end), len(features)), np.nan)
    out[there] = statistics(plan.drift, age, sums.of(slot).aged(gap, plan.drift.time_constants),
                            [feature.statistic for feature in features])
    return out


def statistics(model: DriftModel, age: np.ndarray, sums: DriftSums, names: list[str]) -> np.ndarray:
    """Statistics of lives, shape (lives, names); the same for both engines."""
    found = dict(zip(("remaining", "doubt", "constant"), posterior(model, age, sums).T, strict=True))
    found["margin"] = model.margin - sums.state[:, 0]
    return np.stack([found[name] for name in names], axis=1)
