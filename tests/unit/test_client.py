"""The client's side of the service: patience, and refusals in words."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from oilcan.ground.errors import DataError, OilcanError
from oilcan.io.http.client import Api

REFUSED = {"error": {"where": "model", "found": "no bundle before this one", "wanted": "one", "do": "Name one."}}


@pytest.fixture
def answers() -> Iterator[list[tuple[int, bytes]]]:
    """What a server says to one request after the other; its address is the last entry until then."""
    said: list[tuple[int, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = said.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        said.append((server.server_port, b""))
        yield said
        server.shutdown()
        thread.join()


def ask(answers: list[tuple[int, bytes]], *wanted: tuple[int, bytes]) -> tuple[dict, list[float]]:
    port, waits = answers.pop()[0], []
    answers.extend(wanted)
    with contextlib.closing(Api(f"http://127.0.0.1:{port}", None, sleep=waits.append)) as api:
        return api.post("/v1/model/rollback", {}), waits


def test_a_service_that_is_busy_is_asked_again(answers):
    assert ask(answers, (503, b""), (429, b""), (200, b'{"a": 1}')) == ({"a": 1}, [1.0, 1.0])


@pytest.mark.parametrize(("status", "body", "said"), [
    (409, json.dumps(REFUSED).encode(), r"with 409: model: found no bundle before .*, wanted one\. Name one\.$"),
    (401, json.dumps(REFUSED).encode(), "environment variable OILCAN_KEY"),
    (404, b"<h1>another program</h1>", "refused with 404: '<h1>another program"),
    (400, b'{"error": "text"}', "refused with 400: ")])
def test_a_refusal_is_told_in_words(answers, status, body, said):
    with pytest.raises(OilcanError, match=said):
        ask(answers, (status, body))


def test_nobody_there_is_one_message_after_a_while():
    waits: list[float] = []
    with pytest.raises(OilcanError, match="no answer for 60 tries"):
        Api("http://127.0.0.1:1", None, sleep=waits.append).post("/v1/failures", {})
    assert sum(waits) == 60


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(DataError, match="not the address of a service"):
        Api(url, None)
