"""What a broken or hostile client can send to the real server: refused in one form, and nobody else notices."""

import contextlib
import json
import socket
import time

import httpx
import pytest

LIMIT = 100_000             # bytes of a body
SLOW_S = 2                  # a body may take so long
NOW = "2024-06-01T00:00:00Z"


@pytest.fixture(scope="module")
def server(serve_all):
    return serve_all(max_body_bytes=LIMIT, body_timeout_s=SLOW_S, header_timeout_s=SLOW_S)


@pytest.fixture
def fresh(serve):
    """For tests that send what is taken."""
    return serve(max_body_bytes=LIMIT, max_machines=500)


@pytest.fixture
def connect(server):
    """Opens raw connections to the server; closed with the test."""
    opened = []

    def connection() -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        return opened[-1]

    yield connection
    for each in opened:
        each.close()


def reading(**cells) -> bytes:
    return json.dumps({"readings": [{"machine_id": "M001", "time": NOW} | cells]}).encode()


def post(server, body: bytes, path: str = "/v1/telemetry", **headers: str) -> httpx.Response:
    return httpx.post(server.url + path, content=body, headers={"Content-Type": "application/json"} | headers,
                      timeout=30)


def head(path: str = "/v1/telemetry", *more: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *more, "", ""]
                       ).encode()


def status_of(connection: socket.socket) -> int:
    """Status of the answer; 0 if the server hung up without one."""
    try:
        said = connection.recv(65_536)
    except ConnectionResetError:
        return 0
    return int(said.split()[1]) if said else 0


def is_well(server) -> bool:
    """It answers, counts nothing that was refused, and has told no error of its own in its log."""
    known = httpx.get(f"{server.url}/v1/machines", timeout=60).json()["total"]
    alive = httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200
    return alive and known == 0 and "Traceback" not in server.log()


@pytest.mark.parametrize("body", [
    b'{"readings": [{"machine_id": "M001", "time": "2024-06-01T00:00:00Z", "speed_rpm": NaN}]}',
    b'{"readings": [{"machine_id": "M001", "time": "2024-06-01T00:00:00Z", "speed_rpm": -Infinity}]}',
    b"[" * 50_000,
    b'{"readings": ' * 5_000 + b"1" + b"}" * 5_000,
    b'{"readings": [{"machine_id": "\xff\xfe", "time": "2024-06-01T00:00:00Z"}]}',
    b'{"readings": [{"machine_id": "\\ud800", "time": "2024-06-01T00:00:00Z"}]}',
    b'{"readings": []} {}',
    b"\x00" * 100,
], ids=["nan", "infinity", "deep list", "deep object", "not utf-8", "half a pair", "two documents", "zeros"])
def test_what_is_no_json_is_refused(server, body):
    answer = post(server, body)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["error"]) == {"where", "found", "wanted", "do"}
    assert is_well(server)


@pytest.mark.parametrize("body", [
    reading(machine_id="M\u0000"), reading(machine_id="M\u202e1"), reading(machine_id="x" * 201),
    reading(machine_id={"$ne": ""}), reading(time="2999-01-01T00:00:00Z"), reading(time=1e400 - 1e400 == 0),
    reading(time="2024-06-01"), reading(__proto__=1), b"{}", b"null", b'"readings"', b"1" * 300,
])
def test_what_is_not_of_the_contract_is_refused(server, body):
    assert post(server, body).status_code == 422
    assert is_well(server)


def test_a_huge_number_never_reaches_the_features(fresh):
    for hour, number in enumerate(["1e308", "1e400", "-1e999", "9" * 400, "1e-400", "1234567890123456789012345678"]):
        body = reading(time=f"2024-06-01T{hour:02d}:00:00Z", speed_rpm="X")
        answer = post(fresh, body.replace(b'"X"', number.encode()))
        assert answer.status_code in {200, 400}, answer.text
        if answer.status_code == 200:
            assert answer.json()["set_aside"]["count"] == (number != "1e-400")
            assert all(abs(value) < 1e6 for name, value in answer.json()["machines"][0].items()
                       if name.startswith(("p_", "rul_")))
    assert "Traceback" not in fresh.log()


def test_of_a_name_said_twice_the_last_counts_and_only_it(fresh):
    answer = post(fresh, b'{"readings": 7, "readings": [{"machine_id": "A", "machine_id": "B", "time": "%s"}]}'
                  % NOW.encode())
    assert [each["machine_id"] for each in answer.json()["machines"]] == ["B"]


