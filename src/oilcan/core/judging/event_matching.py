"""Which failures did the alarms announce, how early, and how often were they wrong?

The protocol (Salfner, Lenk and Malek, ACM Computing Surveys 42(3), 2010; lead time and prediction
period). For a failure at T, lead time L and horizon H the *warning window* is [T - L - H, T - L): the
rows whose label is 1.

- An alarm is a row at which the alarm policy raises one (`policy.step`).
- A failure is *detected* if an alarm falls in its warning window, else *missed*. Only failures whose
  window lies inside the rows count: none of its rows may be cut off at the first or last row.
  Failures of one machine at one instant (several modes) count once.
- An alarm at t is *true* if a failure falls in (t + L, t + L + H], counted or not. Otherwise it is
  *censored*, and not counted, if t + L + H lies past the end of observation; else it is *false*. So an
  alarm that comes too late (failure within L) is false, and its failure missed.
"""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from oilcan.core.alarms.policy import AlarmPolicy, AlarmState, step
from oilcan.core.timeline.axis import SLACK, Axis
from oilcan.ground.columns import MACHINE, TIME, ticks

HOURS_PER_MONTH: Final = 730.5      # 365.25 days / 12


@dataclass(frozen=True)
class EventCounts:
    """What the alarms were worth, over all machines.

    `alarms` = `true_alarms` + `false_alarms`; censored alarms are in none of the three. `exposure` is the
    machine-time, in ticks, in which an alarm could be judged. `lead_times` has one entry per detected
    failure: ticks from the first alarm of its window to the failure.
    """

    n_failures: int
    detected: int
    missed: int
    alarms: int
    true_alarms: int
    false_alarms: int
    lead_times: np.ndarray
    exposure: float = 0.0
    late_alarms: int = 0            # those of the false ones that came within the lead time of a failure
    censored_alarms: int = 0


@dataclass(frozen=True)
class Tally:
    """Counts by machine, each of shape (n_machines,), for resampling machines."""

    n_failures: np.ndarray
    detected: np.ndarray
    true_alarms: np.ndarray
    false_alarms: np.ndarray
    exposure: np.ndarray
    lead_times: np.ndarray          # (n_detected,)
    lead_machine: np.ndarray        # (n_detected,) machine of each, as a position


class Alarms(NamedTuple):
    """Rows at which an alarm was raised, (n,), and the number held back for each machine, (n_machines,)."""

    onset: np.ndarray
    held_back: np.ndarray


@dataclass(frozen=True)
class WarningWindows:
    """Rows and failures laid side by side once, to judge many thresholds.

    Build it with `lay_out`.
    """

    machines: np.ndarray            # (n_machines,) ids in order of the rows
    code: np.ndarray                # (n,) position of each row's machine
    ticks: np.ndarray               # (n,)
    due: np.ndarray                 # (n,) a failure falls in (t + L, t + L + H]
    late: np.ndarray                # (n,) a failure falls in (t, t + L]
    known: np.ndarray               # (n,) an alarm here can be judged
    step: float                     # usual ticks between rows
    failure_machine: np.ndarray     # (n_failures,) of the failures that count
    failure_ticks: np.ndarray       # (n_failures,)
    window_start: np.ndarray        # (n_failures,) first row of the warning window
    window_end: np.ndarray          # (n_failures,) one past its last row

    def alarms(self, policy: AlarmPolicy, p: np.ndarray, crew: np.ndarray | None = None) -> "Alarms":
        """What the policy raises at these rows, starting with nothing known."""
        state = AlarmState.of(len(self.machines))
        return Alarms(step(policy, state, self.code, self.ticks, p, crew), state.held_back)

    def judged_where(self, known: np.ndarray) -> "WarningWindows":
        """The same, with no alarm judged at rows whose outcome is not `known`, shape (n,)."""
        return replace(self, known=self.known & known)

    def tally(self, onset: np.ndarray) -> Tally:
        """Counts by machine for alarms at the rows of `onset`."""
        n = len(self.machines)
        rows = np.flatnonzero(onset)
        nearest = np.searchsorted(rows, self.window_start)          # first alarm at or after the window opens
        candidate = np.append(rows, len(onset))[nearest]
        hit = candidate < self.window_end
        true, false = onset & self.due, onset & ~self.due & self.known
        return Tally(
            n_failures=_count(self.failure_machine, n),
            detected=_count(self.failure_machine[hit], n),
            true_alarms=_count(self.code[true], n),
            false_alarms=_count(self.code[false], n),
            exposure=_count(self.code[self.known], n) * self.step,
            lead_times=self.failure_ticks[hit] - self.ticks[candidate[hit]],
            lead_machine=self.failure_machine[hit],
        )

    def match(self, onset: np.ndarray) -> EventCounts:
        """Counts over all machines for alarms at the rows of `onset`."""
        tally = self.tally(onset)
        n_failures, detected = int(tally.n_failures.sum()), int(tally.detected.sum())
        true, false = int(tally.true_alarms.sum()), int(tally.false_alarms.sum())
        return EventCounts(
            n_failures, detected, n_failures - detected, true + false, true, false, tally.lead_times,
            exposure=float(tally.exposure.sum()),
            late_alarms=int((onset & self.late & ~self.due & self.known).sum()),
            censored_alarms=int(onset.sum()) - true - false,
        )


