"""The alarm policy: at which rows do probabilities raise an alarm for the crew?

Three rules follow each other: on or off (threshold, release, rows to confirm), silence (refractory time) and budget
(alarms per week). docs/alarms.md explains them. `step` takes one row of each machine or years of rows and returns the
same alarms either way; the service and the evaluation both call it.
"""

import bisect
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np

from oilcan.core.timeline.axis import SLACK

WEEK_H: Final = 168.0
_PIECE: Final = 1 << 16         # rows that are looked at together; they fit into the cache, however many there are


@dataclass(frozen=True)
class AlarmPolicy:
    """When a probability becomes an alarm.

    Attributes
    ----------
    threshold, release
        On at p >= threshold, off at p < release <= threshold; equal is no hysteresis.
    confirm
        Rows in a row at or above the threshold that turn a machine on, at least 1.
    refractory
        Ticks after an alarm in which the machine raises none; 0 makes every row that is on an alarm.
    per_week
        Alarms of one crew in any trailing 7 days; None is no budget. Wants ticks in hours.
    """

    threshold: float
    release: float
    confirm: int = 1
    refractory: float = 0.0
    per_week: int | None = None

    def __post_init__(self) -> None:
        if not self.release <= self.threshold:
            raise ValueError(f"alarm policy: release {self.release!r} is above the threshold {self.threshold!r}")
        if self.confirm < 1 or self.refractory < 0 or (self.per_week is not None and self.per_week < 1):
            raise ValueError(f"alarm policy: confirm and per_week start at 1, refractory at 0 (found {self})")

    @classmethod
    def plain(cls, threshold: float, refractory: float = 0.0, per_week: int | None = None) -> "AlarmPolicy":
        """On while p >= threshold, nothing more."""
        return cls(threshold, threshold, 1, refractory, per_week)

    def at(self, threshold: float) -> "AlarmPolicy":
        """The same policy at another threshold; the release keeps its share of it.

        Examples
        --------
        >>> AlarmPolicy(threshold=0.4, release=0.2, confirm=2).at(0.6)
        AlarmPolicy(threshold=0.6, release=0.3, confirm=2, refractory=0.0, per_week=None)
        """
        share = self.release / self.threshold if 0 < self.threshold < np.inf else 1.0
        return replace(self, threshold=threshold, release=min(share * threshold, threshold))

    def as_json(self) -> dict[str, Any]:
        """The policy as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "AlarmPolicy":
        """The policy that `as_json` wrote."""
        return cls(**values)


@dataclass
class AlarmState:
    """What a policy remembers: arrays of shape (n_machines,), and the latest alarms of each crew.

    Attributes
    ----------
    run
        Rows in a row at or above the threshold, up to the machine's last row.
    on
        Whether the machine was on at its last row.
    last, held
        Tick of the last alarm, and of the last one that was counted as held back; -inf if there was none.
    held_back
        How many alarms the budget kept from the crew; one that waits counts again after the refractory time.
    recent
        Crew -> ticks of its latest alarms, rising, at most `per_week` of them.
    """

    run: np.ndarray
    on: np.ndarray
    last: np.ndarray
    held: np.ndarray
    held_back: np.ndarray
    recent: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, n_machines: int) -> "AlarmState":
        """The state of machines without any row so far."""
        never = np.full(n_machines, -np.inf)
        count = np.zeros(n_machines, dtype=np.int64)
        return cls(count, np.zeros(n_machines, dtype=bool), never, never.copy(), count.copy())

    def copy(self) -> "AlarmState":
        """The same state, which may be changed without changing this one."""
        return AlarmState(self.run.copy(), self.on.copy(), self.last.copy(), self.held.copy(), self.held_back.copy(),
                          {crew: list(ticks) for crew, ticks in self.recent.items()})

    def grow(self, n_machines: int) -> None:
        """Make room for machines that came later, up to `n_machines` in all."""
        more = AlarmState.of(n_machines - len(self.run))
        for name in ("run", "on", "last", "held", "held_back"):
            setattr(self, name, np.concatenate([getattr(self, name), getattr(more, name)]))



def step(policy: AlarmPolicy, state: AlarmState, machine: np.ndarray, time: np.ndarray, p: np.ndarray,
         crew: np.ndarray | None = None) -> np.ndarray:
    """Which of these rows raise a new alarm; `state` is brought up to date in place.

    Parameters
    ----------
    machine
        Position of each row's machine in the state, shape (n,); rows of one machine side by side, in order of time.
    time
        Ticks as of `oilcan.ground.columns.ticks`, shape (n,). Machines need not be at the same time.
    p
        Calibrated probability, shape (n,); NaN is below every threshold.
    crew
        Label of the crew whose budget each row draws on, shape (n,); None is one crew for all.

    Returns
    -------
    Shape (n,), bool. With a budget, equal p at one instant go in the order of the rows.

    Examples
    --------
    >>> policy, state = AlarmPolicy(threshold=0.6, release=0.4, refractory=2.0), AlarmState.of(1)
    >>> p = np.array([0.5, 0.7, 0.5, 0.5, 0.3, 0.5])
    >>> step(policy, state, np.zeros(6, int), np.arange(6.0), p).tolist()
    [False, True, False, True, False, False]
    """
    machine, time, p = np.asarray(machine), np.asarray(time, dtype=np.float64), np.asarray(p, dtype=np.float64)
    raised = np.zeros(len(p), dtype=bool)
    on = []
    for start in range(0, len(p), _PIECE):          # the state goes from piece to piece
        piece = slice(start, start + _PIECE)
        at = start + np.flatnonzero(_on(policy, state, machine[piece], p[piece]))
        if len(at) and policy.per_week is None:
            raised[at[_spaced(policy, state, machine[at], time[at])]] = True
        elif len(at):
            on.append(at)
    if on and policy.per_week is not None:          # the machines of a crew share a budget
        at = np.concatenate(on)
        crews = np.full(len(at), "") if crew is None else np.asarray(crew)[at]
        raised[at[_budgeted(policy, policy.per_week, state, machine[at], time[at], p[at], crews)]] = True
    return raised


def _on(policy: AlarmPolicy, state: AlarmState, machine: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Rows at which the machine is on."""
    at = np.arange(len(p))
    first = np.flatnonzero(np.diff(machine, prepend=-1))
    start = np.repeat(first, np.diff(first, append=len(p)))              # first row of the row's machine
    above = p >= policy.threshold
    reset = np.maximum.accumulate(np.where(above, -1, at))               # last row that was not above
    run = at - np.where(reset >= start, reset, start - 1 - state.run[machine])
    turned_on = np.maximum.accumulate(np.where(above & (run >= policy.confirm), at, -1))
    turned_off = np.maximum.accumulate(np.where(p >= policy.release, -1, at))
    changed = np.maximum(turned_on, turned_off) >= start
    on = np.where(changed, turned_on > turned_off, state.on[machine])
    last = np.append(first[1:], len(p)) - 1
    state.run[machine[first]], state.on[machine[first]] = run[last], on[last]
    return on


