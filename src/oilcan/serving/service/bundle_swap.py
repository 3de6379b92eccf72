"""Another bundle without a gap: loaded beside the old one, proven, warmed, then switched between two batches.

Every change is first written to the store, then carried out by following the store. So a service that fails in between,
or is killed, carries it out a moment later or after its restart; see docs/decisions/0185-a-change-is-written-first.md.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Final

from oilcan.operations.governing.service_records import CANARY_WATCH
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.live.live_service import LiveService, wall_clock
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.service.proven_bundles import ProvenBundles
from oilcan.serving.service.remembered_models import SETTING, Canary, Models, Place
from oilcan.serving.service.running_models import Changed, RunningModels

_LOG: Final = logging.getLogger("oilcan")


class Swap:
    """Changes of the bundle in service; one at a time, each on a thread of its own."""

    def __init__(self, service: Changed, models: Models) -> None:
        self._service = service
        self._bundles = ProvenBundles(service.settings, lambda: service.served)
        self._running = RunningModels(service, models)
        self._changing, self._following = threading.Lock(), threading.Lock()

    @property
    def models(self) -> Models:
        """What runs, and what was served before it."""
        return self._running.models

    def activate(self, name: str, by: str) -> None:
        """Serve a bundle of the folder of bundles from now on.

        Raises
        ------
        Refusal
            409 while another change runs; 422 if the bundle is missing, broken, or of another data set.
        """
        with self._one_at_a_time():
            place, served = self._bundles.by_name(name)
            self._bundles.check_accepted(served, name)
            self._serve(place, served, by)

    def activate_digest(self, digest: str, revision: str | None, by: str) -> None:
        """Serve the bundle of a digest: from the folder of bundles, else fetched from the source of the settings.

        Nothing changes if it is in service already, so a roll-out can be repeated.

        Raises
        ------
        Refusal
            409 while another change runs; 422 if it cannot be found, is broken, or is of another data set.
        """
        with self._one_at_a_time():
            if self._service.served.digest == self._remembered().active.digest == digest:
                return
            place, served = self._bundles.by_digest(digest, revision)
            self._serve(place, served, by)

    def rollback(self, by: str) -> None:
        """Serve again what was served before."""
        with self._one_at_a_time():
            before = self._remembered().previous
            if before is None:
                raise Refusal(409, "model", found="no bundle before this one", wanted="one to go back to",
                              do="POST /v1/model/activate names another one.")
            self._serve(before, self._bundles.again(before), by)

    def shadow(self, name: str | None, by: str) -> None:
        """Watch a challenger on live traffic without answering from it; None ends that."""
        with self._one_at_a_time():
            now = self._remembered()
            if name is None:
                self._change(Models(now.configured, now.active, now.previous), by)
            else:
                place, served = self._bundles.by_name(name)
                self._change(Models(now.configured, now.active, now.previous, place), by, served)

    def canary(self, digest: str | None, revision: str | None, share: float, by: str) -> None:
        """Let the bundle of a digest answer for a share of the machines; None ends that, and it answers for none.

        Raises
        ------
        Refusal
            409 while another change runs; 422 if it cannot be found, is broken, or has other columns than the bundle in
            service.
        """
        with self._one_at_a_time():
            live = self._service.live
            if live is None:
                raise Refusal(404, "request", found="a data set without time", wanted="one with machines",
                              do="Activate the bundle whole.")
            if digest is None:
                self._end_canary(by, None)
                return
            place, served = self._bundles.by_digest(digest, revision)
            self._bundles.check_answers_alike(served)
            self._change(replace(self._remembered(), shadow=place, canary=_begun(live, share), fell_back=None), by,
                         served)

    def fall_back(self, reason: str) -> None:
        """End the canary because of what was seen: the bundle in service answers for all machines again."""
        with self._one_at_a_time():
            if self._end_canary(CANARY_WATCH, reason):
                _LOG.warning("canary: %s The bundle in service answers for all machines again.", reason)

    def follow_store(self, loaded: Mapping[str, LoadedBundle] | None = None) -> None:
        """Carry out what the store remembers, whoever wrote it; nothing happens where it runs already.

        Parameters
        ----------
        loaded
            Bundles by digest that need not be loaded again.

        Raises
        ------
        StoreError, IntegrityError
            If the store does not answer, or the bundle to be served is gone; the next call tries again.
        """
        with self._following:               # the store is read behind the lock, so the newest change counts
            self._running.follow(self._remembered(), loaded or {})

    def _serve(self, place: Place, served: LoadedBundle, by: str) -> None:
        """Answer from a bundle from now on, and remember it; a canary ends."""
        now = self._remembered()
        previous = now.previous if place == now.active else now.active       # a call that is repeated keeps it
        is_watched = now.shadow is not None and now.shadow.digest == place.digest
        self._change(Models(now.configured, place, previous, None if is_watched else now.shadow), by, served)

    def _end_canary(self, by: str, reason: str | None) -> bool:
        now = self._remembered()
        if now.canary is not None:
            self._change(replace(now, canary=None, fell_back=reason), by)
        return now.canary is not None

    def _change(self, models: Models, by: str, *loaded: LoadedBundle) -> None:
        """Write what is to run, then carry it out."""
        self._service.store.settings.set(SETTING, asdict(models), wall_clock(), by=by)
        self.follow_store({served.digest: served for served in loaded})

    def _remembered(self) -> Models:
        """What the store remembers; what runs, where the settings name another bundle than they did then."""
        stored = Models.of(self._service.store)
        return stored if stored is not None and stored.configured == self.models.configured else self.models

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._changing.acquire(blocking=False):
            raise Refusal(409, "model", found="another change that still runs", wanted="one at a time",
                          do="Ask again when it is done.")
        try:
            yield
        finally:
            self._changing.release()


def _begun(live: LiveService, share: float) -> Canary:
    newest = live.store.alarms(limit=1)
    return Canary(share, newest[0].id if newest else 0, int(live.engine.board.newest.max(initial=0)))
