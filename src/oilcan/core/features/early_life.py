"""Family `early_life`: how far a sensor has moved from this machine's own normal.

Normal is the mean of the readings in the first W ticks of a life, W the longest window of the
contract. `early`: the life begins with the machine's first reading, and never again. `renewed`: it
begins anew after each maintenance and failure; a record counts from the first instant after its
stamp. `life`, of the health index alone: the reference period never ends. Before it is over, the
readings so far are the reference. The feature is the trailing mean minus that normal; NaN while
either holds no reading.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from oilcan.columns import MACHINE, TIME
from oilcan.core.features.arrays import Arrays
from oilcan.core.features.facts import Facts
from oilcan.core.features.health import NAME
from oilcan.core.features.plan import Feature
from oilcan.core.features.scan import running_moments
from oilcan.core.features.timeline import Timeline, window_units
from oilcan.core.features.windows import statistic, windowed
from oilcan.core.groups import exact

ENDLESS: Final = 2**60      # whole units; longer than any record, and no overflow when added to an instant


def propose(facts: Facts) -> Iterator[Feature]:
    """Every window of plain sensors; `renewed` only where training saw maintenance or failures."""
    span = facts.words(facts.windows[-1])
    stats = {"early": f"against the machine's first {span}"}
    if facts.kinds["maintenance"] or facts.kinds["failures"]:
        stats["renewed"] = f"against the first {span} after the last repair"
    for sensor in facts.sensors("plain"):
        for stat, words in (stats | ({"life": "against all so far"} if sensor.name == NAME else {})).items():
            for window in facts.windows_of(sensor):
                if not facts.applies(sensor, stat, window):
                    continue
                yield facts.feature("early_life", sensor, stat, window,
                                    f"mean of the last {facts.words(window)} {words}")


def compute(arrays: Arrays, features: list[Feature]) -> np.ndarray:
    """Shape (rows, features)."""
    out = np.empty((len(arrays.row_machine), len(features)))
    for stat in sorted({f.statistic for f in features}):
        names = sorted({f.sensor for f in features if f.statistic == stat})
        normal = _normal(arrays, [arrays.column(name) for name in names], stat)
        for at, feature in enumerate(features):
            if feature.statistic == stat:
                mean = windowed(arrays, feature.sensor, "mean", feature.window or 0.0)
                out[:, at] = mean - normal[:, names.index(feature.sensor)]
    return out


def renewals(arrays: Arrays, *tables: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Machine codes and whole units of all records of known machines, sorted, each instant once."""
    machine = np.concatenate([arrays.ids.get_indexer(pd.Index(table[MACHINE])) for table in tables]).astype(np.int64)
    time = np.concatenate([exact(table[TIME]) for table in tables])
    pairs = np.unique(np.stack([machine, time], axis=1)[machine >= 0], axis=0)
    return pairs[:, 0], pairs[:, 1]


def _normal(arrays: Arrays, columns: list[int], stat: str) -> np.ndarray:
    """Mean of the reference period of the life that each row is in, as far as it has come."""
    length = ENDLESS if stat == "life" else window_units(arrays.plan.reference, arrays.per_tick)
    tables = (arrays.tables.maintenance, arrays.tables.failures) if stat == "renewed" else ()
    machine, time = renewals(arrays, *tables) if tables else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    lives = Timeline(machine, time)
    before = np.searchsorted(machine, np.arange(len(arrays.ids)))
    origin = arrays.time[arrays.first] - 1

    def life(codes: np.ndarray, instants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number of the life, over all machines, and the instant after which it began."""
        seen = lives.until(codes, instants, inclusive=False)
        begun = np.append(time, 0)[np.maximum(seen - 1, 0)] if len(time) else np.zeros(len(codes), np.int64)
        return seen + codes, np.where(seen > before[codes], begun, origin[codes])

    number, began = life(arrays.machine, arrays.time)
    inside = np.flatnonzero(arrays.time <= began + length)
    row_number, row_began = life(arrays.row_machine, arrays.row_time)
    until = np.minimum(arrays.row_time, row_began + length)
    last = arrays.timeline.until(arrays.row_machine, until, inclusive=True) - 1
    valid = (arrays.end >= 0) & (last >= 0)
    valid &= number[np.maximum(last, 0)] == row_number
    wanted, slot = np.unique(np.searchsorted(inside, last[valid]), return_inverse=True)
    out = np.full((len(last), len(columns)), np.nan)
    if len(wanted):
        starts = np.flatnonzero(np.diff(number[inside], prepend=-1))
        moments = running_moments(arrays.values[inside][:, columns], arrays.ticks[inside], starts, wanted)
        out[valid] = statistic(moments, "mean")[slot]
    return out
