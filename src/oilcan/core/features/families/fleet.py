"""Family `fleet`: how far a machine differs from similar machines, in standard deviations of the training fleet.

For each sensor, similar machines share the value of the machine category (model, site, ...) that explains most
of the sensor's variance on training readings. Mean and deviation of each value are learned once and
stay fixed, so machines never depend on each other at run time. If no category explains anything,
there is no feature: it would equal the trailing mean.
"""

from collections.abc import Iterator

import numpy as np

from oilcan.core.features.arrays import Arrays
from oilcan.core.features.facts import Facts
from oilcan.core.features.families.trailing import windowed
from oilcan.core.features.plan import Category, Feature, FleetReference
from oilcan.core.features.signals.surface import EXPLAINS, FEW


def learn_reference(
    sensor: str, values: np.ndarray, codes: dict[str, np.ndarray], categories: tuple[Category, ...]
) -> FleetReference | None:
    """The reference of one sensor, by the category that explains it best; None if no category does.

    Parameters
    ----------
    values
        Normalised training readings, shape (n,), NaN where missing.
    codes
        Category column -> code of each reading, -1 or NaN where unknown.

    Examples
    --------
    >>> values = np.concatenate([np.arange(50.0), 100 + np.arange(50.0)])
    >>> code = np.repeat([0.0, 1.0], 50)
    >>> reference = learn_reference("flow", values, {"model": code}, (Category("model", ("A", "B")),))
    >>> reference.column, reference.mean
    ('model', (24.5, 124.5, 74.5))
    """
    there = ~np.isnan(values)
    if there.sum() < FEW or np.ptp(values[there]) == 0:
        return None
    best: tuple[float, FleetReference] | None = None
    for category in categories:
        known = there & (codes[category.column] >= 0)
        means, stds = _by_value(values, there, codes[category.column], len(category.values))
        place = codes[category.column][known].astype(np.int64)
        if len(place) == 0:
            continue
        share = 1 - np.mean((values[known] - np.array(means)[place]) ** 2) / np.var(values[known])
        if share >= EXPLAINS and (best is None or share > best[0]):
            best = share, FleetReference(sensor, category.column, category.values, tuple(means), tuple(stds))
    return None if best is None else best[1]


def _by_value(values: np.ndarray, there: np.ndarray, codes: np.ndarray, n: int) -> tuple[list[float], list[float]]:
    """Mean and deviation per value, and last of all readings; twelve digits, as in `regimes`."""
    means, stds = [], []
    overall = values[there]
    for at in range(n + 1):
        member = values[there & (codes == at)] if at < n else overall
        if len(member) < FEW or np.ptp(member) == 0:
            member = overall
        means.append(float(f"{member.mean():.12g}"))
        stds.append(float(f"{member.std():.12g}"))
    return means, stds


def propose(facts: Facts) -> Iterator[Feature]:
    """The shortest window (the longest, where sensors are many) of the plain sensors that have a reference."""
    by_sensor = {reference.sensor: reference for reference in facts.fleet}
    for sensor in facts.sensors("plain"):
        if sensor.name in by_sensor and not facts.is_lean:
            window, column = facts.windows[-1 if facts.is_wide else 0], by_sensor[sensor.name].column
            subject, measure = sensor.description or sensor.name, f"mean of the last {facts.words(window)}"
            reference = f"machines of the same {column}"
            yield Feature(f"{sensor.name}_fleet_{facts.suffix(window)}", "fleet", sensor.name, "fleet", window,
                          "standard deviations", f"{subject}, {measure} against {reference}", subject, measure,
                          reference)


def compute(arrays: Arrays, features: list[Feature]) -> np.ndarray:
    """Shape (rows, features).

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.features.arrays import Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1], "v": [14.0, 8.0], "model": "A"})
    >>> feature = Feature("v_fleet_1cycles", "fleet", "v", "fleet", 1.0, "standard deviations", "", "Pressure")
    >>> reference = FleetReference("v", "model", ("A",), (10.0, 10.0), (2.0, 2.0))
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),),
    ...                    fleet=(reference,))
    >>> arrays = Arrays(plan, Tables(table, table, *[table.iloc[:0]] * 3, table.iloc[:1]))
    >>> compute(arrays, [feature]).ravel()
    array([ 2., -1.])
    """
    by_sensor = {reference.sensor: reference for reference in arrays.plan.fleet}
    out = np.empty((len(arrays.row_machine), len(features)))
    for at, feature in enumerate(features):
        reference = by_sensor[feature.sensor]
        code = arrays.code(Category(reference.column, reference.values))
        place = np.where(code >= 0, code, len(reference.values)).astype(np.int64)      # NaN and unseen: all machines
        mean = windowed(arrays, feature.sensor, "mean", feature.window or 0.0)
        out[:, at] = (mean - np.array(reference.mean)[place]) / np.array(reference.std)[place]
    return out
