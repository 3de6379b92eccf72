"""What Prometheus gets of the monitoring: what was published, and what is known only at the moment of the scrape."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from oilcan.io.stores.tables.notice_table import STATES
from oilcan.serving.bodies.instants_json import NO_TIME
from oilcan.serving.live.live_service import LiveService, wall_clock
from oilcan.serving.notices.notifier import Notifier
from oilcan.serving.watch.live_watch import LiveWatch
from oilcan.serving.watch.watch_metrics import ACTIONS, SILENT_FOR, families, unknown

_US: Final = 1_000_000
_SQLITE: Final = "sqlite:///"


class Scraped(Collector):
    """The metrics of one service.

    Parameters
    ----------
    waiting_for
        Why the service is not ready; nothing if it is.
    notifier
        Who sends alarms out; None if nobody does.
    """

    def __init__(self, watch: LiveWatch, live: LiveService, waiting_for: Callable[[], list[str]],
                 notifier: Notifier | None = None) -> None:
        self._watch, self._live, self._waiting_for, self._notifier = watch, live, waiting_for, notifier

    def describe(self) -> list[Metric]:
        """Nothing: names are checked by the table, and a scrape is not to be made at the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All that has a value."""
        return families(self._published() | self._service() | self._machines() | self._messages())

    def _published(self) -> dict[str, dict[tuple[str, ...], float]]:
        watch = self._watch
        samples = dict(unknown("monitoring") if watch.is_stale else watch.known.samples)
        samples["oilcan_monitoring_behind_entries"] = {(): float(watch.behind)}
        samples["oilcan_monitoring_errors_total"] = {(): float(watch.errors)}
        samples["oilcan_monitoring_seconds_total"] = {(): watch.seconds}
        decision = watch.decision
        samples["oilcan_decision_info"] = {(action,): float(decision is not None and decision.action == action)
                                           for action in ACTIONS}
        if decision is not None:
            samples["oilcan_decision_timestamp_seconds"] = {(): decision.at / _US}
        return {name: dict(values) for name, values in samples.items()}

    def _service(self) -> dict[str, dict[tuple[str, ...], float]]:
        live = self._live
        out: dict[str, dict[tuple[str, ...], float]] = {
            "oilcan_ready": {(): float(not self._waiting_for())},
            "oilcan_on_duty": {(): float(self._watch.is_on_duty)},
            "oilcan_store_up": {(): float(live.store.health.trouble is None)}}
        reference = live.engine.active.served.bundle.watch_reference
        if reference is not None and live.moments.kind == "instant":
            out["oilcan_bundle_age_seconds"] = {(): (live.now() - reference.last) / _US}
        url = live.settings.store
        if url.startswith(_SQLITE):
            usage = shutil.disk_usage(Path(url.removeprefix(_SQLITE)).resolve().parent)
            out["oilcan_store_disk_free_bytes"] = {(): float(usage.free)}
            out["oilcan_store_disk_size_bytes"] = {(): float(usage.total)}
        return out

    def _machines(self) -> dict[str, dict[tuple[str, ...], float]]:
        live, board = self._live, self._live.engine.board
        with board.lock:
            n = len(board)
            times, received, alarm = board.newest[:n].copy(), board.received[:n].copy(), board.alarm[:n].copy()
            values = board.values.get(live.engine.active.served.headline_column)
            p = None if values is None else values[:n].copy()
        known = times != NO_TIME
        out: dict[str, dict[tuple[str, ...], float]] = {"oilcan_alarms_open": {(): float((alarm != 0).sum())}}
        if p is not None:
            above = live.engine.active.served.would_alarm(np.nan_to_num(p[known], nan=-np.inf))
            out["oilcan_machines_above_threshold"] = {(): float(above.sum())}
        if received.max(initial=0) > 0:
            out["oilcan_last_reading_age_seconds"] = {(): (wall_clock() - int(received.max())) / _US}
        if live.moments.kind == "instant" and known.any():
            out["oilcan_newest_reading_timestamp_seconds"] = {(): float(np.median(times[known])) / _US}
            out["oilcan_machines_silent"] = silent(times[known], live.now())
        return out

    def _messages(self) -> dict[str, dict[tuple[str, ...], float]]:
        if self._notifier is None:
            return {}
        tally = self._notifier.tally
        late = 0.0 if tally.oldest is None else max(0.0, (wall_clock() - tally.oldest) / _US)
        return {"oilcan_deliveries": {(channel, state): float(tally.counts.get((channel, state), 0))
                                      for channel in self._notifier.channels for state in STATES},
                "oilcan_delivery_delay_seconds": {(): late}}


def silent(times: np.ndarray, now: int) -> dict[tuple[str, ...], float]:
    """Machines without a reading for so long, of those that reported in the last four weeks before.

    Parameters
    ----------
    times
        Microseconds UTC of the newest reading of each, shape (n,).

    Examples
    --------
    >>> silent(np.array([0, 9 * 3_600_000_000]), 10 * 3_600_000_000)[("6h",)]
    1.0
    """
    age = (now - times) / _US
    return {(name,): float(((age > seconds) & (age < 28 * 86_400)).sum()) for name, seconds in SILENT_FOR.items()}


