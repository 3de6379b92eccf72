"""Services follow the registry: asked what they serve, asked to serve something else, and recorded when they do."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from oilcan.core.registry.model_tag import ModelTag
from oilcan.ground.errors import OilcanError
from oilcan.ground.section import section
from oilcan.io.http.client import Api
from oilcan.io.stage.stage_inputs import read_yaml
from oilcan.operations.governing.audit_log import Act, append
from oilcan.params.operating.services import ListedService, ServiceList

_TRIES = 3


@dataclass(frozen=True)
class CanaryAnswers:
    """A challenger that a service answers from for some machines; `fell_back` says why it does so no more."""

    bundle: str
    share: float
    machines: int
    fell_back: str | None


@dataclass(frozen=True)
class Serving:
    """What a service answers from; `trouble` says why it could not be asked or switched."""

    service: ListedService
    bundle: str | None
    trouble: str | None = None
    canary: CanaryAnswers | None = None


def listed_services(root: Path, dataset: str) -> list[ListedService]:
    """Services of a data set in services.yaml; none where there is no such file."""
    path = root / "services.yaml"
    if not path.exists():
        return []
    listed = section(ServiceList, read_yaml(path), str(path)).services
    return [service for service in listed if service.dataset == dataset]


def ask(service: ListedService, key: str | None) -> Serving:
    """What a service serves now."""
    try:
        with contextlib.closing(Api(service.url, key, tries=_TRIES)) as api:
            card = api.get("/v1/model")
        seen = card.get("canary")
        canary = CanaryAnswers(seen["model"], seen["share"], seen["machines"], seen["fell_back"]) if seen else None
        return Serving(service, str(card["model"]), canary=canary)
    except OilcanError as err:
        return Serving(service, None, str(err))


def switch(root: Path, service: ListedService, tag: ModelTag, key: str | None, *, by: str, at: datetime) -> Serving:
    """Have a service serve the bundle of a tag, and record that it does; it may serve it already.

    A service that does not answer, or refuses, is a laggard: it is named, and the others go on.
    """
    digest = tag.fields["bundle"]
    before = ask(service, key)
    if before.trouble is not None:
        return before
    try:
        if before.bundle != digest:
            with contextlib.closing(Api(service.url, key, tries=_TRIES)) as api:
                api.post("/v1/model/activate", {"digest": digest, "revision": tag.name})
    except OilcanError as err:
        return Serving(service, before.bundle, str(err))
    now = ask(service, key)
    if now.bundle == digest:
        append(root, Act("rollout", by, f"{service.name} serves it", key=f"{tag.name} {service.name}",
                         dataset=tag.dataset, commit=tag.commit, bundle=digest,
                         detail={"service": service.name, "url": service.url, "tag": tag.name,
                                 "before": before.bundle}), at=at)
    return now


def laggards(standing: Iterable[Serving], digest: str) -> list[str]:
    """Services that do not serve a bundle, each with what is known about it."""
    return [f"{each.service.name} ({each.service.url}): "
            + (each.trouble or f"serves {str(each.bundle)[:12]}, wanted {digest[:12]}")
            for each in standing if each.bundle != digest]