def test_ten_thousand_unknown_machines_fill_the_room_and_no_more(fresh):
    for first in range(0, 10_000, 1_000):
        names = [f"X{at}" for at in range(first, first + 1_000)]
        answer = post(fresh, json.dumps({"machine_id": names, "time": [NOW] * 1_000, "columns": {}}).encode())
        assert answer.status_code == (200 if first == 0 else 422)
    assert httpx.get(f"{fresh.url}/v1/machines", timeout=60).json()["total"] == 500
    assert "Traceback" not in fresh.log()


def test_a_clock_ahead_is_refused_and_one_far_behind_is_taken(fresh):
    ahead = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3_600))
    answer = post(fresh, reading(time=ahead))
    assert answer.status_code == 422
    assert "ahead of our clock" in answer.json()["error"]["found"]
    assert post(fresh, reading(time="1901-01-01T00:00:00Z")).json()["accepted"] == 1


@pytest.mark.parametrize("headers", [("Content-Length: 100001",), ("Content-Length: 99999999999999999999",)])
def test_a_body_said_to_be_too_long_is_refused_before_it_is_sent(server, connect, headers):
    connection = connect()
    connection.sendall(head("/v1/telemetry", *headers))
    assert status_of(connection) in {413, 400}
    assert is_well(server)


def test_a_body_in_chunks_is_cut_off_at_the_limit(server, connect):
    connection = connect()
    connection.sendall(head("/v1/telemetry", "Transfer-Encoding: chunked"))
    piece = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    try:
        for _ in range(10_000):             # a hundred megabytes, if it went on
            connection.sendall(piece)
        raise AssertionError("all of it was taken")
    except (BrokenPipeError, ConnectionResetError, TimeoutError):
        pass
    assert is_well(server)


@pytest.mark.parametrize("lines", [
    ("Content-Length: 5", "Transfer-Encoding: chunked"), ("Content-Length: -1",), ("Content-Length: 5",
    "Content-Length: 6"), ("Transfer-Encoding: gzip",), ("Content-Length : 5",), ("X: " + "y" * 1_000_000,),
], ids=["two lengths", "negative", "unequal", "unknown coding", "space", "long header"])
def test_headers_that_could_smuggle_a_second_request_are_refused(server, connect, lines):
    connection = connect()
    connection.sendall(head("/v1/telemetry", *lines) + b"0\r\n\r\nGET /v1/machines HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert status_of(connection) in {0, 400, 408, 413, 415, 422, 431, 501}
    assert is_well(server)


def test_slow_clients_are_let_go_and_block_nobody(server, connect):
    slow = [connect() for _ in range(50)]
    for connection in slow:
        connection.sendall(head("/v1/telemetry", "Content-Length: 1000"))
    began, waits = time.monotonic(), []
    while time.monotonic() - began < SLOW_S + 3:                # a byte now and then from each of them
        for connection in slow:
            _drip(connection)
        asked = time.monotonic()
        assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200
        waits.append(time.monotonic() - asked)
        time.sleep(0.2)
    assert max(waits) < SLOW_S          # a server that they block answers when they are let go, not before
    assert {status_of(connection) for connection in slow} <= {0, 408}
    assert is_well(server)


def _drip(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):                          # it was let go
        connection.sendall(b" ")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "x" * 5_000])
def test_a_compressed_body_is_refused_unread(server, encoding):
    assert post(server, b"\x1f\x8b" + b"\x00" * 1_000, **{"Content-Encoding": encoding}).status_code == 415


@pytest.mark.parametrize("path", [
    "/static/../settings.py", "/static/%2e%2e/settings.py", "/static/..%2f..%2fsettings.py", "//etc/passwd",
    "/static/%00", "/v1/machines/%00", "/v1/machines/" + "A" * 5_000, "/v1/machines/%ff%fe", "/v1/alarms/../model",
    "/v1/forecasts/99999999999999999999999", "/v1/forecasts/" + "0" * 4_400, "/v1/forecasts/" + "9" * 4_400,
    "/v1/forecasts/%D9%A1", "/v1/machines;x=1", "/V1/machines",
    "/v1/machines/",
])
def test_a_path_leads_to_nothing_but_routes(server, connect, path):
    connection = connect()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert status_of(connection) in {400, 404, 422}
    assert is_well(server)


@pytest.mark.parametrize(("method", "path"), [
    ("PUT", "/v1/telemetry"), ("DELETE", "/v1/machines"), ("GET", "/v1/telemetry"), ("POST", "/healthz"),
    ("TRACE", "/v1/model"), ("CONNECT", "/v1/model"), ("PATCH", "/"), ("BREW", "/v1/predict"),
])
def test_a_method_that_a_route_does_not_have_is_refused(server, connect, method, path):
    connection = connect()
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                       "Content-Length: 2\r\n\r\n{}".encode())
    assert status_of(connection) in {400, 404, 405}
    assert is_well(server)


