"""How well was a window recorded? Counts by machine and column, and what of them is beyond its limit.

These are facts about the recording, not inferences: a sensor that was silent for half a week was silent. So they have
limits of their own and take no share of the budget of false alerts; the limits never lie below a multiple of what the
reference itself shows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from oilcan.core.bundle.watch_reference import WatchedColumn, WatchReference
from oilcan.monitoring.alerts.window_findings import Finding, Severity
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.resting import rested, resting_share
from oilcan.monitoring.statistics.unit_changes import fahrenheit, fitting, is_far, paces, raw_means
from oilcan.params.operating.monitoring import MonitoringParams

SHARES: Final = ("missing", "outside", "resting")


@dataclass(frozen=True)
class QualityCounts:
    """Counts of one window.

    Attributes
    ----------
    machines
        All that are known to the cells, shape (m,).
    readings, aside
        By machine, shape (m,).
    shares
        Of `SHARES`: by machine and column, shape (m, c); NaN where the machine did not report.
    raw_mean
        Mean of the readings as they came, in their unit, shape (m, c).
    pace
        Increase a slot, shape (m, c); see `paces`.
    """

    machines: tuple[str, ...]
    readings: np.ndarray
    aside: np.ndarray
    shares: Mapping[str, np.ndarray]
    raw_mean: np.ndarray
    pace: np.ndarray

    @classmethod
    def of(cls, cells: Cells, slots: slice, raw_scale: np.ndarray) -> "QualityCounts":
        """Counts of some slots of the cells."""
        readings = cells.readings[:, slots].sum(axis=1)
        rows = np.maximum(readings, 1)[:, None]
        missing, outside = cells.missing[:, slots].sum(axis=1), cells.outside[:, slots].sum(axis=1)
        there = readings[:, None] - missing
        silent = readings[:, None] == 0
        shares = {"missing": missing / rows, "outside": outside / np.maximum(there, 1),
                  "resting": resting_share(cells, slots)}
        return cls(tuple(cells.machines), readings, cells.aside[:, slots].sum(axis=1),
                   {name: np.where(silent, np.nan, values) for name, values in shares.items()},
                   raw_means(cells, slots, raw_scale), paces(cells, slots))

    def of_long_rests(self, cells: Cells, columns: Sequence[WatchedColumn], back: Callable[[int], slice | None]
                      ) -> "QualityCounts":
        """The same, where columns that may rest for some windows are looked at over more windows.

        Parameters
        ----------
        back
            Slots of so many windows up to this one; None where the cells do not reach back so far.
        """
        resting = self.shares["resting"].copy()
        for length in sorted({column.rest_windows for column in columns} - {0, 1}):
            slots = back(length)
            rests = np.zeros(resting.shape, dtype=bool) if slots is None else rested(cells, slots)
            which = [at for at, column in enumerate(columns) if column.rest_windows == length]
            resting[:, which] = np.where(np.isnan(resting[:, which]), np.nan, rests[:, which])
        return replace(self, shares={**self.shares, "resting": resting})


def usual_shares(counts: Sequence[QualityCounts], reference: WatchReference) -> dict[str, list[float]]:
    """What the reference itself shows: the 99.5 % quantile over machines and windows, by column."""
    out = {}
    for name in SHARES:
        shares = [np.where(_as_ever(count, reference)[name], np.nan, count.shares[name]) for count in counts]
        values = np.concatenate(shares) if shares else np.full((1, len(reference.columns)), np.nan)
        out[name] = [round(float(np.quantile(column[~np.isnan(column)], 0.995)), 6)
                     if (~np.isnan(column)).any() else 0.0 for column in values.T]
    return out


def quality_findings(counts: QualityCounts, reference: WatchReference, rules: MonitoringParams) -> list[Finding]:
    """Faults of the recording of one window, one finding a column and rule."""
    found, as_ever = [], _as_ever(counts, reference)
    for at, column in enumerate(reference.columns):
        own = rules.sensors.get(column.name)
        if column.kind == "computed" or (own is not None and own.ignore):
            continue
        for name in SHARES:
            if name == "resting" and not column.rest_windows:
                continue
            limit = getattr(own, f"{name}_share", None) if own else None
            limit = getattr(rules.quality, f"{name}_share") if limit is None else limit
            limit = min(max(limit, rules.quality.margin * reference.facts["quality"][name][at]), 1.0)
            if name == "resting" and column.rest_windows > 1:
                limit = 1.0
            share = np.where(as_ever[name][:, at], 0.0, counts.shares[name][:, at])
            with np.errstate(invalid="ignore"):
                worse = np.flatnonzero((share >= limit) & (share > 0))
            if len(worse):
                worse = worse[np.argsort(-share[worse], kind="stable")]
                found.append(_of_machines(name, column.name, float(share[worse[0]]), limit, counts, worse))
        found += _unit_change(counts, reference, at, rules.quality.margin)
    return found


def _as_ever(counts: QualityCounts, reference: WatchReference) -> dict[str, np.ndarray]:
    """Sensors that a machine lacked, or that stood still, in all of the reference already: no news, shape (m, c)."""
    place = _places(reference)
    at = np.array([place.get(name, -1) for name in counts.machines], dtype=np.int64)
    known = (at >= 0)[:, None]
    return {"missing": known & np.isnan(reference.raw_centre[at]), "resting": known & (reference.still[at] > 0),
            "outside": np.zeros((len(at), len(reference.columns)), dtype=bool)}


def _of_machines(rule: str, subject: str, value: float, limit: float, counts: QualityCounts, which: np.ndarray,
                 unit: str = "share", severity: Severity = "alert", **detail: Any) -> Finding:
    names = tuple(counts.machines[at] for at in which.tolist())
    return Finding("quality", rule, subject, severity, value, limit, unit, names,
                   {"machines": len(names), **detail})


def _unit_change(counts: QualityCounts, reference: WatchReference, at: int, margin: float) -> list[Finding]:
    """Machines that read another unit than in the reference."""
    column, scale, place = reference.columns[at], float(reference.raw_scale[at]), _places(reference)
    kept = reference.pace if column.is_counter else reference.raw_centre
    usual = np.array([kept[place[name], at] if name in place else np.nan for name in counts.machines])
    now = (counts.pace if column.is_counter else counts.raw_mean)[:, at]
    moved = ~np.isnan(now) if column.is_counter else is_far(now, usual, scale)
    if not moved.any():
        return []
    found = fitting(now, usual, is_far=moved, beyond=margin * column.unit_reach)
    if column.unit.lower() in ("degc", "°c", "celsius"):
        found = fahrenheit(now, usual, scale) or found
    if found is None:
        return []
    return [_of_machines("unit", column.name, found.factor, 1.0, counts, found.which, unit="times", units=found.words)]


def _places(reference: WatchReference) -> dict[str, int]:
    return {name: number for number, name in enumerate(reference.machines)}


def silent_machines(now: np.ndarray, before: np.ndarray, machines: Sequence[str], excused: set[str],
                    usual: float) -> list[Finding]:
    """Machines that reported in the window before and not in this one.

    Parameters
    ----------
    now, before
        Readings of this window and of the one before, shape (m,).
    excused
        Machines that failed lately: their silence has a reason.
    usual
        Machines of the reference that fell silent in a window, at most; more is a finding.
    """
    gone = [machines[at] for at in np.flatnonzero((now == 0) & (before > 0)).tolist() if machines[at] not in excused]
    if len(gone) <= usual:
        return []
    return [Finding("quality", "silent", "machines", "alert", float(len(gone)), float(usual), "machines", tuple(gone),
                    {"machines": len(gone)})]


def kind_findings(seen: Mapping[str, Mapping[str, str]], reporting: set[str], reference: WatchReference,
                  rules: MonitoringParams) -> list[Finding]:
    """New machines (a notice) and new kinds of machines, such as a model or a site (an alert).

    Parameters
    ----------
    seen
        Machine -> its values by category.
    reporting
        Machines with readings in the window.
    """
    found = []
    new = sorted(reporting - set(reference.machines))
    if new:
        share = len(new) / max(len(reporting), 1)
        limit = 1 - rules.inputs.known_share
        found.append(Finding("fleet", "new_machines", "new machines", "warning" if share > limit else "notice",
                             float(len(new)), limit * len(reporting), "machines", tuple(new), {"share": share}))
    for category, values in reference.known.items():
        strange: dict[str, list[str]] = {}
        for machine in sorted(reporting):
            value = seen.get(machine, {}).get(category)
            if value is not None and value not in values:
                strange.setdefault(value, []).append(machine)
        for value, machines in strange.items():
            found.append(Finding("fleet", "new_kind", f"{category} {value}", "alert", float(len(machines)), 0.0,
                                 "machines", tuple(machines), {"category": category, "value": value}))
    return found


def arrival_findings(arrivals: "Arrivals", rules: MonitoringParams) -> list[Finding]:
    """Late, conflicting and impossible moments, where the source knows them."""
    found = []
    rows = max(arrivals.readings, 1)
    for rule, count, limit in (("late", arrivals.late, rules.quality.late_share),
                               ("conflicting", arrivals.conflicting, rules.quality.conflicting_share)):
        if count is not None and count / rows > limit:
            found.append(Finding("quality", rule, "readings", "alert", count / rows, limit, "share", arrivals.worst))
    if arrivals.ahead:
        found.append(Finding("quality", "clock", "readings", "alert", arrivals.ahead_h, 1.0, "h", arrivals.ahead,
                             {"machines": len(arrivals.ahead)}))
    return found


@dataclass(frozen=True)
class Arrivals:
    """How the readings of a window arrived; None where the source does not say.

    Attributes
    ----------
    ahead
        Machines with readings from the future, and `ahead_h`, how far the farthest is ahead.
    worst
        Machines with most of the late or conflicting readings.
    """

    readings: int = 0
    late: int | None = None
    duplicate: int | None = None
    conflicting: int | None = None
    ahead: tuple[str, ...] = ()
    ahead_h: float = 0.0
    worst: tuple[str, ...] = ()
