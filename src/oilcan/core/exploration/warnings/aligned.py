"""Readings and errors before failures, lined up at the failure, beside matched times of the same machines.

A matched time is an instant of the same machine, a whole number of days away (so the hour of the day agrees), with no
failure within one look-back on either side. The difference between event and matched times leaves out what is peculiar
to the machine.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.ground.columns import MACHINE, TIME, ticks

CONTROLS: Final = 5  # matched times per failure
BINS: Final = 60  # of the look-back, at most


@dataclass(frozen=True)
class Aligned:
    """Failures of one mode and their matched times.

    Attributes
    ----------
    edges
        Leads before the failure [ticks], ascending from 0, shape (bins + 1,).
    machine
        Code of the failing machine, shape (failures,).
    at
        Tick of each failure, shape (failures,).
    controls
        Ticks of its matched times, shape (failures, CONTROLS), NaN where there is none.
    quiet
        Whether no failure of any mode lies within one look-back of a matched time, the same shape.
    elsewhere
        Machines of the matched times where they are others than the failing one.
    """

    edges: np.ndarray
    machine: np.ndarray
    names: np.ndarray
    at: np.ndarray
    controls: np.ndarray
    quiet: np.ndarray
    elsewhere: np.ndarray | None = None

    @property
    def control_machine(self) -> np.ndarray:
        """Code of the machine of each matched time, shape (failures, CONTROLS)."""
        return np.repeat(self.machine[:, None], CONTROLS, axis=1) if self.elsewhere is None else self.elsewhere

    def __len__(self) -> int:
        return len(self.at)

    @property
    def lead(self) -> np.ndarray:
        """Middle of each bin of lead time [ticks]."""
        return np.asarray((self.edges[1:] + self.edges[:-1]) / 2)


def look_back(fleet: FleetRecord, median_life: float | None) -> float:
    """How far before failures one looks [ticks]: a third of a usual life, and no more than 45 days or 100 cycles.

    Never farther than half of the failing machines were observed before they failed, and never less than four periods.
    """
    first = fleet.machines.set_index(MACHINE)["first_time"]
    watched = (
        ticks(fleet.failures[TIME]) - ticks(fleet.failures[MACHINE].map(first)) if len(fleet.failures) else np.zeros(0)
    )
    usual = float(np.median(watched)) if len(watched) else np.inf
    life = median_life if median_life else 60 * fleet.period
    longest = 45 * 24.0 if fleet.unit == "h" else 100 * fleet.period
    whole = max(4.0, np.floor(min(max(life / 3, 20 * fleet.period), longest, usual) / fleet.period))
    return float(whole * fleet.period)


def align(fleet: FleetRecord, failures: pd.DataFrame, *, back: float) -> Aligned:
    """The failures with some record before them, each with its matched times.

    Where a machine has no free time of its own (a disk that fails once, soon), the matched times are the instant of the
    failure on other machines of the same model, and `elsewhere` says so.

    Parameters
    ----------
    failures
        machine_id and time of one mode; several at one instant of a machine count once.
    back
        Look-back in ticks.
    """
    names = fleet.names
    machines = fleet.machines.set_index(fleet.machines[MACHINE].astype(str)).loc[names]
    code = pd.Series(np.arange(len(names)), index=names)
    first = ticks(machines["first_time"])
    bins = int(min(BINS, max(4, round(back / fleet.period))))
    edges = np.linspace(0.0, back, bins + 1)
    events = failures[failures[MACHINE].isin(names)].drop_duplicates([MACHINE, TIME])
    who, tick = code.reindex(events[MACHINE].astype(str)).to_numpy(), ticks(events[TIME])
    watched = tick - first[who] >= min(back, 4 * fleet.period) if len(who) else np.zeros(0, bool)
    who, tick = who[watched].astype(np.int64), tick[watched]
    known = fleet.known_until.reindex(names).to_numpy(dtype=np.float64)
    every = fleet.failures[fleet.failures[MACHINE].isin(names)]
    every_who, every_tick = code.reindex(every[MACHINE].astype(str)).to_numpy(), ticks(every[TIME])
    controls, quiet = np.full((len(who), CONTROLS), np.nan), np.zeros((len(who), CONTROLS), bool)
    step = 24.0 if fleet.unit == "h" and fleet.period < 24 else fleet.period
    for row, (machine, instant) in enumerate(zip(who, tick, strict=True)):
        mine, all_of_it = tick[who == machine], every_tick[every_who == machine]
        shift = np.arange(-np.ceil((instant - first[machine]) / step), np.ceil((known[machine] - instant) / step))
        times = instant + shift * step
        free = (times - first[machine] >= back) & (times <= known[machine])
        free &= np.abs(times[:, None] - mine[None, :]).min(axis=1) > back
        candidates = times[free]
        evenly = np.unique(np.linspace(0, max(len(candidates) - 1, 0), CONTROLS).round().astype(int))
        chosen = candidates[evenly] if len(candidates) else candidates
        controls[row, : len(chosen)] = chosen
        if len(chosen):
            quiet[row, : len(chosen)] = np.abs(chosen[:, None] - all_of_it[None, :]).min(axis=1) > back
    if len(who) and np.isnan(controls).all(axis=1).mean() > 0.5:
        return _elsewhere(fleet, machines, Aligned(edges, who, names, tick, controls, quiet), back)
    return Aligned(edges, who, names, tick, controls, quiet)


def _elsewhere(fleet: FleetRecord, machines: pd.DataFrame, own: Aligned, back: float) -> Aligned:
    """The same failures with matched machines: alike, watched over the same look-back, never failing in the record."""
    kinds = [name for name in fleet.contract.slices if name in machines]
    kind = machines[kinds].astype(str).agg("|".join, axis=1).to_numpy() if kinds else np.full(len(machines), "")
    fails = machines[MACHINE].isin(fleet.failures[MACHINE]).to_numpy()
    first, last = ticks(machines["first_time"]), ticks(machines["last_time"])
    other = np.full((len(own), CONTROLS), -1)
    for row, (machine, instant) in enumerate(zip(own.machine, own.at, strict=True)):
        free = ~fails & (kind == kind[machine]) & (first <= max(instant - back, first[machine])) & (last >= instant)
        candidates = np.flatnonzero(free)
        if len(candidates):
            # spread over the fleet, and not the same five for every failure
            evenly = np.linspace(0, len(candidates), CONTROLS, endpoint=False).astype(int)
            other[row] = candidates[(evenly + 7 * row) % len(candidates)]
    there = other >= 0
    return replace(own, controls=np.where(there, own.at[:, None], np.nan), quiet=there, elsewhere=np.maximum(other, 0))


class BinMeans:
    """Means of a signal over bins of time of one machine, by running sums: shape (times, bins)."""

    def __init__(self, fleet: FleetRecord) -> None:
        self._base = fleet.tick.min(initial=0.0)
        self._span = np.ptp(fleet.tick) + 1e6 if len(fleet.tick) else 1.0
        self._key = fleet.code * (2 * self._span) + (fleet.tick - self._base)

    @staticmethod
    def sums(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Running sums and counts of one column, NaN left out; led by 0."""
        there = ~np.isnan(column)
        return (
            np.concatenate([[0.0], np.cumsum(np.where(there, column, 0.0))]),
            np.concatenate([[0], np.cumsum(there)]),
        )

    def places(self, machine: np.ndarray, at: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Positions in the running sums of every edge before every time, shape (times, bins + 1)."""
        wanted = machine[:, None] * (2 * self._span) + (at[:, None] - edges[None, :] - self._base)
        return np.searchsorted(self._key, wanted, side="left")

    @staticmethod
    def means(sums: tuple[np.ndarray, np.ndarray], places: np.ndarray) -> np.ndarray:
        """Mean of each bin; NaN where it holds no reading. The edge at the failure itself is left out of bin 0."""
        total, count = (running[places[:, :-1]] - running[places[:, 1:]] for running in sums)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
