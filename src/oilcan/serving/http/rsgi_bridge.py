"""The ASGI application as granian's own interface, RSGI, asks for it.

Granian's ASGI hides the authority of a request that names its target in full (`GET http://evil.example/v1/model`), so
that such a request could pass the check of the host. RSGI shows it. It replaces the header Host here, as RFC 9112
demands (section 3.2.2).
"""

from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from granian._granian import RSGIHTTPProtocol, RSGIProtocolClosed
from granian.rsgi import Scope
from starlette.types import ASGIApp

Message = MutableMapping[str, Any]


class Bridge:
    """An ASGI application that is asked by RSGI; it answers each request as a whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __rsgi__(self, scope: Scope, protocol: RSGIHTTPProtocol) -> None:
        """Answer one request."""
        chunks: AsyncIterator[bytes] = aiter(protocol)
        start: Message = {}
        parts: list[bytes] = []

        async def receive() -> Message:
            try:
                return {"type": "http.request", "body": await anext(chunks), "more_body": True}
            except StopAsyncIteration:
                return {"type": "http.request", "body": b"", "more_body": False}
            except RSGIProtocolClosed:
                return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
                protocol.response_bytes(start["status"], headers, parts[0] if len(parts) == 1 else b"".join(parts))

        await self._app(_asgi(scope), receive, send)


def _asgi(scope: Scope) -> Message:
    """A request as ASGI describes it."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in scope.headers.items()]
    unreadable = set(scope.headers.keys()) - {name for name, _ in scope.headers.items()}     # not of ASCII
    headers += [(name.encode("latin-1"), b"\xff") for name in sorted(unreadable)]
    if scope.authority is not None:
        headers = [(b"host", scope.authority.encode("latin-1")), *(pair for pair in headers if pair[0] != b"host")]
    client, _, port = scope.client.rpartition(":")
    return {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": scope.http_version,
            "method": scope.method, "scheme": scope.scheme, "path": scope.path, "root_path": "",
            "query_string": scope.query_string.encode("latin-1"), "headers": headers, "client": (client, int(port)),
            "server": None}
