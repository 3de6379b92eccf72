"""The client of the benchmarks, a process of its own: requests over kept connections, each answered before the next.

    python benchmarks/serving/load.py JOB.json      # {host, port, requests: [{path, body}], connections, seconds}

With one connection the requests take turns, so that all of them meet the same noise; with more, each connection sends
them in turn as fast as it is answered. Prints {requests: [{n, p50_us, p99_us}], per_s}.
"""

import json
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

_WARM_S = 1.0


class Connection:
    """One kept connection with a request on its way."""

    def __init__(self, host: str, port: int, requests: list[bytes]) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests, self.turn = requests, -1
        self.sent = 0.0

    def send(self) -> None:
        """The next request."""
        self.turn = (self.turn + 1) % len(self._requests)
        self._said, self._wanted = b"", None
        self.sent = time.perf_counter()
        self.socket.sendall(self._requests[self.turn])

    def receive(self) -> bool:
        """Take what has come; whether that was all of the answer."""
        piece = self.socket.recv(1 << 20)
        if not piece:
            raise ConnectionError("the server hung up")
        self._said += piece
        if self._wanted is None and (end := self._said.find(b"\r\n\r\n")) >= 0:
            head = self._said[:end].lower()
            if head.split()[1] != b"200":
                raise RuntimeError(self._said[:2_000].decode())
            self._wanted = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        return self._wanted is not None and len(self._said) >= self._wanted


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job."""
    requests = [_raw(job["host"], each["path"], each["body"]) for each in job["requests"]]
    connections = [Connection(job["host"], job["port"], requests) for _ in range(job["connections"])]
    took: list[list[float]] = [[] for _ in requests]
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        begin = time.perf_counter() + _WARM_S
        end = begin + job["seconds"]
        while (now := time.perf_counter()) < end:
            for key, _ in selector.select(1.0):
                connection = key.data
                if connection.receive():
                    if now >= begin:
                        took[connection.turn].append(time.perf_counter() - connection.sent)
                    connection.send()
    for connection in connections:
        connection.socket.close()
    spent = [np.array(each) * 1e6 for each in took]
    return {"per_s": sum(map(len, spent)) / job["seconds"],
            "requests": [{"n": len(each), "p50_us": float(np.percentile(each, 50)),
                          "p99_us": float(np.percentile(each, 99))} for each in spent if len(each)]}


def _raw(host: str, path: str, body: str | None) -> bytes:
    method, content = ("GET", b"") if body is None else ("POST", body.encode())
    return (f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n").encode() + content


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
