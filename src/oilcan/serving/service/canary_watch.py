"""Looks at a canary every moment, and ends it when alarms or alerts speak against it."""

from typing import Final

from oilcan.governance.canary_alarms import reason_to_fall_back
from oilcan.io.stores import Store
from oilcan.serving.bodies.instants_json import NO_TIME
from oilcan.serving.live.live_service import LiveService
from oilcan.serving.service.bundle_swap import Swap
from oilcan.serving.service.remembered_models import Canary
from oilcan.serving.watch.live_watch import LiveWatch

_MOST: Final = 1_000        # newest alarms looked at


class CanaryWatch:
    """What speaks against the canary of a service."""

    def __init__(self, swap: Swap, live: LiveService, store: Store, watch: LiveWatch) -> None:
        self._swap, self._live, self._store, self._watch = swap, live, store, watch

    def look(self) -> None:
        """End the canary if something speaks against it; nothing happens without one."""
        canary = self._swap.models.canary
        if canary is not None and self._live.is_ready:
            reason = self._reason(canary)
            if reason is not None:
                self._swap.fall_back(reason)

    def machines(self) -> tuple[int, int]:
        """Machines with a forecast: those of the canary, and the others."""
        board, shadow = self._live.engine.board, self._live.engine.shadow
        with board.lock:
            names = [name for name, slot in board.slot.items() if board.newest[slot] != NO_TIME]
        mine = sum(shadow.answers_for(name) for name in names)
        return mine, len(names) - mine

    def _reason(self, canary: Canary) -> str | None:
        since = [alarm for alarm in self._store.alarms(limit=_MOST) if alarm.id > canary.since_alarm]
        mine = sum(self._live.engine.shadow.answers_for(alarm.machine_id) for alarm in since)
        return reason_to_fall_back((mine, len(since) - mine), self.machines(), self._alerts(canary))

    def _alerts(self, canary: Canary) -> list[str]:
        """Alerts of windows that ended after the canary began."""
        found = self._watch.known.found
        return [] if found is None else [each.what for each in found.alerts if each.seen_at > canary.since_time]
