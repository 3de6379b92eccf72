"""Family `events`: how long ago, and how often, were errors, maintenance and failures?

Errors count when stamped at or before t, for they are known at once. Maintenance and failures count
strictly before t: a repair booked at the instant of a breakdown would reveal the breakdown.
NaN where the machine has no such record yet.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.features.arrays import Arrays
from oilcan.core.features.facts import Facts
from oilcan.core.features.families.early_life import renewals
from oilcan.core.features.plan import Feature
from oilcan.core.timeline.lookup import Timeline, window_units
from oilcan.ground.columns import EVENT_KEYS, MACHINE

SINGULAR: Final = {"errors": "error", "maintenance": "maintenance", "failures": "failure"}


def propose(facts: Facts) -> Iterator[Feature]:
    """Recency per table and per value; counts of errors per window; elapsed life where it means something."""
    for table, values in facts.kinds.items():
        if values:
            yield from _of_table(facts, table, values)
    if facts.kinds["maintenance"] and facts.kinds["failures"]:
        yield Feature("renewal_since", "events", "renewals", "since", None, facts.tick,
                      "time since the last maintenance or failure", "maintenance or failure", "time since the last")
    if not facts.regular_start:
        yield Feature("life_elapsed", "events", "telemetry", "elapsed", None, facts.tick,
                      "time since the machine's first reading", "the machine's first reading", "time since")


def _of_table(facts: Facts, table: str, values: tuple[str, ...]) -> Iterator[Feature]:
    word = SINGULAR[table]
    for value in (None, *(values if len(values) > 1 else ())):
        name, text = (word, word) if value is None else (f"{word}_{value}", f"{word} {value}")
        subject = text if value is None or table == "errors" else f"{word} of {value}"
        yield Feature(f"{name}_since", "events", table, "since", None, facts.tick, f"time since the last {text}",
                      subject, "time since the last", value=value)
        for window in facts.windows if table == "errors" else ():
            measure = f"records in the last {facts.words(window)}"
            yield Feature(f"{name}_count_{facts.suffix(window)}", "events", table, "count", window, "errors",
                          f"number of {text} {measure}", subject, measure, value=value)
    if table == "failures":
        yield Feature("failure_total", "events", table, "total", None, "failures", "failures of the machine so far",
                      word, "records so far")


def compute(arrays: Arrays, features: list[Feature]) -> np.ndarray:
    """Shape (rows, features).

    Examples
    --------
    >>> from oilcan.core.features.arrays import Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1, 2, 3], "v": [1.0, 2.0, 4.0, 8.0]})
    >>> errors = pd.DataFrame({"machine_id": "m1", "time": [1], "code": ["E1"]})
    >>> feature = Feature("error_since", "events", "errors", "since", None, "cycle", "", "error")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> arrays = Arrays(plan, Tables(table, table, errors, *[table.iloc[:0]] * 3))
    >>> compute(arrays, [feature]).ravel()
    array([nan,  0.,  1.,  2.])
    """
    out = np.empty((len(arrays.row_machine), len(features)))
    records: dict[tuple[str, str | None], tuple[np.ndarray, np.ndarray]] = {}
    for at, feature in enumerate(features):
        of = feature.sensor, feature.value
        if feature.statistic != "elapsed" and of not in records:
            records[of] = _records(arrays, *of)
        if feature.statistic == "elapsed":
            first = arrays.time[arrays.first][arrays.row_machine]
            out[:, at] = (arrays.row_time - first) / arrays.per_tick
        else:
            out[:, at] = _of_records(arrays, feature, *records[of])
    return out


def _of_records(arrays: Arrays, feature: Feature, machine: np.ndarray, time: np.ndarray) -> np.ndarray:
    line, before = Timeline(machine, time), np.searchsorted(machine, arrays.row_machine)
    known = line.until(arrays.row_machine, arrays.row_time, inclusive=feature.sensor == "errors")
    if feature.statistic == "total":
        return np.asarray(known - before, dtype=np.float64)
    if feature.statistic == "count":
        length = window_units(feature.window or 0.0, arrays.per_tick)
        return np.asarray(known - line.until(arrays.row_machine, arrays.row_time - length, inclusive=True), np.float64)
    last = np.append(time, 0)[np.maximum(known - 1, 0)]
    return np.where(known > before, (arrays.row_time - last) / arrays.per_tick, np.nan)


def _records(arrays: Arrays, name: str, value: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Records of a table, or of one value of it, sorted; each instant once."""
    if name == "renewals":
        return renewals(arrays.ids, arrays.tables.maintenance, arrays.tables.failures)
    table: pd.DataFrame = getattr(arrays.tables, name)
    if value is not None:
        table = table[table[EVENT_KEYS[name][-1]] == value]
    return renewals(arrays.ids, table[table[MACHINE].isin(arrays.ids)])
