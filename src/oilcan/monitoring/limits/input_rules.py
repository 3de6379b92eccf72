"""Which columns have moved further than clean windows do? Limits applied to the statistics of the latest windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.monitoring.alerts.window_findings import Finding, Severity, Unknown
from oilcan.monitoring.limits.drawn_limits import Limits
from oilcan.monitoring.statistics.input_statistics import ALERTING, OF_MACHINES, STATISTICS, MachineWindows, common_step
from oilcan.monitoring.statistics.machine_steps import RARE
from oilcan.params.operating.monitoring import MonitoringParams

_LISTED: Final = 50                     # machines that a finding names


@dataclass(frozen=True)
class InputWindows:
    """The latest windows of the machines that the reference knows, oldest first; the last one is judged.

    Attributes
    ----------
    machines
        Ids in order, shape (m,).
    values
        From `statistics`, shape (w, c, number of STATISTICS).
    """

    machines: Sequence[str]
    windows: MachineWindows
    values: np.ndarray

    def upto(self, window: int, of: int) -> "InputWindows":
        """The `of` windows that end with one, which may be judged; the first of all is `of` - 1 before window 0."""
        some = slice(window, window + of)
        return InputWindows(self.machines, self.windows.some(some), self.values[some])


def present_machines(windows: MachineWindows) -> np.ndarray:
    """Which machines have enough readings in the last window, shape (m,)."""
    return np.asarray((~np.isnan(windows.deviation[-1])).any(axis=1))


def not_enough(known: int, reporting: int, rules: MonitoringParams) -> Unknown | None:
    """Why the inputs of a window cannot be judged; None if they can.

    Parameters
    ----------
    known
        Machines with a level of their own and enough readings under known conditions.
    reporting
        All machines with readings.
    """
    if known < rules.inputs.fewest_machines:
        return Unknown("inputs", f"{known} of {reporting} machines have a level and enough readings "
                                 f"under known conditions (wanted {rules.inputs.fewest_machines}): not enough data")
    if known < rules.inputs.known_share * reporting:
        return Unknown("inputs", f"the reference knows {known} of {reporting} machines (wanted "
                                 f"{rules.inputs.known_share:.0%}): not enough data about the others")
    return None


def input_findings(seen: InputWindows, limits: Limits, reference: WatchReference, rules: MonitoringParams
                   ) -> list[Finding]:
    """Columns beyond their limits, one finding a column and statistic."""
    scaled = limits.scaled(np.where(_are_enough(seen, rules)[:, None, None], seen.values, np.nan))
    latest = scaled[-1]
    again = np.sort(np.where(np.isnan(scaled[-limits.of:]), -np.inf, scaled[-limits.of:]), axis=0)
    repeated = again[-limits.needed] if len(again) >= limits.needed else np.full(latest.shape, -np.inf)
    found = []
    for at, column in enumerate(reference.columns):
        own = rules.sensors.get(column.name)
        if not column.is_judged or (own is not None and own.ignore):
            continue
        for number, name in enumerate(STATISTICS):
            is_at_once = latest[at, number] > limits.at_once[number]
            if not is_at_once and not min(repeated[at, number], latest[at, number]) > limits.in_a_row[number]:
                continue
            severity: Severity = "notice" if name not in ALERTING else "alert" if is_at_once else "warning"
            limit = limits.middle[at, number] + limits.spread[at, number] * (
                limits.at_once[number] if is_at_once else limits.in_a_row[number])
            found.append(Finding(
                "inputs", name, column.name, severity, float(seen.values[-1, at, number]), float(limit),
                "score of a step" if name in OF_MACHINES else "reference standard deviations"
                if name != "psi" else "nats", *_machines(seen, name, at),
            ))  # fmt: skip
    return found


def _are_enough(seen: InputWindows, rules: MonitoringParams) -> np.ndarray:
    """In which windows enough machines say something, shape (w,): a holiday says nothing of the weeks after it."""
    present = (~np.isnan(seen.windows.deviation)).any(axis=2).sum(axis=1)
    return np.asarray(present >= max(rules.inputs.fewest_machines, rules.inputs.known_share * len(seen.machines)))


def _machines(seen: InputWindows, name: str, at: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Machines that moved most, in the direction of the fleet, and what the diagnosis asks for."""
    deviation, jump = seen.windows.deviation[-1][:, at], seen.windows.jump[-1][:, at]
    if name == "together":
        _, direction, moved = common_step(jump)
        known = (~np.isnan(jump)).any(axis=1)
    else:
        size = _largest(jump) if name in OF_MACHINES else deviation
        known = ~np.isnan(size)
        direction = float(np.sign(np.nansum(np.clip(size, -3, 3)))) or 1.0
        order = np.argsort(np.where(known, -direction * size, np.inf), kind="stable")
        least = RARE if name in OF_MACHINES else 1.0
        moved = [place for place in order.tolist() if direction * size[place] > least]
    there = deviation[~np.isnan(deviation)]
    detail = {"mean_shift": float(there.mean()) if len(there) else None, "direction": "up" if direction > 0 else "down",
              "machines": int(known.sum()), "moved": len(moved)}
    names = tuple(seen.machines[place] for place in moved[:_LISTED])
    return (names if len(moved) <= 0.5 * known.sum() else ()), detail


def _largest(jump: np.ndarray) -> np.ndarray:
    """Largest step of each machine with its sign, NaN without one, shape (m, slots) in, (m,) out."""
    if not jump.shape[1]:
        return np.full(len(jump), np.nan)
    far = np.where(np.isnan(jump), -1.0, np.abs(jump)).argmax(axis=1)
    return np.asarray(np.take_along_axis(jump, far[:, None], axis=1)[:, 0])
