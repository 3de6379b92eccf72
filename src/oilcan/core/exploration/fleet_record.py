"""The tables of one fleet for exploration, with the instant up to which each machine's labels may be used."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import special, stats

from oilcan.contract import Contract
from oilcan.core.features.signals.regimes import Clusters, learn_regimes
from oilcan.core.features.signals.surface import Surface
from oilcan.core.phrasing.quantities import span
from oilcan.core.timeline.groups import minus_group_mean
from oilcan.ground.columns import MACHINE, PART, TIME, ticks
from oilcan.ground.time_units import in_ticks, in_unit

HOURS_PER_DAY: Final = 24.0
MAX_REGIMES: Final = 12
_NUMERIC: Final = frozenset({"number", "integer", "flag"})


@dataclass(frozen=True)
class FleetRecord:
    """One fleet with its events.

    Attributes
    ----------
    readings
        machine_id, time and numeric columns, sorted by machine and time.
    errors, maintenance, failures, machines
        Canonical tables; of failures only those that may be known.
    known_until
        Machine -> last tick up to which its failures may be looked at; machines left out have no labels.
    left_out
        Machines whose readings were not explored because there are too many.
    """

    contract: Contract
    readings: pd.DataFrame
    errors: pd.DataFrame
    maintenance: pd.DataFrame
    failures: pd.DataFrame
    machines: pd.DataFrame
    known_until: pd.Series
    left_out: int = 0

    @property
    def unit(self) -> str:
        """Unit in which lengths of time are shown: `h` of the calendar, `cycles`, or running time in its own."""
        return self.contract.time.lengths

    @property
    def grain(self) -> float:
        """Ticks of the unit of pictures and rhythms: a day of the calendar, a cycle, a unit of running time."""
        return HOURS_PER_DAY if self.unit == "h" else in_ticks(1.0, self.unit)

    @property
    def grain_words(self) -> str:
        """The same in words: `days`, `cycles`, `s`, `min` or `h`."""
        return {"h": "days", "hours": "h"}.get(self.unit, self.unit)

    def length(self, ticks: float) -> str:
        """A length of time for people."""
        return span(in_unit(ticks, self.unit), self.unit)

    @property
    def period(self) -> float:
        """Usual ticks between readings of a machine: as the contract states, else the median step."""
        if self.contract.time.period is not None:
            return self.contract.time.period.ticks
        steps = self.steps()
        return float(np.median(steps)) if len(steps) else 1.0

    def machines_read(self) -> pd.DataFrame:
        """Rows of the machines table whose readings are explored."""
        return self.machines[self.machines[MACHINE].isin(self.readings[MACHINE].unique())]

    def steps(self) -> np.ndarray:
        """Ticks between consecutive readings of a machine, those above 0, shape (k,)."""
        machine = self.readings[MACHINE].to_numpy()
        step = np.diff(ticks(self.readings[TIME]))[machine[1:] == machine[:-1]]
        return np.asarray(step[step > 0])

    def columns(self, *roles: str) -> list[str]:
        """Numeric telemetry columns of these roles that the readings hold."""
        types = {name: column.type for name, column in self.contract.tables["telemetry"].columns.items()}
        return [
            name
            for name in self.contract.telemetry_columns(*roles)
            if name in self.readings and types.get(name, "number") in _NUMERIC
        ]

    def describe(self, column: str) -> tuple[str, str]:
        """Description and unit of a telemetry column, in the contract's words."""
        known = self.contract.tables["telemetry"].columns.get(column) or self.contract.derived.get(column)
        return (known.description, known.unit) if known else (column, "")


