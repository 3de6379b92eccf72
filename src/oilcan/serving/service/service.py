"""One service: the bundle in service, the store, its machines, who may ask, and what was counted."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from oilcan.ground.errors import ParamsError
from oilcan.io.stores import Store
from oilcan.io.stores.tables.forecast_table import Forecast
from oilcan.serving.access.key_ring import KeyRing
from oilcan.serving.bodies.instants_json import InstantFormat, written
from oilcan.serving.engine.forecast_log import ForecastLog
from oilcan.serving.ground.periodic import PeriodicWork
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.ground.watched_threads import WatchedThread
from oilcan.serving.live.duty import Duty
from oilcan.serving.live.live_service import LiveService, wall_clock
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.notices.notifier import Notifier
from oilcan.serving.notices.secrets_of_channels import read_notifications
from oilcan.serving.service.bundle_swap import Swap
from oilcan.serving.service.canary_watch import CanaryWatch
from oilcan.serving.service.predictor import Predictor
from oilcan.serving.service.remembered_models import Models
from oilcan.serving.service.running_models import canary_of
from oilcan.serving.watch.live_watch import LiveWatch
from oilcan.serving.watch.scraped import Scraped

T = TypeVar("T")
_END_S: Final = 5.0             # for each thing that is waited for when the service ends
_FOLLOW_S: Final = 1.0          # between two looks at what other replicas of the same store have done


class Service:
    """What the routes ask.

    Attributes
    ----------
    served
        The bundle in service; replaced as a whole, so a request that began with the old one ends with it.
    live
        Its machines; None where the data set has no time: then there is no telemetry, and only `predict` is served.
    ring
        The keys of the store, as they were a moment ago.
    """

    def __init__(self, settings: ServiceSettings, served: LoadedBundle, store: Store, models: Models) -> None:
        self.settings, self.served, self.store = settings, served, store
        self.remember(served)
        self.metrics = Metrics()
        self.metrics.bundle.labels(served.digest, "active").set(1)
        self.log = ForecastLog(store, wall_clock, self.metrics.forecasts.labels("lost").inc)
        self.predictor = Predictor(lambda: self.served, self.log, self.metrics, wall_clock, settings.max_rows)
        timed = served.bundle.contract.time.kind != "none"
        self.duty = Duty(store, self._can_watch)
        self.watch = LiveWatch(store, self._in_service, settings.monitoring, wall_clock, self.duty)
        canary, models = canary_of(models, settings.signers)
        self.live = LiveService(settings, served, store, self.log, self.metrics, self.watch.queue.put,
                                self.duty, canary) if timed else None
        self.notifier = self._notifier()
        if self.live is not None:
            self.metrics.registry.register(Scraped(self.watch, self.live, self.waiting_for, self.notifier))
        self._askers = ThreadPoolExecutor(8, "asker")
        self.swap = Swap(self, models)
        self._canary_watch = None if self.live is None else CanaryWatch(self.swap, self.live, store, self.watch)
        followed = [self._probe] + ([] if self.live is None else [self.live.follow]) + [self.swap.follow_store]
        if self._canary_watch is not None:
            followed.append(self._canary_watch.look)
        self._follower = PeriodicWork("follower", _FOLLOW_S, *followed, at_once=True)
        self.ring = KeyRing(store.keys, wall_clock)

    async def ask(self, work: Callable[[], T]) -> T:
        """What some question to the store returns; on a thread, for a store may take long to answer."""
        return await asyncio.get_running_loop().run_in_executor(self._askers, work)

    def start(self) -> None:
        """Begin to follow the store: its log, what other replicas changed, its keys, the challenger of before."""
        self.ring.start()
        self._follower.start()
        if self.live is not None:       # once the state is there: the monitoring imports much, and may not delay that
            self.live.restored.add_done_callback(self._begin_to_watch)
        if self.notifier is not None:
            self.notifier.start()

    @property
    def threads(self) -> list[WatchedThread]:
        """Threads that must live as long as the service."""
        return [self.log.thread, self._follower.thread, self.ring.thread,
                *([] if self.live is None else [self.watch.thread, *self.live.threads]),
                *([self.duty.thread] if self.live is not None and self.store.is_shared else []),
                *([] if self.notifier is None else [self.notifier.thread])]

    def remember(self, served: LoadedBundle) -> None:
        """Keep where a bundle came from, before it forecasts: its forecasts lead back when another one answers."""
        self.store.bundles.enter(served.digest, served.bundle.manifest["lineage"], wall_clock())

    def of_machines(self) -> LiveService:
        """The part that knows machines.

        Raises
        ------
        Refusal
            404 if the data set has no time, 503 if it is still being restored.
        """
        if self.live is None:
            raise Refusal(404, "request", found="a data set without time", wanted="one with telemetry",
                          do="Ask POST /v1/predict: each row stands alone.")
        if not self.live.is_ready:
            raise Refusal(503, "service", found="a service that is starting", wanted="one that is ready",
                          do="Ask again in a moment; /readyz says when.", headers={"Retry-After": "1"})
        return self.live

    def waiting_for(self) -> list[str]:
        """Why it is not ready; nothing if it is."""
        reasons = [f"the thread {name}, which ended" for name in self.dead_threads()]
        if self.live is not None and self.live.engine.in_doubt is not None:
            reasons.append(f"the state of the machines: {self.live.engine.in_doubt}")
        if self.store.health.trouble is not None:
            reasons.append(self.store.health.trouble)
        return reasons

    def dead_threads(self) -> list[str]:
        """Threads that ended although the service runs: then it must end too."""
        return [thread.name for thread in self.threads if thread.is_dead]

    def card(self) -> dict[str, Any]:
        """The model's card, and what else the store remembers: the bundle before, the challenger."""
        models, canary = self.swap.models, None
        if models.shadow is not None and self._canary_watch is not None and (models.canary or models.fell_back):
            canary = {"model": models.shadow.digest, "share": models.canary.share if models.canary else 0.0,
                      "machines": self._canary_watch.machines()[0], "fell_back": models.fell_back}
        return self.served.card() | {"previous": models.previous.digest if models.previous else None,
                                     "shadow": models.shadow.digest if models.shadow else None, "canary": canary}

    def traced(self, forecast: Forecast) -> dict[str, Any]:
        """A forecast of the log with the way back to its bundle, and from there to code and data."""
        moments = self.live.moments if self.live and forecast.machine_id is not None else InstantFormat("instant")
        return {
            "id": str(forecast.id), "machine_id": forecast.machine_id, "time": moments.write(forecast.time),
            "made_at": written(forecast.made_at), "role": forecast.role, "bundle": forecast.bundle,
            "contract_version": forecast.contract_version, "values": forecast.values,
            "lineage": self.store.bundles.lineage(forecast.bundle),
        }

    def close(self, wait_s: float | None = None) -> None:
        """Write what waits, and let go of the store; one that does not answer is not waited for.

        Parameters
        ----------
        wait_s
            Longest wait for each thread and for what it has to write.
        """
        if wait_s is None:
            wait_s = _END_S if self.store.health.trouble is None else 0.5
        self.ring.stop(wait_s)
        self._follower.stop(wait_s)
        self.watch.stop(wait_s)
        if self.notifier is not None:
            self.notifier.stop(wait_s)
        if self.live is not None:
            self.live.close(wait_s)
        self.duty.stop(wait_s)
        self.log.stop(wait_s)
        self.store.close()
        self._askers.shutdown(wait=False, cancel_futures=True)

    def _can_watch(self) -> bool:
        return not self.watch.is_stale

    def _begin_to_watch(self, _restored: Future[None]) -> None:
        self.duty.start()
        self.watch.start()

    def _in_service(self) -> tuple[LoadedBundle, LoadedBundle | None]:
        shadow = self.live.engine.shadow.track if self.live is not None else None
        return self.served, shadow.served if shadow is not None else None

    def _notifier(self) -> Notifier | None:
        if self.settings.notifications is None:
            return None
        rules, secrets = read_notifications(self.settings.notifications, os.environ)
        if self.live is None:
            raise ParamsError(f"{self.settings.notifications}: rows without time raise no alarms to send (found a data "
                              f"set without time). Serve it without OILCAN_NOTIFICATIONS.")
        return Notifier(self.store, rules, secrets, self.live.moments, wall_clock)

    def _probe(self) -> None:
        """Find out whether a store that was in trouble can write again; nobody else may ask, while it is not ready."""
        if self.store.health.trouble is not None:
            self.store.probe()


def has_keys(store: Store) -> bool:
    """Is there any key that is not revoked?"""
    return any(key.revoked_at is None for key in store.keys.all())
