"""How well was a window recorded? Counts by machine and column, and what of them is beyond its limit.

These are facts about the recording, not inferences: a sensor that was silent for half a week was silent. So they have
limits of their own and take no share of the budget of false alerts; the limits never lie below a multiple of what the
reference itself shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.monitoring.alerts.window_findings import Finding, Severity
from oilcan.monitoring.statistics.cells import UNIT, Cells
from oilcan.params.operating.monitoring import MonitoringParams

SHARES: Final = ("missing", "outside", "resting")
_FEW_A_SLOT: Final = 4                  # readings in a slot below which only the whole window can show a rest
_FEWEST: Final = 6                      # readings that are the same, to call it a rest
_CLOSE: Final = 0.06                    # how well a change of unit must fit
_COMMON: Final = 8.0                    # a fault of the machine can reach smaller factors, so they must be seen on
_SEVERAL: Final = 3                     # so many machines at once
# What two usual units of one quantity differ by; each also the other way round.
UNIT_FACTORS: Final[Mapping[str, float]] = {
    "a power of ten (for example bar and mbar, m and mm)": 1000.0, "bar and kPa, or % and a share": 100.0,
    "bar and MPa, or mm and cm": 10.0, "bar and psi": 14.5038, "psi and kPa": 6.8948, "in and mm": 25.4,
    "m/s and km/h": 3.6, "m3/h and gpm": 4.4029, "Hz and rpm": 60.0, "m and ft": 3.2808,
}


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
    """

    machines: tuple[str, ...]
    readings: np.ndarray
    aside: np.ndarray
    shares: Mapping[str, np.ndarray]
    raw_mean: np.ndarray

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
        raw = cells.raw_total[:, slots].sum(axis=1) / UNIT * raw_scale / np.maximum(there, 1)
        return cls(tuple(cells.machines), readings, cells.aside[:, slots].sum(axis=1),
                   {name: np.where(silent, np.nan, values) for name, values in shares.items()},
                   np.where(there > 0, raw, np.nan))


def resting_share(cells: Cells, slots: slice) -> np.ndarray:
    """Share of the slots with readings in which a column never moved, shape (m, c).

    With fewer than four readings a slot, the window as a whole: 1 if it never moved, else 0.
    """
    there = cells.readings[:, slots, None] - cells.missing[:, slots]
    low, high = cells.low[:, slots], cells.high[:, slots]
    seen = there > 0
    if not seen.any() or float(np.median(there[seen])) >= _FEW_A_SLOT:
        rests = (there >= _FEWEST) & (low == high)
        return np.asarray(rests.sum(axis=1) / np.maximum((there >= _FEWEST).sum(axis=1), 1), dtype=float)
    if low.shape[1] == 0:
        return np.zeros((low.shape[0], low.shape[2]))
    rests = (there.sum(axis=1) >= _FEWEST) & (low.min(axis=1) == high.max(axis=1))
    return rests.astype(float)


def usual_shares(counts: Sequence[QualityCounts]) -> dict[str, list[float]]:
    """What the reference itself shows: the 99.5 % quantile over machines and windows, by column."""
    out = {}
    for name in SHARES:
        values = np.concatenate([count.shares[name] for count in counts])
        out[name] = [round(float(np.quantile(column[~np.isnan(column)], 0.995)), 6)
                     if (~np.isnan(column)).any() else 0.0 for column in values.T]
    return out


def quality_findings(counts: QualityCounts, reference: WatchReference, rules: MonitoringParams) -> list[Finding]:
    """Faults of the recording of one window, one finding a column and rule."""
    found = []
    for at, column in enumerate(reference.columns):
        own = rules.sensors.get(column.name)
        if column.kind == "computed" or (own is not None and own.ignore):
            continue
        for name in SHARES:
            if name == "resting" and column.is_slow:
                continue
            limit = getattr(own, f"{name}_share", None) if own else None
            limit = getattr(rules.quality, f"{name}_share") if limit is None else limit
            limit = min(max(limit, rules.quality.margin * reference.facts["quality"][name][at]), 1.0)
            share = counts.shares[name][:, at]
            with np.errstate(invalid="ignore"):
                worse = np.flatnonzero((share >= limit) & (share > 0))
            if len(worse):
                worse = worse[np.argsort(-share[worse], kind="stable")]
                found.append(_of_machines(name, column.name, float(share[worse[0]]), limit, counts, worse))
        found += _unit_change(counts, reference, at)
    return found


def _of_machines(rule: str, subject: str, value: float, limit: float, counts: QualityCounts, which: np.ndarray,
                 unit: str = "share", severity: Severity = "alert", **detail: Any) -> Finding:
    names = tuple(counts.machines[at] for at in which.tolist())
    return Finding("quality", rule, subject, severity, value, limit, unit, names,
                   {"machines": len(names), **detail})


def _unit_change(counts: QualityCounts, reference: WatchReference, at: int) -> list[Finding]:
    """Machines whose mean reading is a well-known factor of what it was; not for a column with an arbitrary zero."""
    place = {name: number for number, name in enumerate(reference.machines)}
    usual = np.array([reference.raw_centre[place[name], at] if name in place else np.nan for name in counts.machines])
    now = counts.raw_mean[:, at]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = now / usual
        far = np.abs(now - usual) > 3 * reference.raw_scale[at]
    best: tuple[np.ndarray, str, float] | None = None
    for words, factor in UNIT_FACTORS.items():
        for value in (factor, 1 / factor):
            fits = np.flatnonzero(far & (np.abs(ratio / value - 1) < _CLOSE))
            if len(fits) >= (1 if factor >= _COMMON else _SEVERAL) and (best is None or len(fits) > len(best[0])):
                best = fits, words, value
    celsius = np.flatnonzero(far & (np.abs(now - (1.8 * usual + 32)) < 2 * reference.raw_scale[at]))
    if reference.columns[at].unit.lower() in ("degc", "°c", "celsius") and len(celsius):
        best = celsius, "degrees Celsius and Fahrenheit", 1.8
    if best is None:
        return []
    which, words, value = best
    return [_of_machines("unit", reference.columns[at].name, value, 1.0, counts, which, unit="times", units=words)]


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
