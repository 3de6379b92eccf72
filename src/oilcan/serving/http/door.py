"""The outermost layer: who asks, how much, how long it took, and what every answer carries.

One plain ASGI layer instead of a stack of them: a request for one row takes a few hundred microseconds in all.
Nothing here waits for the store. No error passes it: each becomes an answer with the headers of all others.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oilcan.serving.access.auth import OPEN, Auth, needed_scope
from oilcan.serving.access.limits import Rate
from oilcan.serving.ground.refusal import JSON, Refusal
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.http.error_answers import answer_to

_CSP: Final = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
               "base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
_HEADERS: Final = [
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_ONCE: Final = frozenset({b"host", b"authorization", b"content-type", b"content-encoding"})
_DIGITS: Final = 20             # of a Content-Length that can be meant
BODY: Final = "oilcan.body"
CALLER: Final = "oilcan.caller"


class Door:
    """ASGI middleware: key, rate, size, headers, times, errors.

    No name here may hold an error longer than its `except`: its trace holds the connection, which granian closes when
    nothing does.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings, auth: Auth, rate: Rate, metrics: Metrics) -> None:
        self._app, self._settings, self._auth, self._rate, self._metrics = app, settings, auth, rate, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        try:
            await self._admit(scope, receive)
            await self._app(scope, receive, send_with_headers)
        except Exception as err:
            if status:          # the answer has begun: the server can only cut it off
                raise
            await answer_to(err)(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "refused or unknown")
            self._metrics.answered(route, status or 500, time.perf_counter() - began)

    async def _admit(self, scope: Scope, receive: Receive) -> None:
        headers = _headers(scope)
        needed, caller = needed_scope(scope["method"], scope["path"]), OPEN
        if needed is not None and not (scope["path"] == "/metrics" and self._settings.metrics_open):
            authorization = headers.get(b"authorization")
            caller = await self._auth.check(needed, None if authorization is None else authorization.decode("latin-1"),
                                            headers.get(b"host", b"").decode("latin-1"))
            client = scope.get("client")
            self._rate.take(caller.name if caller is not OPEN or not client else client[0], time.monotonic())
        scope[CALLER] = caller
        if scope["method"] == "POST":
            scope[BODY] = await self._body(headers, receive)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, if it is JSON, not too long, and comes in time."""
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != JSON.encode():
            raise Refusal(415, "header Content-Type", found=headers.get(b"content-type", b"none").decode("latin-1"),
                          wanted=JSON, do="Send JSON and name its type.")
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise Refusal(415, "header Content-Encoding", found=headers[b"content-encoding"].decode("latin-1"),
                          wanted="none", do="Send the body as it is.")
        limit, seconds = self._settings.max_body_bytes, self._settings.body_timeout_s
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and (len(length) > _DIGITS or int(length) > limit):
            raise _too_long(f"{length[:_DIGITS].decode()} bytes or more", limit)
        try:
            async with asyncio.timeout(seconds):
                body = await _whole(receive, limit)
        except TimeoutError:
            raise Refusal(408, "body", found=f"not all of it after {seconds:g} s", wanted="the whole body by then",
                          do="Send smaller batches.") from None
        if length.isdigit() and len(body) < int(length):        # the client hung up
            raise _cut_short()
        return body


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """Headers by name; Refusal 400 if one that is read here is given twice, for a proxy might read the other."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if len(headers) != len(scope["headers"]):
        names = [name for name, _ in scope["headers"] if name in _ONCE]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Refusal(400, f"header {twice.decode().title()}", found=f"{names.count(twice)} of them",
                          wanted="one", do="Send it once.")
    return headers


async def _whole(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _cut_short()
        chunk = message.get("body", b"")
        size += len(chunk)
        if chunk:
            parts.append(chunk)
        if size > limit:
            raise _too_long(f"{size:,} bytes or more", limit)
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _cut_short() -> Refusal:
    return Refusal(400, "body", found="the connection closed", wanted="the whole body", do="Send it again.")


def _too_long(found: str, limit: int) -> Refusal:
    return Refusal(413, "body", found=found, wanted=f"at most {limit:,}", do="Send smaller batches.",
                   headers={"Retry-After": "0"})
