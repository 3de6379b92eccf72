"""Family `early_life`: how far a sensor has moved from this machine's own normal.

Normal is the mean of the readings in the first W ticks of a life, W the longest window of the
contract. `early`: the life begins once, with the machine's first reading. `renewed`: a new life
begins after each maintenance and failure; a record counts from the first instant after its
stamp. `life`: the reference period never ends. Where the contract names replaced parts (`replaced`
of the maintenance table), `early` and `life` begin anew after a record of one: an old sensor's level
is no normal for a new one. Before it is over, the readings so far are the
reference. The feature is the trailing mean minus that normal; NaN while either has no reading, and
exactly 0 where the two differ by rounding only. The
health index has three more: `rate`, its `early` per tick of life so far (at least a window); `drift`,
the mean of all its readings so far minus the early normal; and `trend`, the least-squares line
through all of them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from oilcan.core.features.facts import Facts
from oilcan.core.features.families.trailing import ROUNDING, mean_of, statistic, windowed
from oilcan.core.features.moments import M, Means, Moments
from oilcan.core.features.plan import Feature
from oilcan.core.features.scan import running_moments
from oilcan.core.features.signals.health_index import NAME
from oilcan.core.timeline.groups import exact
from oilcan.core.timeline.lookup import Timeline, window_units
from oilcan.ground.columns import COMPONENT, MACHINE, TIME

if TYPE_CHECKING:               # names for the reader; the service computes online features without waiting for pandas
    import pandas as pd

    from oilcan.core.features.arrays import Arrays

PERIODS: Final = {"rate": "early", "drift": "life", "trend": "life"}     # whose reference period is another's
ENDLESS: Final = 2**60      # whole units; longer than any record, and no overflow when added to an instant


def propose(facts: Facts) -> Iterator[Feature]:
    """Every window of plain sensors; `renewed` only where training saw maintenance or failures."""
    span = facts.words(facts.windows[-1])
    since = " since a part was replaced" if facts.has_replaced else ""
    stats = {"early": f"the machine's first {span}{since}", "life": f"all so far{since}"}
    if facts.kinds["maintenance"] or facts.kinds["failures"]:
        stats["renewed"] = f"the first {span} after the last repair"
    for sensor in facts.sensors("plain"):
        more = {"rate": f"the first {span}{since}, per {facts.tick} of life"}
        for stat, reference in (stats | (more if sensor.name == NAME else {})).items():
            for window in facts.windows_of(sensor):
                if facts.applies(sensor, stat, window):
                    yield facts.feature("early_life", sensor, stat, window,
                                        f"mean of the last {facts.words(window)}", reference=reference)
        if sensor.name == NAME:
            yield facts.feature("early_life", sensor, "drift", None, "mean of all so far",
                                reference=f"the first {span}{since}")
            yield facts.feature("early_life", sensor, "trend", None, "trend of all so far")


def compute(arrays: "Arrays", features: list[Feature]) -> np.ndarray:
    """Shape (rows, features).

    Examples
    --------
    >>> import pandas as pd
    >>> from oilcan.core.features.arrays import Arrays, Tables
    >>> from oilcan.core.features.plan import FeaturePlan, Sensor
    >>> table = pd.DataFrame({"machine_id": "m1", "time": [0, 1, 2, 3], "v": [1.0, 2.0, 4.0, 8.0]})
    >>> feature = Feature("v_early_1cycles", "early_life", "v", "early", 1.0, "bar", "", "Pressure")
    >>> plan = FeaturePlan("pumps", 1, "cycle", (feature,), (Sensor("v", "bar", "Pressure", "plain"),), reference=2.0)
    >>> arrays = Arrays(plan, Tables(table, table, *[table.iloc[:0]] * 4))
    >>> compute(arrays, [feature]).ravel()       # normal is the mean of the readings at 0 and 1
    array([0. , 0.5, 2.5, 6.5])
    """
    out = np.empty((len(arrays.row_machine), len(features)))
    needs = [(PERIODS.get(f.statistic, f.statistic), f.statistic == "trend") for f in features]
    for need in sorted(set(needs)):
        mine = [at for at, each in enumerate(needs) if each == need]
        names = sorted({features[at].sensor for at in mine})
        period, has_trend = need
        past = _period(arrays, [arrays.column(name) for name in names], period, Moments if has_trend else Means)
        for at in mine:
            out[:, at] = _against(arrays, features[at], past, names.index(features[at].sensor))
    return out


def _against(arrays: "Arrays", feature: Feature, past: Means, column: int) -> np.ndarray:
    """One feature from what is known of its reference period."""
    own = past.column(column)
    if isinstance(own, Moments):
        return statistic(own, "slope")
    if feature.statistic == "drift":
        early = _period(arrays, [arrays.column(feature.sensor)], "early", Means).column(0)
        return moved(mean_of(own), mean_of(early))
    window = feature.window or 0.0
    gap = moved(windowed(arrays, feature.sensor, "mean", window), mean_of(own))
    if feature.statistic != "rate":
        return gap
    first = arrays.time[arrays.first][arrays.row_machine]
    _, began = lives_of(arrays, *_beginnings(arrays, "early")).at(arrays.row_machine, arrays.row_time)
    lived = (arrays.row_time - np.maximum(began, first)) / arrays.per_tick
    return np.asarray(gap / np.maximum(lived, window))


def moved(mean: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The mean minus the normal, and exactly 0 where only rounding is between them.

    While a machine is young both are of the same readings. Trees cut at 0, and the engine online adds in another order.

    Examples
    --------
    >>> moved(np.array([0.1 + 0.2, 0.5]), np.array([0.3, 0.3])).tolist()
    [0.0, 0.2]
    """
    gap = mean - normal
    return np.where(np.abs(gap) <= ROUNDING * np.maximum(np.abs(mean), np.abs(normal)), 0.0, gap)


