"""From new probabilities to alarms of the crew: the bundle's policy, one step per stride, as evaluation takes them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from oilcan.core.alarms.policy import AlarmState, step
from oilcan.core.model.fitted import EventForecast
from oilcan.ground.columns import UNKNOWN_CREW
from oilcan.io.stores import Store
from oilcan.io.stores.tables.alarm_table import NewAlarm
from oilcan.serving.live.forecast_board import Board
from oilcan.serving.model.loaded_bundle import Served, shown_reason

if TYPE_CHECKING:
    from oilcan.core.reasons.explainer import Reason

_REMEMBERED: Final = 20_000         # newest alarms looked at after a start


class Alarming:
    """Opens and closes alarms; owned by the engine's thread.

    Attributes
    ----------
    policy
        None where the headline raises no alarm.
    stride
        Whole units; the policy looks at the first reading of each machine in each.

    Notes
    -----
    What the policy remembers follows from the alarms in the store: a machine with an open alarm is on, and silent since
    its last one. A count of rows towards `confirm` begins again at a start.
    """

    def __init__(self, served: Served, store: Store, board: Board) -> None:
        headline, contract = served.headline, served.bundle.contract
        self._served, self._store, self._board = served, store, board
        self.policy = headline.policy if isinstance(headline, EventForecast) else None
        self._column = f"p_{headline.name}"
        self._per_tick = served.per_tick
        self.stride = round(contract.rows.stride.ticks * self._per_tick) if contract.rows.stride else 1
        self._crew = contract.alarms.crew if contract.alarms else None
        self._state = AlarmState.of(len(board))
        if self.policy is not None:
            self._remember()

    def judge(self, slots: np.ndarray, features: np.ndarray, now: int) -> int:
        """Look at new forecasts on the board; how many alarms were opened.

        Parameters
        ----------
        slots
            Ascending, with a new forecast each, shape (n,).
        features
            What the forecasts were made from, shape (n, n_features).
        """
        if self.policy is None:
            return 0
        board, stride = self._board, self._board.time[slots] // self.stride
        due = np.flatnonzero(stride > board.stride[slots])
        if not len(due):
            return 0
        slots = slots[due]
        board.stride[slots] = stride[due]
        if len(board) > len(self._state.run):
            self._state.grow(len(board))
        p, ticks = board.values[self._column][slots], board.time[slots] / self._per_tick
        raised = np.flatnonzero(step(self.policy, self._state, slots, ticks, p, self._crews(slots)))
        over = slots[(board.alarm[slots] > 0) & ~self._state.on[slots]]
        if not len(raised) and not len(over):
            return 0
        reasons = self._served.explain(features[due[raised]]) if len(raised) else []
        told = self._store.change_alarms(
            closed=board.alarm[over].tolist(), now=now,
            opened=[self._alarm(slot, why) for slot, why in zip(slots[raised].tolist(), reasons, strict=True)])
        board.alarm[over], board.alarm[slots[raised]] = 0, [key for key, _ in told]
        return sum(is_new for _, is_new in told)

    def _alarm(self, slot: int, why: "Sequence[Reason]") -> NewAlarm:
        board = self._board
        assert self.policy is not None  # noqa: S101  # for mypy
        return NewAlarm(board.machine_ids[slot], self._served.headline.name, int(board.time[slot]),
                        float(board.values[self._column][slot]), self.policy.threshold,
                        [shown_reason(reason) for reason in why], int(board.forecast[slot]))

    def _crews(self, slots: np.ndarray) -> np.ndarray | None:
        if self._crew is None:
            return None
        return np.array([str(self._board.static[slot].get(self._crew) or UNKNOWN_CREW) for slot in slots.tolist()],
                        dtype=object)

    def _remember(self) -> None:
        """The state that the alarms in the store imply."""
        board, state = self._board, self._state
        budget = self.policy.per_week if self.policy else None
        for alarm in reversed(self._store.alarms(limit=_REMEMBERED)):          # oldest first
            slot = board.slot.get(alarm.machine_id)
            if slot is None or alarm.task != self._served.headline.name:
                continue
            state.last[slot] = alarm.time / self._per_tick
            if alarm.closed_at is None:
                board.alarm[slot], state.on[slot] = alarm.id, True
            if budget is not None:
                crews = self._crews(np.array([slot]))
                recent = state.recent.setdefault("" if crews is None else str(crews[0]), [])
                recent.append(alarm.time / self._per_tick)
                recent.sort()
                del recent[:-budget]
