"""What answers and what is watched, made equal to what the store remembers.

This is the only way to another bundle: a change by a caller, a change by another replica, a restart, and a change that
was written but not carried out all end in `RunningModels.follow`.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from oilcan.ground.errors import OilcanError
from oilcan.io.stores import Store
from oilcan.serving.engine.bundle_track import BundleTrack
from oilcan.serving.engine.following import follow, restore
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.live.live_service import LiveService
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.service.remembered_models import Models

_LOG: Final = logging.getLogger("oilcan")


def canary_of(models: Models, signers: Path | None) -> tuple[tuple[LoadedBundle, float] | None, Models]:
    """The canary to begin with and its share; without it, if its bundle is gone, and then the models say so."""
    if models.canary is None or models.shadow is None:
        return None, models
    try:
        return (models.shadow.load(signers), models.canary.share), models
    except OilcanError as err:
        return None, _without_canary(models, err)


def _without_canary(models: Models, err: OilcanError) -> Models:
    reason = f"its bundle is gone: {err}" if models.canary else models.fell_back
    return replace(models, canary=None, fell_back=reason)


class Changed(Protocol):
    """The parts of a service that a change of the bundle touches; see `service.Service`."""

    settings: ServiceSettings
    served: LoadedBundle
    store: Store
    metrics: Metrics
    live: LiveService | None

    def remember(self, served: LoadedBundle) -> None:
        """Keep where a bundle came from."""


class RunningModels:
    """The bundles at work in a service; its methods are called by one thread at a time.

    Attributes
    ----------
    models
        What runs. It differs from what the store remembers while a change is carried out, and where the bundle of a
        canary is gone.
    """

    def __init__(self, service: Changed, models: Models) -> None:
        self._service, self.models = service, models
        self._followed: Models | None = None

    def follow(self, stored: Models, loaded: Mapping[str, LoadedBundle]) -> None:
        """Carry out what the store remembers; nothing happens where it runs already.

        Parameters
        ----------
        loaded
            Bundles by digest that need not be loaded again.

        Raises
        ------
        StoreError, IntegrityError
            If the store does not answer, or the bundle to be served is gone; the next call goes on from there.
        """
        if stored == self._followed:
            return
        if stored.active.digest != self._service.served.digest:
            self._switch(loaded.get(stored.active.digest) or stored.active.load(self._service.settings.signers))
        self.models = replace(self.models, configured=stored.configured, active=stored.active,
                              previous=stored.previous)
        shown = self._with_challenger(stored, loaded)
        self._give_share(shown.canary.share if shown.canary else 0.0)
        self.models, self._followed = shown, stored

    def _with_challenger(self, stored: Models, loaded: Mapping[str, LoadedBundle]) -> Models:
        """Watch the challenger of the store; without it, where its bundle is gone."""
        live, place = self._service.live, stored.shadow
        running = None if live is None else live.engine.shadow.track
        if (place and place.digest) == (running and running.served.digest):
            return stored
        try:
            served = None if place is None else loaded.get(place.digest) or place.load(self._service.settings.signers)
        except OilcanError as err:
            _LOG.warning("challenger: %s It is watched no more.", err)
            self._watch(None)
            return _without_canary(stored, err)
        self._watch(served)
        return stored

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
        if service.live is None:
            return
        engine = service.live.engine
        track, cursor = (None, None) if served is None else self._track(served)
        if served is not None:
            service.remember(served)
        before = engine.shadow.track
        service.live.pipeline.call(lambda: engine.watch(track, cursor)).result()
        if before is not None:
            service.metrics.bundle.labels(before.served.digest, "shadow").set(0)
        if served is not None:
            service.metrics.bundle.labels(served.digest, "shadow").set(1)

    def _give_share(self, share: float) -> None:
        live = self._service.live
        if live is not None and share != live.engine.shadow.share:
            live.pipeline.call(lambda: live.engine.give_share(share)).result()

    def _track(self, served: LoadedBundle) -> tuple[BundleTrack, Any]:
        """A track that has taken in almost everything; features are shared where the plan is the same."""
        live = self._service.live
        assert live is not None  # noqa: S101  # for mypy: asked only where there are machines
        for other in (live.engine.active, live.engine.shadow.track):
            if other is not None and other.shares(served):
                return BundleTrack(served, list(live.columns), live.store.texts, other.features), None
        track = BundleTrack(served, list(live.columns), live.store.texts)
        return track, follow(track, live.store, restore(track, live.store)[0])[0]