def _spaced(policy: AlarmPolicy, state: AlarmState, machine: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Of rows that are on, those at least the refractory time after the machine's alarm before."""
    first = np.flatnonzero(np.diff(machine, prepend=-1))
    end = np.append(first[1:], len(time))
    group = np.repeat(np.arange(len(first)), end - first)
    earliest = time.min()
    span = time.max() - earliest + policy.refractory + 1.0
    key = group * span + (time - earliest)                               # increasing over all machines
    again = np.clip(state.last[machine[first]] + policy.refractory - earliest, 0.0, span - 0.5)
    at = np.searchsorted(key, np.arange(len(first)) * span + again - SLACK, side="left")
    follower = np.searchsorted(key, key + policy.refractory - SLACK, side="left")
    found: list[np.ndarray] = []
    while True:                                      # one round = the next alarm of every machine at once
        at, end = at[inside := at < end], end[inside]
        if len(at) == 0:
            return np.concatenate(found) if found else at
        found.append(at)
        state.last[machine[at]] = time[at]
        at = np.maximum(follower[at], at + 1)


def _budgeted(policy: AlarmPolicy, per_week: int, state: AlarmState, machine: np.ndarray, time: np.ndarray,
              p: np.ndarray, crew: np.ndarray) -> list[int]:
    """The same within the budget: rows in order of time, of one instant the highest p first."""
    found = []
    order = np.lexsort((-p, time))
    for row, who, when, label in zip(order.tolist(), machine[order].tolist(), time[order].tolist(),
                                     crew[order].tolist(), strict=True):
        if when < state.last[who] + policy.refractory - SLACK:
            continue
        recent = state.recent.setdefault(str(label), [])
        if len(recent) < per_week or recent[-per_week] <= when - WEEK_H + SLACK:
            state.last[who] = when
            bisect.insort(recent, when)
            del recent[:-per_week]
            found.append(row)
        elif when >= state.held[who] + policy.refractory - SLACK:
            state.held[who] = when
            state.held_back[who] += 1
    return found