def machines_read(machines: pd.DataFrame, readings: int, *, most: int) -> pd.Series | None:
    """Machines whose readings are explored, evenly spread by id, so that about `most` remain; None where all are.

    Parameters
    ----------
    machines
        machine_id, one row each.
    readings
        Of all machines together.
    """
    if readings <= most:
        return None
    ids = machines[MACHINE].sort_values(ignore_index=True)
    return ids.iloc[np.unique(np.linspace(0, len(ids) - 1, max(1, len(ids) * most // readings)).astype(int))]


def record(
    contract: Contract, readings: pd.DataFrame, tables: Mapping[str, pd.DataFrame], rows: pd.DataFrame | None,
    *, most: int,
) -> FleetRecord:  # fmt: skip
    """The record to explore.

    Parameters
    ----------
    readings
        Canonical or prepared telemetry of some or all machines.
    tables
        errors, maintenance, failures, machines.
    rows
        Forecast rows with their part: failures are used up to the last training row of each machine. Without rows
        (no split yet) all failures are used.
    most
        About so many readings are explored; of more, whole machines are taken evenly.
    """
    machines = tables["machines"]
    timed = TIME in readings
    if not timed:
        until = pd.Series(dtype=np.float64)
    elif rows is None:
        until = pd.Series(ticks(machines["last_time"]), index=pd.Index(machines[MACHINE]))
    else:
        training = rows[rows[PART] == "train"]
        until = pd.Series(ticks(training[TIME]), index=pd.Index(training[MACHINE])).groupby(level=0).max()
    failures = tables["failures"]
    if timed and len(failures):
        known = failures[MACHINE].map(until).to_numpy(dtype=np.float64)
        if contract.failures.source in {"end_of_life", "flag"}:  # the failure is the instant after the last row
            known = known + 2 * (contract.time.period.ticks if contract.time.period else 1.0)
        failures = failures[ticks(failures[TIME]) <= known].reset_index(drop=True)
    chosen = machines_read(machines, len(readings), most=most)
    if chosen is not None:
        readings = readings[readings[MACHINE].isin(chosen)]
    order = readings.sort_values([MACHINE, TIME] if timed else [MACHINE], kind="stable").reset_index(drop=True)
    return FleetRecord(
        contract,
        order,
        tables["errors"],
        tables["maintenance"],
        failures,
        machines,
        until,
        int(machines[MACHINE].nunique() - readings[MACHINE].nunique()),
    )


@dataclass(frozen=True)
class Signals:
    """Sensors with the operating conditions taken out, in standard deviations within machines.

    Attributes
    ----------
    values
        Shape (readings, sensors), NaN where missing; 0 is the machine's own mean.
    corrected
        The same shape: with the conditions taken out, in the sensors' own units.
    explained
        Per sensor, the share of its variance within machines that the conditions explain.
    regimes
        The expectation learned from the readings; None where no condition explains anything.
    """

    sensors: list[str]
    values: np.ndarray
    corrected: np.ndarray
    explained: dict[str, float]
    regimes: Clusters | Surface | None

    @functools.cached_property
    def levels(self) -> np.ndarray:
        """Shape of `values`: normal scores of the ranks over the whole fleet, to compare machines with each other."""
        return _scores(self.corrected)


def signals(fleet: FleetRecord, *, every: int = 7) -> Signals:
    """Sensors of the record with conditions taken out; every `every`-th reading teaches the expectation."""
    sensors, conditions = fleet.columns("sensor"), fleet.columns("condition")
    raw = fleet.readings[sensors].to_numpy(dtype=np.float64, na_value=np.nan)
    settings = fleet.readings[conditions].to_numpy(dtype=np.float64, na_value=np.nan)
    code = pd.factorize(fleet.readings[MACHINE])[0]
    values, regimes = raw.copy(), None
    if conditions and sensors and len(raw):
        step = every if len(raw) > 20_000 else 1
        regimes = learn_regimes(
            raw[::step], settings[::step], code[::step], sensors=sensors, names=conditions, max_regimes=MAX_REGIMES
        )
    if regimes is not None:
        at = [sensors.index(name) for name in regimes.sensors]
        used = settings[:, [conditions.index(name) for name in regimes.conditions]]
        values[:, at] = regimes.normalise(raw[:, at], used)
    explained = {
        name: _explained(
            raw[:, at],
            values[:, at],
            code,
            bool(regimes and name in regimes.sensors),
            bool(isinstance(regimes, Surface) and name in regimes.relative),
        )
        for at, name in enumerate(sensors)
    }
    return Signals(sensors, _standardised(values, code), values, explained, regimes)


def _explained(raw: np.ndarray, left: np.ndarray, code: np.ndarray, corrected: bool, relative: bool) -> float:
    if not corrected:
        return 0.0
    with np.errstate(all="ignore"):
        values = np.log(np.where(raw > 0, raw, np.nan)) * 100.0 if relative else raw
        whole = np.nanvar(minus_group_mean(values, code))
        rest = np.nanvar(minus_group_mean(left, code))
    return float(np.clip(1.0 - rest / whole, 0.0, 1.0)) if whole > 0 else 0.0



def _standardised(values: np.ndarray, code: np.ndarray) -> np.ndarray:
    out = np.empty_like(values)
    for at in range(values.shape[1]):
        centred = minus_group_mean(values[:, at], code)
        spread = float(np.nanstd(centred)) if (~np.isnan(centred)).any() else 0.0
        out[:, at] = centred / spread if spread > 0 else np.where(np.isnan(centred), np.nan, 0.0)
    return out


def _scores(values: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks of each column; ties share their mean rank."""
    out = np.full_like(values, np.nan)
    for at in range(values.shape[1]):
        there = ~np.isnan(values[:, at])
        if there.any():
            out[there, at] = special.ndtri((stats.rankdata(values[there, at]) - 0.5) / there.sum())
    return out
