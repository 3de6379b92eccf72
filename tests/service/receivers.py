"""Receivers of messages on this machine: an SMTP server and an HTTP server, both real, that keep what they get."""

import email
import json
import socket
import threading
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mailbox:
    """An SMTP server; `answers` are what it says to the next messages, then it takes them."""

    def __init__(self, password: str | None = None) -> None:
        self.messages: list[EmailMessage] = []
        self.answers: list[str] = []
        options: dict[str, Any] = {} if password is None else {
            "authenticator": lambda *given: AuthResult(
                success=given[-1].password == password.encode(), handled=False),
            "auth_require_tls": False}
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()

    async def handle_DATA(self, _server: object, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        if self.answers:
            return self.answers.pop(0)
        self.messages.append(email.message_from_bytes(envelope.content, policy=default))
        return "250 taken"

    def close(self) -> None:
        self._controller.stop()


class Inbox:
    """An HTTP server; `answers` are its next status codes, then it answers 200 with `content`."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], Any, bytes]] = []     # headers, JSON, bytes
        self.answers: list[int] = []
        self.content: Any = {}
        self.gate = threading.Event()           # closed, no answer is given until it opens
        self.gate.set()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = inbox.answers.pop(0) if inbox.answers else 200
                inbox.requests.append(({**self.headers, "path": self.path}, json.loads(body), body))
                inbox.gate.wait(30)
                answer = json.dumps(inbox.content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def bodies(self) -> list[Any]:
        return [content for _, content, _ in self.requests]

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class SilentServer:
    """Takes connections and never says a word."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(50)
        self.port = int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.close()


def rules(crews: dict[str, Any], channels: dict[str, Any], *, smtp_port: int | None = None, user: str | None = None,
          **retry: str) -> dict[str, Any]:
    """The content of a notifications.yaml; a crew names what is not as usual."""
    usual = {"digest": None, "quiet": None, "escalation": None, "work_orders": None}
    smtp = None if smtp_port is None else {"host": "127.0.0.1", "port": smtp_port, "security": "none", "user": user,
                                           "sender": "oilcan@plant.example"}
    return {"link": "https://oilcan.plant.example", "smtp": smtp, "channels": channels,
            "crews": {name: usual | crew for name, crew in crews.items()},
            "retry": {"first": "30s", "longest": "1h", "give_up": "24h"} | retry}
