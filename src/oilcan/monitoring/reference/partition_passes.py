"""Telemetry frames -> first-pass sums and cells; the same function counts stored tables and what a service receives."""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.bundle.watch_reference import BINS, WatchedColumn, WatchReference
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.prepare.derived import add_derived
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.monitoring.reference.reference_learning import QUARTERS, Levels, Sums, add_up
from oilcan.monitoring.signals import levels, raw_values, signals
from oilcan.monitoring.statistics.cells import Cells, pieces
from oilcan.monitoring.window_axis import WindowAxis

_NUMERIC = ("number", "integer", "flag")


@dataclass(frozen=True)
class Span:
    """The slots of a reference, from `first` up to but without `end`."""

    first: int
    end: int

    def quarter(self, slot: np.ndarray) -> np.ndarray:
        """Which quarter of the span each slot lies in, shape (n,)."""
        return np.clip((slot - self.first) * QUARTERS // max(self.end - self.first, 1), 0, QUARTERS - 1)


def numbers(telemetry: pd.DataFrame, contract: Contract) -> dict[str, np.ndarray]:
    """Numeric telemetry columns as float64, derived ones added; NaN where missing."""
    kinds = {name: column.type for name, column in contract.tables["telemetry"].columns.items()}
    plain = [name for name in contract.telemetry_columns("sensor", "condition")
             if kinds.get(name) in _NUMERIC and name in telemetry]
    table = add_derived(telemetry, contract.derived, plain) if contract.derived else telemetry
    return {name: table[name].to_numpy(dtype=np.float64, na_value=np.nan)
            for name in (*plain, *contract.derived) if name in table}


def first_pass(telemetry: pd.DataFrame, contract: Contract, plan: FeaturePlan, columns: tuple[WatchedColumn, ...],
               axis: WindowAxis, span: Span, *, keep_every: int) -> Sums:
    """Sums of one partition, readings of the span only."""
    part = _inside(telemetry, axis, span)
    readings = numbers(part, contract)
    codes, ids = pd.factorize(part[MACHINE], sort=True)
    raw, outside = raw_values(columns, readings)
    conditions = plan.regimes.conditions if plan.regimes else ()
    seen = np.column_stack([readings[name] for name in conditions]) if conditions else np.zeros((len(part), 0))
    return add_up([str(name) for name in ids], codes, span.quarter(axis.slot_of(exact(part[TIME]))),
                  levels(columns, plan, readings, outside), np.where(outside, np.nan, raw), seen, keep_every=keep_every)


def second_pass(telemetry: pd.DataFrame, contract: Contract, plan: FeaturePlan, reference: WatchReference,
                learned: Levels, axis: WindowAxis, span: Span) -> Cells:
    """Cells of one partition: every reading against the level of the other quarters."""
    part = _inside(telemetry, axis, span)
    place = {name: at for at, name in enumerate(learned.machines)}
    row = np.array([place[str(name)] for name in part[MACHINE].unique()])[pd.factorize(part[MACHINE])[0]]
    slot = axis.slot_of(exact(part[TIME]))
    cells = Cells(len(reference.columns), BINS)
    cells.add(cells.codes(part[MACHINE].astype(str).tolist()), slot,
              signals(reference, plan, numbers(part, contract), learned.others[row, span.quarter(slot)]))
    return cells


@dataclass(frozen=True)
class ReadingRows:
    """Readings without a table: a service takes in many, and tables of a few rows cost more than the rows.

    Attributes
    ----------
    names, code
        Machines, and the position of each row's among them, shape (n,).
    time
        Exact, shape (n,).
    readings
        Column -> numbers, shape (n,); see `numbers`.
    """

    names: list[str]
    code: np.ndarray
    time: np.ndarray
    readings: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, machine_ids: Sequence[str], time: np.ndarray, readings: Mapping[str, np.ndarray]) -> "ReadingRows":
        """Rows with the id of each one's machine."""
        place = defaultdict[str, int](itertools.count().__next__)       # the next number for one not met before
        code = np.fromiter(map(place.__getitem__, machine_ids), dtype=np.int64, count=len(machine_ids))
        return cls(list(place), code, time, readings)

    def only(self, kept: np.ndarray) -> "ReadingRows":
        """Some of the rows, bool, shape (n,)."""
        if kept.all():
            return self
        return ReadingRows.of([self.names[at] for at in self.code[kept].tolist()], self.time[kept],
                              {name: values[kept] for name, values in self.readings.items()})


def count_readings(cells: Cells, rows: ReadingRows, reference: WatchReference, plan: FeaturePlan, axis: WindowAxis,
                   groups: Mapping[str, int]) -> None:
    """Count readings of today against the levels of the reference, in any order.

    Parameters
    ----------
    groups
        Machine -> position of its group, for machines that the reference does not know.
    """
    known = {name: at for at, name in enumerate(reference.machines)}
    begin, everyone = len(known), len(reference.groups) - 1
    level = np.concatenate([reference.centre, reference.group_centre]).T
    place = np.array([known[name] if name in known else begin + groups.get(name, everyone) for name in rows.names],
                     dtype=np.int64)
    machine, slot = cells.codes(rows.names), axis.slot_of(rows.time)
    for part in pieces(len(slot), len(reference.columns)):      # arrays that all fit into a cache
        code = rows.code[part]
        cells.add(machine[code], slot[part],
                  signals(reference, plan, {name: values[part] for name, values in rows.readings.items()},
                          np.take(level, place[code], axis=1).T))


def _inside(telemetry: pd.DataFrame, axis: WindowAxis, span: Span) -> pd.DataFrame:
    slot = axis.slot_of(exact(telemetry[TIME]))
    return telemetry[(slot >= span.first) & (slot < span.end)]