@pytest.mark.parametrize("said", [
    "Bearer", "Basic b2lsY2FuOm9pbGNhbg==", "Bearer oil_" + "x" * 40, "Bearer " + "x" * 100_000,
    "Bearer \xff\xfe", "bearer oil' OR 1=1 --", "Bearer a b",
])
def test_a_bad_key_is_refused_also_where_none_is_wanted_and_is_in_no_log(server, said):
    answer = httpx.get(f"{server.url}/v1/machines", headers={"Authorization": said.encode("latin-1")}, timeout=60)
    assert answer.status_code in {400, 401, 431}
    assert said[7:40].strip() == "" or said[7:40] not in server.log() + answer.text
    assert is_well(server)


@pytest.mark.parametrize("name", ["Host", "Authorization", "Content-Type", "Content-Encoding"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_header_that_is_read_may_be_given_once(server, connect, method, name):
    values = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": "2"} | {
        "Authorization": "Bearer a", "Content-Encoding": "identity"}
    lines = [f"{key}: {value}" for key, value in values.items() if key != "Authorization"] + [f"{name}: {values[name]}"]
    lines += [f"{name}: {values[name]}"] * (name == "Authorization")
    connection = connect()
    connection.sendall("\r\n".join([f"{method} /v1/model/shadow HTTP/1.1", *lines, "", "{}"]).encode())
    assert status_of(connection) == 400
    assert is_well(server)


@pytest.mark.parametrize("target", ["http://evil.example/v1/model", "http://evil.example:80/v1/model",
                                    "http://127.0.0.1@evil.example/v1/model", "https://evil.example/v1/model"])
@pytest.mark.parametrize("host", ["Host: 127.0.0.1", "Host: localhost", "X: y"])
def test_an_address_of_another_site_is_refused_whatever_the_host_header_says(server, connect, target, host):
    connection = connect()
    connection.sendall(f"GET {target} HTTP/1.1\r\n{host}\r\n\r\n".encode())
    assert status_of(connection) in {400, 403}
    assert is_well(server)


def test_an_address_of_this_site_may_be_written_in_full(connect):
    connection = connect()
    connection.sendall(b"GET http://127.0.0.1/v1/model HTTP/1.1\r\nHost: evil.example\r\n\r\n")   # RFC 9112, 3.2.2
    assert status_of(connection) == 200


SENT = [                    # what of a reading is unusual, the status, and words of the refusal
    ({"load_pct": 50}, 200, ""),                                            # a whole number for a number
    ({"load_pct": None}, 200, ""),
    ({"load_pct": "61.5"}, 422, "a number"),
    ({"load_pct": "Bad Input"}, 422, "a number"),
    ({"time": 1717200000000}, 422, "ISO 8601"),                             # epoch milliseconds
    ({"time": "2024-06-01T00:00:00"}, 422, "offset"),
    ({"time": "2024-06-01T05:30:00+05:30"}, 200, ""),
    ({"time": "2024-06-01T00:00:00.123456789Z"}, 200, ""),
    ({"machine_id": "Präge/presse 7"}, 200, ""),
    ({"machine_id": 17}, 422, "machine_id"),
]


def test_what_plants_send_is_taken_or_refused_each_by_itself(fresh):
    for number, (cells, status, words) in enumerate(SENT):
        good = {"machine_id": f"good {number}", "time": NOW}
        bad = {"machine_id": f"odd {number}", "time": NOW} | cells
        answer = post(fresh, json.dumps({"readings": [good, bad]}).encode())
        assert answer.status_code == 200, answer.text                       # the good row is taken either way
        refused = answer.json()["refused"]["rows"]
        assert [row["row"] for row in refused] == ([] if status == 200 else [1]), (cells, answer.text)
        assert words in json.dumps(refused), (cells, refused)
        assert httpx.get(f"{fresh.url}/v1/machines/good {number}", timeout=60).status_code == 200
        alone = post(fresh, json.dumps({"readings": [bad]}).encode())
        assert alone.status_code == status, (cells, alone.text)
    odd = httpx.get(f"{fresh.url}/v1/machines/Pr%C3%A4ge%2Fpresse%207", timeout=60)
    assert odd.json()["machine_id"] == "Präge/presse 7"
    plain = httpx.post(f"{fresh.url}/v1/telemetry", content=b"machine,time\nM1,1",
                       headers={"Content-Type": "text/csv"}, timeout=60)
    assert plain.status_code == 415
    assert "Traceback" not in fresh.log()
