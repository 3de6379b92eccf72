"""From new probabilities to alarms of the crew: the bundle's policy, one step per stride, as evaluation takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.alarms.policy import AlarmState, step
from oilcan.core.model.fitted import EventForecast
from oilcan.ground.columns import UNKNOWN_CREW
from oilcan.io.stores import Store
from oilcan.io.stores.tables.alarm_table import AlarmChange, ClosedAlarm, NewAlarm, Raise, RepeatedAlarm
from oilcan.io.stores.tables.state_table import PolicyRow
from oilcan.serving.bodies.instants_json import NO_TIME
from oilcan.serving.engine.forecast_board import ForecastBoard
from oilcan.serving.model.loaded_bundle import LoadedBundle, shown_reason

_REMEMBERED: Final = 20_000         # newest alarms looked at after a start


@dataclass(frozen=True)
class Judged:
    """What the policy makes of some forecasts, before it counts: `Alarming.accept` makes it count.

    Attributes
    ----------
    state, looked
        What the policy remembers afterwards; times of the newest reading looked at, by slot.
    changes
        Alarms to be opened, repeated and closed, in order.
    opened, closed
        Slots of them.
    """

    state: AlarmState
    looked: np.ndarray
    changes: Sequence[AlarmChange]
    opened: np.ndarray
    closed: np.ndarray


class Alarming:
    """Decides which alarms to open and close; owned by the engine's thread.

    A decision follows from the log: `judge` changes nothing, `accept` only assigns, and what is to be written waits in
    `unwritten` until the store has it. When it is decided again after a restart, an alarm has the same machine, task
    and time, so the store keeps the alarm it has. Whether an alarm is open, and so whether the policy opens one or
    repeats one, is read from the state at that entry and never from the present content of the store.

    Attributes
    ----------
    unwritten
        Changes that the store does not have yet, in order.
    """

    def __init__(self, served: LoadedBundle, board: ForecastBoard) -> None:
        headline, contract = served.headline, served.bundle.contract
        self._served, self._board = served, board
        self.policy = headline.policy if isinstance(headline, EventForecast) else None
        self._column = f"p_{headline.name}"
        self._per_tick = served.per_tick
        self.stride = round(contract.rows.stride.ticks * self._per_tick) if contract.rows.stride else 1
        self._crew = contract.alarms.crew if contract.alarms else None
        self._state = AlarmState.of(len(board))
        self._looked = np.full(len(board), NO_TIME)
        self._stored: dict[int, set[int]] = {}      # slot -> times of raises that will be decided again
        self.unwritten: list[AlarmChange] = []

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
        due = np.flatnonzero(self.is_due(slots, times))
        if self.policy is None or not len(due):
            return None
        looked = _grown(self._looked, len(self._board), NO_TIME)
        slots, times, p = slots[due], times[due], columns[self._column][due]
        state = self._state.copy()
        state.grow(max(len(self._board), len(state.run)))
        looked[slots] = times
        crews = self._crews(slots)
        is_raised, is_open = self._step(state, slots, times, p, crews), self._board.alarm[slots] != 0
        opened, repeated = np.flatnonzero(is_raised & ~is_open), np.flatnonzero(is_raised & is_open)
        closed = np.flatnonzero(is_open & ~state.on[slots])
        names, task = [self._board.machine_ids[slot] for slot in slots.tolist()], self._served.headline.name
        changes: list[AlarmChange] = [ClosedAlarm(names[at], task, int(times[at])) for at in closed.tolist()]
        changes += [RepeatedAlarm(names[at], task, int(times[at]), crews[at]) for at in repeated.tolist()]
        reasons = self._served.explain(features[due[opened]]) if len(opened) else []
        changes += [NewAlarm(names[at], task, int(times[at]), float(p[at]), self.policy.threshold,
                             [shown_reason(reason) for reason in why], int(ids[due[at]]), crews[at])
                    for at, why in zip(opened.tolist(), reasons, strict=True)]
        return Judged(state, looked, changes, slots[opened], slots[closed])

    def is_due(self, slots: np.ndarray, times: np.ndarray) -> np.ndarray:
        """At which machines the policy will look, bool, shape (n,): at the first reading of each in each stride."""
        if self.policy is None:
            return np.zeros(len(slots), dtype=bool)
        looked = _grown(self._looked, len(self._board), NO_TIME)[slots]
        return times // self.stride > np.where(looked == NO_TIME, NO_TIME, looked // self.stride)

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

    def fetch(self, store: Store, *, use_saved: bool) -> tuple[dict[str, PolicyRow], list[Raise]]:
        """What the store has for `remember`.

        Parameters
        ----------
        use_saved
            Whether what was saved is of this policy's present work: not after a change of the bundle.
        """
        saved = store.snapshots.policy(self._served.digest) if use_saved else {}
        return saved, store.raises(self._served.headline.name, _REMEMBERED)

    def remember(self, memory: tuple[dict[str, PolicyRow], list[Raise]], newest: np.ndarray) -> None:
        """Take up what the policy knew: its saved state, and the alarms in the store.

        Parameters
        ----------
        newest
            Time of the newest reading of each machine that was judged before, `NO_TIME` before the first. A machine of
            which nothing is saved was looked at up to there, and the alarms in the store say what came of it.
        """
        board, (saved, raises) = self._board, memory
        self._state, self._looked, self._stored = AlarmState.of(len(board)), newest.copy(), {}
        slots = {board.slot[name]: row for name, row in saved.items() if name in board.slot}
        for slot, row in slots.items():
            self._recall(slot, row)
        for each in raises:
            if each.machine_id in board.slot:
                slot = board.slot[each.machine_id]
                self._take_up(slot, each, was_saved=slot in slots)

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

    def _step(self, state: AlarmState, slots: np.ndarray, times: np.ndarray, p: np.ndarray, crews: np.ndarray
              ) -> np.ndarray:
        """Which machines the policy raises. A raise that the store has is not decided a second time: it counts."""
        assert self.policy is not None  # noqa: S101  # for mypy
        ticks = times / self._per_tick
        raised = np.array([time in self._stored.get(slot, ()) for slot, time in zip(
            slots.tolist(), times.tolist(), strict=True)], dtype=bool) if self._stored else np.zeros(len(slots), bool)
        again, others = slots[raised], np.flatnonzero(~raised)
        state.on[again], state.last[again] = True, ticks[raised]
        state.run[again] = np.maximum(state.run[again] + 1, self.policy.confirm)
        if len(others):
            raised[others] = step(self.policy, state, slots[others], ticks[others], p[others], crews[others])
        return raised

    def _crews(self, slots: np.ndarray) -> np.ndarray:
        """Label of the crew of each machine, "" where the contract names none."""
        if self._crew is None:
            return np.full(len(slots), "", dtype=object)
        return np.array([str(self._board.static[slot].get(self._crew) or UNKNOWN_CREW) for slot in slots.tolist()],
                        dtype=object)

    def _recall(self, slot: int, row: PolicyRow) -> None:
        state = self._state
        self._looked[slot], state.run[slot], state.on[slot] = row.looked, row.run, row.is_on
        state.last[slot] = -np.inf if row.last is None else row.last
        state.held[slot] = -np.inf if row.held is None else row.held
        state.held_back[slot] = row.held_back

    def _take_up(self, slot: int, each: Raise, *, was_saved: bool) -> None:
        """Take up a raise that the store has: known to the policy, or to be met again in the entries that follow."""
        state, looked = self._state, int(self._looked[slot])
        if looked == NO_TIME or each.time > looked:
            self._stored.setdefault(slot, set()).add(each.time)
        else:
            if not was_saved:
                state.last[slot] = each.time / self._per_tick
                state.on[slot] = each.is_open_at(looked) if each.alarm else state.on[slot]
            if each.is_open_at(looked):
                self._board.alarm[slot] = each.alarm
        budget = self.policy.per_week if self.policy else None
        if budget is not None:
            recent = state.recent.setdefault(each.crew, [])
            recent.append(each.time / self._per_tick)
            del recent[:-budget]


def _grown(values: np.ndarray, n: int, empty: int) -> np.ndarray:
    """A copy with room for n."""
    return np.concatenate([values, np.full(max(0, n - len(values)), empty, dtype=np.int64)])
