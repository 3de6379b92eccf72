"""What is in service, where it comes from, and another one in its place."""

import asyncio
import re

from starlette.requests import Request
from starlette.responses import Response

from oilcan.serving.bodies.json_rows import Row, is_name, kind_of, read_body
from oilcan.serving.ground.refusal import Refusal, answer
from oilcan.serving.http import documents
from oilcan.serving.http.door import BODY, CALLER
from oilcan.serving.routes.services import DirectRoute, service_of


async def model(request: Request) -> Response:
    """The model's card."""
    return answer(service_of(request).card())


async def activate(request: Request) -> Response:
    """Serve another bundle from now on."""
    service, content = service_of(request), read_body(request.scope[BODY], ("bundle", "digest", "revision"))
    if "digest" in content:
        digest, revision = _digest(content)
        await asyncio.to_thread(service.swap.activate_digest, digest, revision, request.scope[CALLER].name)
        return answer(service.card())
    name = _bundle_name(request)
    if name is None:
        raise Refusal(422, "body.bundle", found="null", wanted="the name of a folder", do="Name the bundle.")
    await asyncio.to_thread(service.swap.activate, name, request.scope[CALLER].name)
    return answer(service.card())


async def rollback(request: Request) -> Response:
    """Serve again what was served before."""
    service = service_of(request)
    read_body(request.scope[BODY], ())
    await asyncio.to_thread(service.swap.rollback, request.scope[CALLER].name)
    return answer(service.card())


async def shadow(request: Request) -> Response:
    """Watch a challenger on live traffic without answering from it; null ends that."""
    service = service_of(request)
    await asyncio.to_thread(service.swap.shadow, _bundle_name(request), request.scope[CALLER].name)
    return answer(service.card())


async def canary(request: Request) -> Response:
    """Let a challenger answer for a share of the machines, chosen by the hash of their names; null ends that."""
    service, content = service_of(request), read_body(request.scope[BODY], ("digest", "revision", "share"))
    digest, revision = (None, None) if content.get("digest", 0) is None else _digest(content)
    share = content.get("share", 0)
    if digest is not None and (isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1):
        raise Refusal(422, "body.share", found=kind_of(share), wanted="a number above 0 and up to 1",
                      do="Name the share of the machines, for example 0.1.")
    await asyncio.to_thread(service.swap.canary, digest, revision, float(share), request.scope[CALLER].name)
    return answer(service.card())


def _digest(content: Row) -> tuple[str, str | None]:
    """Digest of a bundle, and the revision to fetch it from."""
    digest, revision = content.get("digest", 0), content.get("revision")
    if "bundle" in content or type(digest) is not str or not re.fullmatch("[0-9a-f]{64}", digest):
        raise Refusal(422, "body.digest", found=kind_of(digest), wanted="64 hexadecimal digits, and no `bundle` beside",
                      do="Name the bundle by its digest or by its folder.")
    if revision is not None and (not is_name(revision) or revision.startswith("-")):
        raise Refusal(422, "body.revision", found=kind_of(revision), wanted="the name of a tag or commit",
                      do="Name the tag of the promotion.")
    return digest, revision


def _bundle_name(request: Request) -> str | None:
    content = read_body(request.scope[BODY], ("bundle",))
    name = content.get("bundle", 0)
    if name is not None and not is_name(name):
        raise Refusal(422, "body.bundle", found=kind_of(name), wanted="the name of a folder", do="Name the bundle.")
    return name


ROUTES = [
    DirectRoute("/v1/model", model, methods=["GET"],
                **documents.of("model", "The model's card: lineage, forecasts, thresholds, features.")),
    *(DirectRoute(f"/v1/model/{call.__name__}", call, methods=["POST"],
                  **documents.of("model", call.__doc__ or "", body=body, refusals=(409,)))
      for call, body in ((activate, "activate"), (rollback, "nothing"), (shadow, "watch"), (canary, "canary"))),
]