def renewals(ids: "pd.Index", *tables: "pd.DataFrame") -> tuple[np.ndarray, np.ndarray]:
    """Machine codes (places among `ids`) and whole units of all records of known machines, sorted, each instant once.

    Examples
    --------
    >>> import pandas as pd
    >>> renewals(pd.Index(["m1"]), pd.DataFrame({"machine_id": "m1", "time": [2, 1, 2]}))
    (array([0, 0]), array([1, 2]))
    """
    machine = np.concatenate([ids.get_indexer(table[MACHINE]) for table in tables]).astype(np.int64)
    time = np.concatenate([exact(table[TIME]) for table in tables])
    pairs = np.unique(np.stack([machine, time], axis=1)[machine >= 0], axis=0)
    return pairs[:, 0], pairs[:, 1]


class Lives:
    """Lives of machines: the first begins before the first reading, one more after each record of some tables.

    Parameters
    ----------
    ids
        Machines; their places are the codes.
    first
        Whole units of each machine's first reading, shape (machines,).
    tables
        Records that begin a life, from the first instant after their stamp.

    Examples
    --------
    >>> import pandas as pd
    >>> repairs = pd.DataFrame({"machine_id": ["m1"], "time": [1]})
    >>> Lives(pd.Index(["m1"]), np.array([0]), repairs).at(np.zeros(4, int), np.arange(4))
    (array([0, 0, 1, 1]), array([-1, -1,  1,  1]))
    """

    def __init__(self, ids: "pd.Index", first: np.ndarray, *tables: "pd.DataFrame") -> None:
        machine, time = renewals(ids, *tables) if tables else (np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._time, self._timeline = time, Timeline(machine, time)
        self._before = np.searchsorted(machine, np.arange(len(ids)))
        self._origin = first - 1

    def at(self, codes: np.ndarray, instants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number of the life of machines at instants, over all machines, and the instant after which it began."""
        seen = self._timeline.until(codes, instants, inclusive=False)
        begun = (np.append(self._time, 0)[np.maximum(seen - 1, 0)] if len(self._time)
                 else np.zeros(len(codes), np.int64))
        return seen + codes, np.where(seen > self._before[codes], begun, self._origin[codes])


def lives_of(arrays: "Arrays", *tables: "pd.DataFrame") -> Lives:
    """Lives of the machines of a partition."""
    return Lives(arrays.ids, arrays.time[arrays.first], *tables)


def _beginnings(arrays: "Arrays", period: str) -> tuple["pd.DataFrame", ...]:
    """Records that begin a kind of reference period anew."""
    maintenance = arrays.tables.maintenance
    if period == "renewed":
        return maintenance, arrays.tables.failures
    replaced = arrays.plan.replaced
    return (maintenance[maintenance[COMPONENT].isin(replaced)],) if replaced else ()


def _period(arrays: "Arrays", columns: list[int], stat: str, kind: type[M]) -> M:
    """Moments of the reference period of the life that each row is in, as far as it has come."""
    length = ENDLESS if stat == "life" else window_units(arrays.plan.reference, arrays.per_tick)
    lives = lives_of(arrays, *_beginnings(arrays, stat))
    number, began = lives.at(arrays.machine, arrays.time)
    row_number, row_began = lives.at(arrays.row_machine, arrays.row_time)
    inside = np.flatnonzero(arrays.time <= began + length)
    until = np.minimum(arrays.row_time, row_began + length)
    last = arrays.timeline.until(arrays.row_machine, until, inclusive=True) - 1
    valid = (arrays.end >= 0) & (last >= 0)
    valid &= number[np.maximum(last, 0)] == row_number
    wanted, slot = np.unique(np.searchsorted(inside, last[valid]), return_inverse=True)
    if not len(wanted):
        return kind.empty(len(last), len(columns), shared=len(columns))
    starts = np.flatnonzero(np.diff(number[inside], prepend=-1))
    weights = arrays.weights(columns)
    moments = running_moments(arrays.values[inside][:, columns], arrays.ticks[inside], starts, wanted,
                              None if weights is None else weights[inside], kind=kind)
    place = np.zeros(len(last), dtype=np.int64)
    place[valid] = slot
    return moments.take(place, valid)
