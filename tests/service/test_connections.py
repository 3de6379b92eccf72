"""Clients that stay without doing anything: each is let go in time, and none keeps others from being answered."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.waiting import wait_until

TIMEOUT_S = 2           # of the server below, for heads and for bodies
MANY = 306              # so many stopped the service once
HEAD = b"POST /v1/telemetry HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
STAYING = {
    "silent": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHo",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "idle after an answer": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "body without a first byte": HEAD + b"Content-Length: 1000\r\n\r\n",
    "body without an end": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "chunk without a first byte": HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    "chunk without an end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
}


@pytest.fixture(scope="module")
def server(serve_all):
    return serve_all(header_timeout_s=TIMEOUT_S, body_timeout_s=TIMEOUT_S)


@pytest.fixture
def connect() -> Iterator[Callable[..., socket.socket]]:
    """Opens a raw connection to a server and sends some bytes; closed with the test."""
    with contextlib.ExitStack() as opened:
        def connection(port: int, content: bytes = b"", buffer: int | None = None) -> socket.socket:
            each = opened.enter_context(socket.socket())
            if buffer is not None:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            each.settimeout(30)
            each.connect(("127.0.0.1", port))
            each.sendall(content)
            return each

        yield connection


def wait_closed(connection: socket.socket) -> None:
    """Read whatever the server sends until it closes the connection."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65_536):
            pass


def test_every_client_that_stays_is_let_go_in_time(server, connect):
    staying, began = {kind: connect(server.port, content) for kind, content in STAYING.items()}, time.monotonic()
    seconds = {}
    for kind, connection in staying.items():
        wait_closed(connection)
        seconds[kind] = time.monotonic() - began
    assert max(seconds.values()) < 2 * TIMEOUT_S, seconds


@pytest.mark.parametrize(("first", "drop"), [(b"GET /healthz HTTP/1.1\r\nX: ", b"y"),
                                             (HEAD + b"Content-Length: 1000\r\n\r\n", b" ")], ids=["head", "body"])
def test_a_client_that_sends_a_byte_now_and_then_is_let_go_in_time(server, connect, first, drop):
    connection, began = connect(server.port, first), time.monotonic()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while time.monotonic() - began < 3 * TIMEOUT_S:
            connection.sendall(drop)
            time.sleep(0.1)             # the pace of this client, not a wait for the server
    assert time.monotonic() - began < 2 * TIMEOUT_S


def test_hundreds_that_stay_do_not_keep_others_from_being_answered(server, connect):
    kinds = list(STAYING.values())
    staying = [connect(server.port, kinds[at % len(kinds)]) for at in range(MANY)]
    began = time.monotonic()
    assert httpx.get(f"{server.url}/healthz", timeout=30).status_code == 200
    assert time.monotonic() - began < TIMEOUT_S        # before the first of them is let go
    for connection in staying:
        wait_closed(connection)
    assert time.monotonic() - began < 3 * TIMEOUT_S


def test_more_than_may_be_open_wait_until_one_ends(serve, connect):
    server = serve(header_timeout_s=TIMEOUT_S, max_connections=8)
    staying = [connect(server.port) for _ in range(8)]
    began = time.monotonic()
    assert httpx.get(f"{server.url}/healthz", timeout=30).status_code == 200
    assert TIMEOUT_S / 2 < time.monotonic() - began < 2 * TIMEOUT_S
    for connection in staying:
        wait_closed(connection)


def test_a_client_that_does_not_take_its_answers_is_let_go_in_time(server, connect):
    connection = connect(server.port, buffer=4096)
    connection.setblocking(False)
    question = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 100
    with contextlib.suppress(BlockingIOError, ConnectionResetError, BrokenPipeError):
        while True:                     # until the server reads no more, because its answers are not taken
            connection.send(question)
    client = connection.getsockname()[1]
    assert client in open_clients(server.port)
    wait_until(lambda: client not in open_clients(server.port), "still connected", 5 * TIMEOUT_S)


def open_clients(port: int) -> set[int]:
    """Ports of the clients whose connections the system holds for the server."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    ends = [(int(row[1].split(":")[1], 16), int(row[2].split(":")[1], 16)) for row in rows if row[3] == "01"]
    return {theirs for ours, theirs in ends if ours == port}