def _count(code: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(code, minlength=n).astype(np.int64)


def lay_out(machine_id: np.ndarray | pd.Series, ticks: np.ndarray, failures: pd.DataFrame, lead_time: float,
            horizon: float, observed_until: np.ndarray | None = None) -> WarningWindows:
    """Find the rows of every warning window, and which rows can be judged.

    Parameters
    ----------
    machine_id, ticks
        Rows at which forecasts were made, shape (n,), sorted by machine, then time.
    failures
        Canonical failures: machine_id, time. Those of machines without rows are left out.
    lead_time, horizon
        In ticks.
    observed_until
        End of observation of the row's machine in ticks, shape (n,); absent: its last row here.

    Raises
    ------
    ValueError
        If the rows are not sorted.

    Examples
    --------
    >>> failures = pd.DataFrame({"machine_id": ["a"], "time": [20]})
    >>> windows = lay_out(np.array(["a"] * 30), np.arange(30.0), failures, lead_time=2.0, horizon=6.0)
    >>> np.flatnonzero(windows.due).tolist()
    [12, 13, 14, 15, 16, 17]
    """
    code, machines = _machine_codes(machine_id)
    first, stop = np.searchsorted(code, np.arange(len(machines))), np.searchsorted(
        code, np.arange(len(machines)), side="right")
    steps = np.diff(ticks)[code[1:] == code[:-1]]
    if (code[1:] < code[:-1]).any() or (steps < 0).any():
        raise ValueError("rows must be sorted by machine, then time")
    step = float(np.median(steps)) if len(steps) else horizon
    who, when = _failure_instants(failures, machines)
    axis = Axis(ticks, code, when, who, lead_time + horizon)
    last = ticks[stop[code] - 1] if observed_until is None else observed_until
    due = axis.any_failure(lead_time, lead_time + horizon)
    opens, closes = when - lead_time - horizon, when - lead_time
    inside = (ticks[first[who]] < opens + step - SLACK) & (ticks[stop[who] - 1] + step > closes - SLACK)
    start, end = axis.rows_from(opens), axis.rows_from(closes)
    return WarningWindows(
        machines, code, ticks, due, axis.any_failure(0.0, lead_time),
        due | (ticks + lead_time + horizon <= last + SLACK), step,
        who[inside], when[inside], start[inside], end[inside],
    )


def end_of_observation(machines: pd.DataFrame, machine_id: pd.Series) -> np.ndarray | None:
    """Last tick of observation of the machine of each row, (n,); None where it is not known.

    Parameters
    ----------
    machines
        Canonical machines, as `prepare` wrote them.
    machine_id
        Machine of each row, (n,).
    """
    if "last_time" not in machines:
        return None
    last = pd.Series(ticks(machines["last_time"]), index=machines[MACHINE].to_numpy())
    code, ids = pd.factorize(machine_id)
    return last.reindex(np.asarray(ids)).to_numpy(dtype=np.float64)[code]


def match(machine_id: np.ndarray, ticks: np.ndarray, onset: np.ndarray, failures: pd.DataFrame, lead_time: float,
          horizon: float, observed_until: np.ndarray | None = None) -> EventCounts:
    """Judge alarms against failures; for many thresholds use `lay_out` once and its `match`.

    Parameters are those of `lay_out`, and `onset`, shape (n,), whether an alarm is raised at the row.

    Examples
    --------
    >>> failures = pd.DataFrame({"machine_id": ["a"], "time": [20]})
    >>> onset = np.isin(np.arange(30), [3, 15])
    >>> counts = match(np.array(["a"] * 30), np.arange(30.0), onset, failures, lead_time=2.0, horizon=6.0)
    >>> counts.detected, counts.false_alarms, counts.lead_times.tolist()
    (1, 1, [5.0])
    """
    return lay_out(machine_id, ticks, failures, lead_time, horizon, observed_until).match(onset)


def _machine_codes(machine_id: np.ndarray | pd.Series) -> tuple[np.ndarray, np.ndarray]:
    codes, machines = pd.factorize(machine_id)
    return codes.astype(np.int64, copy=False), np.asarray(machines)


def _failure_instants(failures: pd.DataFrame, machines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distinct = failures[[MACHINE, TIME]].drop_duplicates()
    who = pd.Index(machines).get_indexer(pd.Index(distinct[MACHINE]))
    when = ticks(distinct[TIME]) if len(distinct) else np.zeros(0)
    order = np.lexsort((when, who))
    order = order[who[order] >= 0]
    return who[order].astype(np.int64), when[order]
