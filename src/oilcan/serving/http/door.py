"""The outermost layer: who asks, how much, how long it took, and what every answer carries.

One plain ASGI layer instead of a stack of them: a request for one row takes a few hundred microseconds in all.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oilcan.serving.access.auth import OPEN, needed_scope
from oilcan.serving.ground.refusal import JSON, Refusal, answer

if TYPE_CHECKING:
    from oilcan.serving.service.service import Service

_CSP: Final = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
               "base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
_HEADERS: Final = [
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
BODY: Final = "oilcan.body"
CALLER: Final = "oilcan.caller"


class Door:
    """ASGI middleware: key, rate, size, headers, times."""

    def __init__(self, app: ASGIApp, service: "Service") -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        try:
            await self._admit(scope, receive)
        except Refusal as refusal:
            await answer(refusal.content, refusal.status, refusal.headers)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "refused or unknown")
            self._service.metrics.answered(route, status, time.perf_counter() - started)

    async def _admit(self, scope: Scope, receive: Receive) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        now, needed = time.monotonic(), needed_scope(scope["method"], scope["path"])
        caller = OPEN
        if needed is not None and not (scope["path"] == "/metrics" and self._service.settings.metrics_open):
            authorization = headers.get(b"authorization")
            caller = self._service.auth.check(
                needed, None if authorization is None else authorization.decode("latin-1"),
                headers.get(b"host", b"").decode("latin-1"), now)
            client = scope.get("client")
            self._service.rate.take(caller.name if caller is not OPEN or not client else client[0], now)
        scope[CALLER] = caller
        if scope["method"] == "POST":
            scope[BODY] = await self._body(headers, receive)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, if it is JSON, not too long, and comes in time."""
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != JSON.encode():
            raise Refusal(415, "header Content-Type", found=headers.get(b"content-type", b"none").decode("latin-1"),
                          wanted=JSON, do="Send JSON and say so.")
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise Refusal(415, "header Content-Encoding", found=headers[b"content-encoding"].decode("latin-1"),
                          wanted="none", do="Send the body as it is.")
        limit = self._service.settings.max_body_bytes
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            raise _too_long(int(length), limit)
        try:
            message = await receive()
            if not message.get("more_body"):
                body = message.get("body", b"")
                if len(body) > limit:
                    raise _too_long(len(body), limit)
                return body
            return await asyncio.wait_for(_rest(message, receive, limit), self._service.settings.body_timeout_s)
        except TimeoutError:
            raise Refusal(408, "body", found=f"not all of it after {self._service.settings.body_timeout_s:g} s",
                          wanted="the whole body by then", do="Send smaller batches.") from None


async def _rest(message: Message, receive: Receive, limit: int) -> bytes:
    parts: list[Any] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise Refusal(400, "body", found="the connection closed", wanted="the whole body", do="Send it again.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_long(size, limit)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _too_long(found: int, limit: int) -> Refusal:
    return Refusal(413, "body", found=f"{found:,} bytes or more", wanted=f"at most {limit:,}",
                   do="Send smaller batches.", headers={"Retry-After": "0"})
