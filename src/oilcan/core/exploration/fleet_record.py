"""The tables of one fleet for exploration, with the instant up to which each machine's labels may be used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.phrasing.quantities import span
from oilcan.core.timeline.groups import first_rows, group_numbers
from oilcan.ground.columns import MACHINE, PART, TIME, ticks
from oilcan.ground.time_units import in_ticks, in_unit

HOURS_PER_DAY: Final = 24.0
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

    @cached_property
    def names(self) -> np.ndarray:
        """Machines that have readings, in their order, shape (machines,)."""
        return self.readings[MACHINE].iloc[first_rows(self.readings[MACHINE])].astype(str).to_numpy(dtype=object)

    @cached_property
    def code(self) -> np.ndarray:
        """Position in `names` of the machine of each reading, shape (readings,)."""
        return group_numbers(first_rows(self.readings[MACHINE]), len(self.readings))

    @cached_property
    def tick(self) -> np.ndarray:
        """Time of each reading in ticks, shape (readings,); zeros where rows are independent."""
        return ticks(self.readings[TIME]) if TIME in self.readings else np.zeros(len(self.readings))

    def steps(self) -> np.ndarray:
        """Ticks between consecutive readings of a machine, those above 0, shape (k,)."""
        step = np.diff(self.tick)[self.code[1:] == self.code[:-1]]
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


def of_machines(chosen: pd.Series | None) -> Callable[[pd.DataFrame], np.ndarray]:
    """A test of readings: whether each is of a chosen machine; of None all are."""
    return lambda readings: (np.ones(len(readings), dtype=bool) if chosen is None
                             else readings[MACHINE].isin(chosen).to_numpy(dtype=bool))


def record(
    contract: Contract, readings: pd.DataFrame, tables: Mapping[str, pd.DataFrame], rows: pd.DataFrame | None,
    chosen: pd.Series | None,
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
    chosen
        Machines whose readings are explored, from `machines_read`; None for all.
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
    if chosen is not None:
        readings = readings[readings[MACHINE].isin(chosen)]
    order = readings if _is_sorted(readings) else readings.sort_values(
        [MACHINE, TIME] if timed else [MACHINE], kind="stable", ignore_index=True)  # fmt: skip
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


def _is_sorted(readings: pd.DataFrame) -> bool:
    """Whether readings lie by machine and time already, as canonical ones do; then they are not copied."""
    first = first_rows(readings[MACHINE])
    names = readings[MACHINE].iloc[first]
    inside = np.ones(max(len(readings) - 1, 0), bool)
    inside[first[1:] - 1] = False
    steps = np.diff(ticks(readings[TIME])) if TIME in readings else np.zeros(len(inside))
    has_plain_index = readings.index.equals(pd.RangeIndex(len(readings)))
    return has_plain_index and names.is_monotonic_increasing and not (steps[inside] < 0).any()
