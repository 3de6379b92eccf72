"""A canary: the approved model of a commit answers for a share of the machines in every service, or for none again."""

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from oilcan.ground.errors import OilcanError
from oilcan.io.http.client import Api
from oilcan.operations.governing import audit_log
from oilcan.operations.governing.audit_log import Act
from oilcan.operations.governing.candidate import candidate_at
from oilcan.operations.governing.promotion import Decided, promote
from oilcan.operations.governing.rollout import Serving, ask, listed_services
from oilcan.params.operating.services import ListedService

_TRIES = 3


def begin_canary(root: Path, share: float, *, approver: str, reason: str, at: datetime, revision: str = "HEAD",
                 override: bool = False, server_check: bool = False, key: str | None = None,
                 say: Callable[[str], None] = lambda _: None) -> Decided:
    """Approve the model of a commit, and let it answer for a share of the machines; see `promotion.promote`.

    Parameters
    ----------
    share
        Above 0, up to 1.

    Raises
    ------
    OilcanError
        If gate, approver or policy do not allow it, or no service is listed; nothing is changed then.
    """
    candidate = candidate_at(root, revision)
    services = listed_services(root, candidate.dataset)
    if not services:
        raise OilcanError(f"services.yaml: lists no service of {candidate.dataset} (found 0, wanted at least one that "
                          f"can answer for some machines). Add it, or promote the model whole.")
    decided = promote(root, approver=approver, reason=reason, at=at, revision=revision, to="approved",
                      override=override, server_check=server_check, key=key, say=say)
    body = {"digest": candidate.bundle, "revision": decided.tag or None, "share": share}
    late = []
    for service in services:
        say(f"canary on {service.name}")
        after = _ask_for(service, body, key, candidate.bundle, share)
        if after.trouble is None:
            _record(root, service, candidate.bundle, share, f"{service.name} answers for {share:.0%} of its machines: "
                    f"{reason}", by=approver, at=at, commit=candidate.commit, dataset=candidate.dataset)
        else:
            late.append(f"{service.name} ({service.url}): {after.trouble}")
    return Decided(candidate.bundle, candidate.dataset, decided.version, decided.tag, tuple(late))


def end_canary(root: Path, dataset: str, *, by: str, reason: str, at: datetime, key: str | None = None) -> list[str]:
    """Let no canary answer any more; services that could not be reached, each with the reason.

    A canary that fell back by itself is recorded with what the service saw.
    """
    late = []
    for service in listed_services(root, dataset):
        before = ask(service, key)
        after = _ask_for(service, {"digest": None}, key, None, 0.0) if before.trouble is None else before
        if after.trouble is not None:
            late.append(f"{service.name} ({service.url}): {after.trouble}")
        elif before.canary is not None:
            fell = before.canary.fell_back
            why = f"{service.name} fell back: {fell}" if fell else f"{service.name}: {reason}"
            _record(root, service, before.canary.bundle, 0.0, why, by=by, at=at, dataset=dataset, commit=None)
    return late


def _ask_for(service: ListedService, body: Mapping[str, object], key: str | None, bundle: str | None,
             share: float) -> Serving:
    """Ask for a canary, unless it is there already; what the service answers from then."""
    before = ask(service, key)
    now = before.canary
    if before.trouble is not None or (bundle is not None and now is not None and (now.bundle, now.share) == (
            bundle, share)):
        return before
    try:
        with contextlib.closing(Api(service.url, key, tries=_TRIES)) as api:
            api.post("/v1/model/canary", dict(body))
    except OilcanError as err:
        return Serving(service, before.bundle, str(err))
    return ask(service, key)


def _record(root: Path, service: ListedService, bundle: str, share: float, why: str, *, by: str, at: datetime,
            dataset: str, commit: str | None) -> None:
    """Record what a service answers from, unless the newest entry about its canary says so already."""
    last = next((entry for entry in reversed(audit_log.entries(root))
                 if entry.kind == "canary" and entry.detail.get("service") == service.name), None)
    if last is None or (last.bundle, last.detail.get("share")) != (bundle, share):
        audit_log.append(root, Act("canary", by, why, dataset=dataset, commit=commit, bundle=bundle,
                                   detail={"service": service.name, "url": service.url, "share": share}), at=at)
