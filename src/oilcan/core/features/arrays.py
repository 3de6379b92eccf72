"""One partition as arrays: readings sorted by machine and time, and the position of each forecast row among them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.features.plan import Category, FeaturePlan
from oilcan.core.features.readings_to_signals import processed
from oilcan.core.features.signals.health_index import NAME, regime_of
from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.core.timeline.lookup import Timeline
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import DataError

FLEET_TABLES: Final = ("errors", "maintenance", "failures", "machines")


@dataclass(frozen=True)
class Tables:
    """Canonical tables of one partition, in any order; event tables may hold other machines too.

    Parameters
    ----------
    rows
        machine_id, time: where a forecast is made. Nothing else of it is read.
    """

    telemetry: pd.DataFrame
    rows: pd.DataFrame
    errors: pd.DataFrame
    maintenance: pd.DataFrame
    failures: pd.DataFrame
    machines: pd.DataFrame


class Arrays:
    """What the families compute from.

    Parameters
    ----------
    kept
        Type in which statistics of windows are kept that become features as they are: float32, where those are.

    Attributes
    ----------
    values
        Readings after normalisation, shape (readings, sensors of the plan), NaN where missing.
    machine, time, ticks
        Of the readings: code, whole units, ticks since the first reading of all.
    per_tick
        Whole units in a tick.
    row_machine, row_time, end
        Of the forecast rows: code, whole units, position of the newest reading of the machine (-1 before the first).
    scanned
        Window, statistic -> sensors, and their values at the rows, shape (sensors, rows): families share one scan.
    """

    def __init__(self, plan: FeaturePlan, tables: Tables, *, kept: type[np.floating] = np.float64) -> None:
        self.plan, self.tables, self.kept = plan, tables, kept
        self.scanned: dict[tuple[float, str], tuple[tuple[str, ...], np.ndarray]] = {}
        telemetry = tables.telemetry
        codes, ids = pd.factorize(telemetry[MACHINE], sort=True)
        self.ids = pd.Index(ids)
        self.row_machine = self._known_rows(tables.rows)
        if plan.time == "none":
            order = np.argsort(codes, kind="stable")
            time = row_time = np.zeros(0, dtype=np.int64)
            self.end = np.searchsorted(codes[order], self.row_machine)
        else:
            time, row_time = exact(telemetry[TIME]), exact(tables.rows[TIME])
            order = np.lexsort((time, codes))
            time = time[order]
        self.machine, self.time, self.row_time = codes[order].astype(np.int64), time, row_time
        self.per_tick = 1 if plan.time == "none" else units_per_tick(telemetry[TIME])
        self.first = np.searchsorted(self.machine, np.arange(len(self.ids)))
        is_sorted = bool((order[1:] > order[:-1]).all())
        self.readings = telemetry if is_sorted else telemetry.iloc[order]       # which copies them
        if plan.time != "none":
            self.timeline = Timeline(self.machine, time)
            end = self.timeline.until(self.row_machine, row_time, inclusive=True) - 1
            self.end = np.where(end >= self.first[self.row_machine], end, -1)

    def _known_rows(self, rows: pd.DataFrame) -> np.ndarray:
        machine = self.ids.get_indexer(pd.Index(rows[MACHINE]))
        if (machine < 0).any():
            lost = sorted(set(rows.loc[machine < 0, MACHINE]))
            raise DataError(f"rows: {len(lost)} machines have no telemetry (found {', '.join(lost[:5])}). "
                            f"Run `dvc repro prepare`.")
        return machine

    @cached_property
    def ticks(self) -> np.ndarray:
        """Time of the readings in ticks since the first of all, for slopes and decays."""
        return (self.time - self.time.min()) / self.per_tick

    @cached_property
    def instants_differ(self) -> bool:
        """Whether no two readings of a machine have the same instant."""
        return bool(((np.diff(self.time) != 0) | (np.diff(self.machine) != 0)).all())

    @cached_property
    def values(self) -> np.ndarray:
        """Readings as the families see them, shape (readings, columns of the plan)."""
        raw = sensor_values(self.readings, [s.name for s in self.plan.sensors], self.plan.categories)
        return processed(self.plan, raw, self.conditions)

    @cached_property
    def conditions(self) -> np.ndarray:
        """Operating conditions of the regimes at the readings, shape (readings, conditions)."""
        regimes = self.plan.regimes
        return sensor_values(self.readings, list(regimes.conditions) if regimes else [], ())

    def weights(self, columns: list[int]) -> np.ndarray | None:
        """Weight of each reading in some columns, shape (readings, columns); None if all weigh 1."""
        health = self.plan.health
        if health is None or health.is_even or self.column(NAME) not in columns:
            return None
        out = np.ones((len(self.machine), len(columns)))
        regime = regime_of(self.plan.regimes, self.conditions)
        out[:, columns.index(self.column(NAME))] = np.array(health.precision)[regime]
        return out

    def column(self, sensor: str) -> int:
        """Position of a sensor among the columns of `values`."""
        return self.plan.columns.index(sensor)

    def at_rows(self, values: np.ndarray) -> np.ndarray:
        """The newest reading's entry of each row; NaN before the first."""
        out = values[np.maximum(self.end, 0)].astype(np.float64)
        out[self.end < 0] = np.nan
        return out

    def static(self, column: str) -> pd.Series:
        """A static column at the rows: from the machines table, else from the newest reading."""
        machines = self.tables.machines
        if column in machines.columns:
            place = pd.Index(machines[MACHINE]).get_indexer(self.ids)[self.row_machine]
            source = machines[column]
        else:
            place, source = self.end, self.readings[column]
        return source.take(np.maximum(place, 0)).reset_index(drop=True).mask(place < 0)

    def code(self, category: Category) -> np.ndarray:
        """Code of a machine category at the rows; -1 unseen, NaN missing."""
        return codes(self.static(category.column), category)


def sensor_values(table: pd.DataFrame, names: list[str], categories: tuple[Category, ...]) -> np.ndarray:
    """Columns as float64; flags as 0 and 1, categories as codes, missing as NaN.

    Examples
    --------
    >>> table = pd.DataFrame({"v": [1.0, None], "is_on": [True, False]})
    >>> sensor_values(table, ["v", "is_on"], ())
    array([[ 1.,  1.],
           [nan,  0.]])
    """
    known = {category.column: category for category in categories}
    out = np.empty((len(table), len(names)))
    for at, name in enumerate(names):
        column = table[name]
        out[:, at] = (codes(column, known[name]) if name in known else column.to_numpy()
                      if column.dtype == np.float64 else column.to_numpy(np.float64, na_value=np.nan))
    return out


def codes(column: pd.Series, category: Category) -> np.ndarray:
    """Position of each text among the values seen in training; -1 unseen, NaN missing.

    Examples
    --------
    >>> codes(pd.Series(["B", None, "C"]), Category("model", ("A", "B")))
    array([ 1., nan, -1.])
    """
    position = pd.Index(category.values).get_indexer(pd.Index(column.astype(object))).astype(np.float64)
    return np.where(column.isna(), np.nan, position)
