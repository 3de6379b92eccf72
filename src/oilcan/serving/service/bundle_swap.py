"""Another bundle without a gap: loaded beside the old one, proven, warmed, then switched between two batches.

The store remembers what is in service, what was before, and what is watched, so a restart serves the same.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, Protocol

from oilcan.ground.errors import OilcanError, ParamsError
from oilcan.io.registry import bundle_store
from oilcan.io.stores import Store
from oilcan.io.stores.column_layout import stored_columns
from oilcan.operations.governing.service_records import CANARY_WATCH
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.live.bundle_track import BundleTrack
from oilcan.serving.live.following import follow, restore
from oilcan.serving.live.live_service import LiveService, wall_clock
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.service.acceptance import check_accepted
from oilcan.serving.service.remembered_models import SETTING, Canary, Models, Place

_LOG: Final = logging.getLogger("oilcan")


def canary_of(models: Models, signers: Path | None) -> tuple[tuple[LoadedBundle, float] | None, Models]:
    """The canary to begin with and its share; without it, if its bundle is gone, and then the note says so."""
    if models.canary is None or models.shadow is None:
        return None, models
    try:
        return (models.shadow.load(signers), models.canary.share), models
    except OilcanError as err:
        _LOG.warning("canary: %s The bundle in service answers for all machines.", err)
        return None, replace(models, canary=None, fell_back=f"its bundle is gone: {err}")


class Changed(Protocol):
    """The parts of a service that a change of the bundle touches; see `service.Service`."""

    settings: ServiceSettings
    served: LoadedBundle
    store: Store
    metrics: Metrics
    live: LiveService | None

    def remember(self, served: LoadedBundle) -> None:
        """Keep where a bundle came from."""


class Swap:
    """Changes of the bundle in service; one at a time, each on a thread of its own."""

    def __init__(self, service: Changed, models: Models) -> None:
        self._service, self.models = service, models
        self._changing, self._is_resumed = threading.Lock(), False
        home = service.settings.bundles or service.settings.bundle.resolve().parent
        self._home = home.resolve()
        self._signers = service.settings.signers

    def activate(self, name: str, by: str) -> LoadedBundle:
        """Serve a bundle of the folder of bundles from now on.

        Raises
        ------
        Refusal
            409 while another change runs; 422 if the bundle is missing, broken, or of another data set.
        """
        with self._one_at_a_time():
            place, served = self._load(name)
            self._accepted(served, name)
            self._serve(place, served, by)
        return served

    def activate_digest(self, digest: str, revision: str | None, by: str) -> LoadedBundle:
        """Serve the bundle of a digest: from the folder of bundles, else fetched from the source of the settings.

        Nothing changes if it is in service already, so a roll-out can be repeated.

        Raises
        ------
        Refusal
            409 while another change runs; 422 if it cannot be found, is broken, or is of another data set.
        """
        with self._one_at_a_time():
            if self._service.served.digest == digest:
                return self._service.served
            place, served = self._by_digest(digest, revision)
            self._serve(place, served, by)
        return served

    def rollback(self, by: str) -> LoadedBundle:
        """Serve again what was served before."""
        with self._one_at_a_time():
            before = self.models.previous
            if before is None:
                raise Refusal(409, "model", found="no bundle before this one", wanted="one to go back to",
                              do="POST /v1/model/activate names another one.")
            served = self._proven(lambda: before.load(self._signers), before.folder)
            self._serve(before, served, by)
        return served

    def shadow(self, name: str | None, by: str) -> LoadedBundle | None:
        """Watch a challenger on live traffic without answering from it; None ends that."""
        with self._one_at_a_time():
            place, served = self._load(name) if name is not None else (None, None)
            self._watch(served)
            self._remember(Models(self.models.configured, self.models.active, self.models.previous, place), by)
            self._is_resumed = True         # this choice counts, not the one of before the start
        return served

    def canary(self, digest: str | None, revision: str | None, share: float, by: str) -> LoadedBundle | None:
        """Let the bundle of a digest answer for a share of the machines; None ends that, and it answers for none.

        Raises
        ------
        Refusal
            409 while another change runs; 422 if it cannot be found, is broken, or has other columns than the bundle in
            service.
        """
        live = self._service.live
        with self._one_at_a_time():
            if live is None:
                raise Refusal(404, "request", found="a data set without time", wanted="one with machines",
                              do="Activate the bundle whole.")
            if digest is None:
                self._end_canary(by, None)
                return None
            place, served = self._by_digest(digest, revision)
            self._answers_alike(served)
            newest = live.store.alarms(limit=1)         # before anything changes: the store may not answer
            if self.models.shadow is None or self.models.shadow.digest != digest:
                self._watch(served)
            begun = Canary(share, newest[0].id if newest else 0, int(live.engine.board.time.max(initial=0)))
            self._remember(replace(self.models, shadow=place, canary=begun, fell_back=None), by)
            live.pipeline.call(lambda: live.engine.give_share(share)).result()
            self._is_resumed = True
        return served

    def fall_back(self, reason: str) -> None:
        """End the canary because of what was seen: the bundle in service answers for all machines again."""
        with self._one_at_a_time():
            if self.models.canary is not None:
                self._end_canary(CANARY_WATCH, reason)
                _LOG.warning("canary: %s The bundle in service answers for all machines again.", reason)

    def _end_canary(self, by: str, reason: str | None) -> None:
        live = self._service.live
        if live is not None and self.models.canary is not None:
            live.pipeline.call(lambda: live.engine.give_share(0.0)).result()
            self._remember(replace(self.models, canary=None, fell_back=reason), by)

    def _answers_alike(self, served: LoadedBundle) -> None:
        now = self._service.served
        if served.digest == now.digest or set(served.columns) != set(now.columns):
            other = sorted(set(served.columns) ^ set(now.columns))
            raise Refusal(422, "body.digest",
                          found="the bundle in service" if not other else f"other columns of forecasts: {other}",
                          wanted="another bundle with the same forecasts",
                          do="Activate it for all machines, or shadow it.")

    def resume(self) -> None:
        """Watch again what was watched before a restart, once. A challenger whose bundle is gone is given up.

        Raises
        ------
        StoreError
            If the store cannot answer; the next call tries again.
        """
        if self._is_resumed:
            return
        with self._one_at_a_time():
            if self.models.canary is not None:      # it answers since the start
                self._is_resumed = True
                return
            place = self.models.shadow
            try:
                served = None if place is None else place.load(self._signers)
            except OilcanError as err:
                _LOG.warning("challenger: %s It is watched no more.", err)
                served = None
            if served is not None:
                self._watch(served)
            self._is_resumed = True

    def follow_store(self) -> None:
        """Follow changes of the bundle that another replica wrote to the store."""
        stored = Models.of(self._service.store)
        if stored is not None and stored.configured == self.models.configured and stored != self.models:
            with self._one_at_a_time():
                if stored.active != self.models.active:
                    self._switch(stored.active.load(self._signers))
                if stored.shadow != self.models.shadow:
                    self._watch(stored.shadow.load(self._signers) if stored.shadow else None)
                live, share = self._service.live, stored.canary.share if stored.canary else 0.0
                if live is not None and share != live.engine.shadow.share:
                    live.pipeline.call(lambda: live.engine.give_share(share)).result()
                self.models = stored

    def _by_digest(self, digest: str, revision: str | None) -> tuple[Place, LoadedBundle]:
        """The bundle of a digest, proven and accepted, and where it lies."""
        folder = self._found(digest, revision)
        served = self._proven(lambda: LoadedBundle.load(folder, self._signers), folder.name)
        self._accepted(served, folder.name)
        return Place(str(folder), served.digest), served

    def _serve(self, place: Place, served: LoadedBundle, by: str) -> None:
        """Answer from a bundle from now on, and remember it; a canary ends."""
        self._switch(served)
        self._remember(Models(self.models.configured, place, self.models.active, self._but(place)), by)

    def _found(self, digest: str, revision: str | None) -> Path:
        source = self._service.settings.bundle_source
        try:
            if source is None:
                there = bundle_store.find(self._home, digest)
                if there is None:
                    raise OilcanError(f"bundle {digest[:12]} is not in {self._home.name}, and no source is set")
                return there
            return bundle_store.fetch(source, digest, self._home, revision=revision, signed=self._signers is not None)
        except OilcanError as err:
            raise Refusal(422, "body.digest", found=str(err).replace(str(self._home), "").lstrip("/"),
                          wanted="a bundle that this service has or can fetch",
                          do="Copy it to the folder of bundles, or set OILCAN_BUNDLE_SOURCE.") from err

    def _load(self, name: str) -> tuple[Place, LoadedBundle]:
        folder = (self._home / name).resolve()
        if not folder.is_relative_to(self._home) or folder == self._home:
            raise Refusal(422, "body.bundle", found=repr(name), wanted=f"the name of a folder in {self._home.name}",
                          do="Copy the bundle there first.")
        served = self._proven(lambda: LoadedBundle.load(folder, self._signers), name)
        return Place(str(folder), served.digest), served

    def _proven(self, load: Any, name: str) -> LoadedBundle:
        try:
            served: LoadedBundle = load()
        except OilcanError as err:
            raise Refusal(422, "body.bundle", found=str(err).replace(str(self._home), "").lstrip("/"),
                          wanted="a bundle that is the packaged one", do=f"Restore {Path(name).name}.") from err
        self._fits(served)
        served.warm()
        return served

    def _accepted(self, served: LoadedBundle, name: str) -> None:
        try:
            check_accepted(served, self._service.settings, name)
        except ParamsError as err:
            raise Refusal(422, "body.bundle", found=f"a model that the gate did not promote: {served.gate}",
                          wanted="one that it promoted",
                          do="Shadow it, or start the service with --accept-rejected.") from err

    def _fits(self, served: LoadedBundle) -> None:
        now, then = self._service.served.bundle.contract, served.bundle.contract
        old, new = ({name: (column.type, column.unit) for name, column in stored_columns(each).items()}
                    for each in (now, then))
        if (now.name, now.time.kind, old) != (then.name, then.time.kind, new):
            raise Refusal(422, "body.bundle", found=f"a bundle for {then.name} with {len(new)} telemetry columns",
                          wanted=f"one for {now.name} with the same columns and units",
                          do="Start a service of its own for it, with its own store.")

    def _switch(self, served: LoadedBundle) -> None:
        service = self._service
        service.remember(served)
        if service.live is not None:
            live, engine = service.live, service.live.engine
            track, cursor = self._track(served)
            live.pipeline.call(lambda: engine.switch(track, cursor)).result()
            live.adopt(served)
        old, service.served = service.served, served
        service.metrics.bundle.labels(old.digest, "active").set(0)
        service.metrics.bundle.labels(served.digest, "active").set(1)

    def _watch(self, served: LoadedBundle | None) -> None:
        service = self._service
        if self.models.shadow is not None:
            service.metrics.bundle.labels(self.models.shadow.digest, "shadow").set(0)
        if service.live is None:
            return
        engine = service.live.engine
        if served is None:
            service.live.pipeline.call(lambda: engine.watch(None, None)).result()
            return
        service.remember(served)
        track, cursor = self._track(served)
        service.live.pipeline.call(lambda: engine.watch(track, cursor)).result()
        service.metrics.bundle.labels(served.digest, "shadow").set(1)

    def _track(self, served: LoadedBundle) -> tuple[BundleTrack, Any]:
        """A track that has taken in almost everything; features are shared where the plan is the same."""
        live = self._service.live
        assert live is not None  # noqa: S101  # for mypy: asked only where there are machines
        for other in (live.engine.active, live.engine.shadow.track):
            if other is not None and other.shares(served):
                return BundleTrack(served, list(live.columns), live.store.texts, other.features), None
        track = BundleTrack(served, list(live.columns), live.store.texts)
        return track, follow(track, live.store, restore(track, live.store)[0])[0]

    def _but(self, active: Place) -> Place | None:
        """The challenger, unless it is what is served now."""
        shadow = self.models.shadow
        if shadow is not None and shadow == active:
            self._watch(None)
            return None
        return shadow

    def _remember(self, models: Models, by: str) -> None:
        self._service.store.settings.set(SETTING, asdict(models), wall_clock(), by=by)
        self.models = models

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._changing.acquire(blocking=False):
            raise Refusal(409, "model", found="another change that still runs", wanted="one at a time",
                          do="Ask again when it is done.")
        try:
            yield
        finally:
            self._changing.release()
