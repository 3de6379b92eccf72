"""From new probabilities to alarms of the crew: the bundle's policy, one step per stride, as evaluation takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from oilcan.core.alarms.policy import AlarmState, step
from oilcan.core.model.fitted import EventForecast
from oilcan.ground.columns import UNKNOWN_CREW
from oilcan.io.stores import Store
from oilcan.io.stores.tables.alarm_table import Alarm, ClosedAlarm, NewAlarm
from oilcan.io.stores.tables.state_table import PolicyRow
from oilcan.serving.bodies.instants_json import NO_TIME
from oilcan.serving.live.forecast_board import ForecastBoard
from oilcan.serving.model.loaded_bundle import Served, shown_reason

if TYPE_CHECKING:
    from oilcan.core.reasons.explainer import Reason

_REMEMBERED: Final = 20_000         # newest alarms looked at after a start


@dataclass(frozen=True)
class Judged:
    """What the policy makes of some forecasts, before it counts: `Alarming.accept` makes it count.

    Attributes
    ----------
    state, looked
        What the policy remembers afterwards; times of the newest reading looked at, by slot.
    changes
        Alarms to be opened and closed, in order.
    opened, closed
        Slots of them.
    """

    state: AlarmState
    looked: np.ndarray
    changes: Sequence[NewAlarm | ClosedAlarm]
    opened: np.ndarray
    closed: np.ndarray


class Alarming:
    """Decides which alarms to open and close; owned by the engine's thread.

    A decision follows from the log: `judge` changes nothing, `accept` only assigns, and what is to be written waits in
    `unwritten` until the store has it. Decided again after a restart, an alarm has the same machine, task and time:
    it is the one that is there.

    Attributes
    ----------
    unwritten
        Changes that the store does not have yet, in order.
    """

    def __init__(self, served: Served, board: ForecastBoard) -> None:
        headline, contract = served.headline, served.bundle.contract
        self._served, self._board = served, board
        self.policy = headline.policy if isinstance(headline, EventForecast) else None
        self._column = f"p_{headline.name}"
        self._per_tick = served.per_tick
        self.stride = round(contract.rows.stride.ticks * self._per_tick) if contract.rows.stride else 1
        self._crew = contract.alarms.crew if contract.alarms else None
        self._state = AlarmState.of(len(board))
        self._looked = np.full(len(board), NO_TIME)
        self._stored: dict[int, set[int]] = {}      # slot -> times of alarms that will be decided again
        self.unwritten: list[NewAlarm | ClosedAlarm] = []

    def judge(self, slots: np.ndarray, times: np.ndarray, columns: Mapping[str, np.ndarray], features: np.ndarray,
              ids: np.ndarray) -> Judged | None:
        """What new forecasts lead to; None if the policy does not look at any of them.

        Parameters
        ----------
        slots, times
            Ascending slots and the times of their newest readings, shape (n,).
        columns, ids
            Forecasts and their ids.
        features
            What the forecasts were made from, shape (n, n_features).
        """
        if self.policy is None:
            return None
        looked = _grown(self._looked, len(self._board), NO_TIME)
        due = np.flatnonzero(times // self.stride > np.where(looked[slots] == NO_TIME, NO_TIME,
                                                             looked[slots] // self.stride))
        if not len(due):
            return None
        slots, times, p = slots[due], times[due], columns[self._column][due]
        state = self._state.copy()
        state.grow(max(len(self._board), len(state.run)))
        looked[slots] = times
        raised = np.flatnonzero(self._step(state, slots, times, p))
        closed = slots[(self._board.alarm[slots] != 0) & ~state.on[slots]]
        reasons = self._served.explain(features[due[raised]]) if len(raised) else []
        time_of = dict(zip(slots.tolist(), times.tolist(), strict=True))
        changes: list[NewAlarm | ClosedAlarm] = [
            ClosedAlarm(self._board.machine_ids[slot], self._served.headline.name, time_of[slot])
            for slot in closed.tolist()]
        changes += [self._alarm(int(slots[at]), int(times[at]), float(p[at]), int(ids[due[at]]), why)
                    for at, why in zip(raised.tolist(), reasons, strict=True)]
        return Judged(state, looked, changes, slots[raised], closed)

    def accept(self, judged: Judged) -> None:
        """Let a decision count; it only assigns, so it cannot fail halfway."""
        self._state, self._looked = judged.state, judged.looked
        self._board.alarm[judged.closed] = 0
        self._board.alarm[judged.opened] = -1           # its id comes when it is written
        self.unwritten += judged.changes

    def write(self, store: Store, now: int) -> int:
        """Write what waits; how many alarms are new. If it fails, all of it still waits."""
        if not self.unwritten:
            return 0
        changes = list(self.unwritten)
        keys = store.change_alarms(changes, now)
        opened = [change for change in changes if isinstance(change, NewAlarm)]
        del self.unwritten[:len(changes)]
        for change, (key, _) in zip(opened, keys, strict=True):
            slot = self._board.slot[change.machine_id]
            if self._board.alarm[slot] != 0:
                self._board.alarm[slot] = key
        return sum(is_new for _, is_new in keys)

    def fetch(self, store: Store, *, use_saved: bool) -> tuple[dict[str, PolicyRow], list[Alarm]]:
        """What the store has for `remember`.

        Parameters
        ----------
        use_saved
            Whether what was saved is of this policy's present work: not after a change of the bundle.
        """
        saved = store.snapshots.policy(self._served.digest) if use_saved else {}
        return saved, store.alarms(limit=_REMEMBERED)[::-1]         # oldest first

    def remember(self, memory: tuple[dict[str, PolicyRow], list[Alarm]], newest: np.ndarray) -> None:
        """Take up what the policy knew: its saved state, and the alarms in the store.

        Parameters
        ----------
        newest
            Time of the newest reading of each machine that was judged before, `NO_TIME` before the first. A machine of
            which nothing is saved was looked at up to there, and the alarms in the store say what came of it.
        """
        board, (saved, alarms) = self._board, memory
        self._state, self._looked, self._stored = AlarmState.of(len(board)), newest.copy(), {}
        slots = {board.slot[name]: row for name, row in saved.items() if name in board.slot}
        for slot, row in slots.items():
            self._recall(slot, row)
        for alarm in alarms:
            found = board.slot.get(alarm.machine_id)
            if found is not None and alarm.task == self._served.headline.name:
                self._take_up(found, alarm, was_saved=found in slots)

    def rows(self, names: Sequence[str]) -> dict[str, PolicyRow]:
        """What the policy remembers of machines that it has looked at."""
        state, found = self._state, {}
        for name in names:
            slot = self._board.slot[name]
            if slot < len(state.run) and self._looked[slot] != NO_TIME:
                last, held = (float(each[slot]) if np.isfinite(each[slot]) else None
                              for each in (state.last, state.held))
                found[name] = PolicyRow(int(self._looked[slot]), int(state.run[slot]), bool(state.on[slot]), last, held,
                                        int(state.held_back[slot]))
        return found

    def _step(self, state: AlarmState, slots: np.ndarray, times: np.ndarray, p: np.ndarray) -> np.ndarray:
        """The policy's step. What the store has of an entry that is met again counts: it is not decided twice."""
        assert self.policy is not None  # noqa: S101  # for mypy
        crews, ticks = self._crews(slots), times / self._per_tick
        raised = np.array([time in self._stored.get(slot, ()) for slot, time in zip(
            slots.tolist(), times.tolist(), strict=True)], dtype=bool) if self._stored else np.zeros(len(slots), bool)
        there, others = slots[raised], np.flatnonzero(~raised)
        state.on[there], state.last[there] = True, ticks[raised]
        state.run[there] = np.maximum(state.run[there] + 1, self.policy.confirm)
        if len(others):
            raised[others] = step(self.policy, state, slots[others], ticks[others], p[others],
                                  None if crews is None else crews[others])
        return raised

    def _alarm(self, slot: int, time: int, p: float, forecast: int, why: "Sequence[Reason]") -> NewAlarm:
        assert self.policy is not None  # noqa: S101  # for mypy
        return NewAlarm(self._board.machine_ids[slot], self._served.headline.name, time, p, self.policy.threshold,
                        [shown_reason(reason) for reason in why], forecast)

    def _crews(self, slots: np.ndarray) -> np.ndarray | None:
        if self._crew is None:
            return None
        return np.array([str(self._board.static[slot].get(self._crew) or UNKNOWN_CREW) for slot in slots.tolist()],
                        dtype=object)

    def _recall(self, slot: int, row: PolicyRow) -> None:
        state = self._state
        self._looked[slot], state.run[slot], state.on[slot] = row.looked, row.run, row.is_on
        state.last[slot] = -np.inf if row.last is None else row.last
        state.held[slot] = -np.inf if row.held is None else row.held
        state.held_back[slot] = row.held_back

    def _take_up(self, slot: int, alarm: Alarm, *, was_saved: bool) -> None:
        """An alarm of the store: known to the policy, or to be decided again by the entries that follow."""
        state, budget = self._state, self.policy.per_week if self.policy else None
        if self._looked[slot] == NO_TIME or alarm.time > self._looked[slot]:
            self._stored.setdefault(slot, set()).add(alarm.time)
        else:
            if not was_saved:
                state.last[slot], state.on[slot] = alarm.time / self._per_tick, alarm.closed_at is None
            if alarm.closed_at is None:
                self._board.alarm[slot] = alarm.id
        if budget is not None:
            crews = self._crews(np.array([slot]))
            recent = state.recent.setdefault("" if crews is None else str(crews[0]), [])
            recent.append(alarm.time / self._per_tick)
            recent.sort()
            del recent[:-budget]


def _grown(values: np.ndarray, n: int, empty: int) -> np.ndarray:
    """A copy with room for n."""
    return np.concatenate([values, np.full(max(0, n - len(values)), empty, dtype=np.int64)])
