"""Downloads against real servers on this machine: resumed, cut off, wrong, silent."""

import gzip
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from oilcan.contract import Contract, parse_contract
from oilcan.ground.errors import ContractError, DataError, IntegrityError
from oilcan.io.raw_data.download import Patience, download
from oilcan.io.raw_data.fetch import bring
from oilcan.io.raw_data.unpack import unpack_gzip, unpack_zip

CONTENT = bytes(range(256)) * 4000          # 1,024,000 bytes
IMPATIENT = Patience(silence_s=1.0, tries=3, pause_s=0.01)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Server:
    """An HTTP server whose manners a test chooses; it keeps a record of what was asked."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.etag: str | None = '"v1"'
        self.ranges = True
        self.cut_after: list[int] = []      # bytes after which the n-th answer is cut off
        self.status: list[int] = []         # refusals before answers begin
        self.silent = False
        self.seconds_per_chunk = 0.0
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/{path}"

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked_range = request.headers.get("Range")
        self.asked.append((request.path, asked_range))
        if self.silent:
            time.sleep(3)
            request.close_connection = True
            return
        if self.status:
            request.send_error(self.status.pop(0))
            return
        content = self.content.get(request.path.lstrip("/"))
        if content is None:
            request.send_error(404)
            return
        start = self._start(asked_range, request.headers.get("If-Range"), len(content))
        if start is not None and start >= len(content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = content[start or 0:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        cut = self.cut_after.pop(0) if self.cut_after else len(body)
        self._send(request, body[:cut])
        request.close_connection = True

    def _start(self, asked: str | None, condition: str | None, _length: int) -> int | None:
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        if match is None or not self.ranges or condition != self.etag:
            return None
        return int(match[1])

    def _send(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        for at in range(0, len(body), 50_000):
            try:
                request.wfile.write(body[at:at + 50_000])
                request.wfile.flush()
            except OSError:                     # the client was killed
                return
            time.sleep(self.seconds_per_chunk)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server()
    running.content["a.csv"] = CONTENT
    yield running
    running.stop()


def fetch(server: Server, target: Path, sha256: str | None = digest(CONTENT)) -> None:
    download([server.url("a.csv")], target, sha256, IMPATIENT)


def test_a_file_arrives_whole_and_nothing_else_stays(server, tmp_path):
    fetch(server, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_download_cut_off_goes_on_where_it_was(server, tmp_path):
    server.cut_after = [300_000, 100_000]
    fetch(server, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=300000-", "bytes=400000-"]


def test_a_server_without_ranges_is_asked_for_the_whole_again(server, tmp_path):
    server.ranges, server.cut_after = False, [300_000]
    fetch(server, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == CONTENT


def test_without_an_etag_or_date_nothing_is_resumed(server, tmp_path):
    server.etag, server.cut_after = None, [300_000]
    fetch(server, tmp_path / "a.csv")
    assert [asked for _, asked in server.asked] == [None, None]


def test_a_weak_etag_is_not_resumed(server, tmp_path):
    server.etag, server.cut_after = 'W/"v1"', [300_000]
    fetch(server, tmp_path / "a.csv")
    assert [asked for _, asked in server.asked] == [None, None]


def test_a_file_that_changed_meanwhile_is_begun_anew(server, tmp_path):
    server.cut_after = [300_000] * 3
    with pytest.raises(DataError):
        download([server.url("a.csv")], tmp_path / "a.csv", None, Patience(1.0, 0, 0.0))
    newer = CONTENT[::-1]
    server.content["a.csv"], server.etag, server.cut_after = newer, '"v2"', []
    fetch(server, tmp_path / "a.csv", digest(newer))
    assert (tmp_path / "a.csv").read_bytes() == newer


def test_a_part_that_had_come_whole_is_taken(server, tmp_path):
    (tmp_path / "a.csv.part").write_bytes(CONTENT)
    (tmp_path / "a.csv.part.json").write_text(f'{{"url": "{server.url("a.csv")}", "version": "\\"v1\\""}}')
    fetch(server, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == CONTENT


def test_a_spoilt_part_is_noticed_and_fetched_anew(server, tmp_path):
    (tmp_path / "a.csv.part").write_bytes(b"x" * 5000)
    (tmp_path / "a.csv.part.json").write_text(f'{{"url": "{server.url("a.csv")}", "version": "\\"v1\\""}}')
    fetch(server, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_deleted(server, tmp_path):
    server.content["a.csv"] = b"<html>sold out</html>"
    with pytest.raises(IntegrityError, match=rf"found sha256 [0-9a-f]{{64}}, wanted {digest(CONTENT)}"):
        fetch(server, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_the_next_address_is_tried(server, tmp_path):
    server.content["b.csv"] = b"something else"
    urls = [server.url("gone.csv"), server.url("b.csv"), server.url("a.csv")]
    download(urls, tmp_path / "a.csv", digest(CONTENT), IMPATIENT)
    assert (tmp_path / "a.csv").read_bytes() == CONTENT


def test_every_address_that_failed_is_told(server, tmp_path):
    server.silent = True
    urls = [server.url("a.csv"), "http://127.0.0.1:1/a.csv"]
    with pytest.raises(DataError, match=r"(?s)timed out.*3 tries in vain.*refused"):
        download(urls, tmp_path / "a.csv", None, Patience(0.2, 3, 0.01))


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server, tmp_path):
    server.status = [503, 429]
    fetch(server, tmp_path / "a.csv")
    assert len(server.asked) == 3
    with pytest.raises(DataError, match="HTTP 404"):
        download([server.url("gone.csv")], tmp_path / "b.csv", None, IMPATIENT)
    assert len(server.asked) == 4


def test_a_slow_server_is_waited_for(server, tmp_path):
    server.seconds_per_chunk = 0.05             # 21 chunks: longer in all than the silence allowed
    download([server.url("a.csv")], tmp_path / "a.csv", digest(CONTENT), Patience(0.5, 1, 0.01))
    assert (tmp_path / "a.csv").read_bytes() == CONTENT


def test_only_http_is_spoken(tmp_path):
    (tmp_path / "secret").write_text("s")
    with pytest.raises(DataError, match="unknown url type"):
        download([(tmp_path / "secret").as_uri()], tmp_path / "out", None, IMPATIENT)


def test_a_download_killed_midway_is_resumed_by_the_next_process(server, tmp_path):
    server.seconds_per_chunk = 0.2
    code = ("import sys; from pathlib import Path; from oilcan.io.raw_data.download import download; "
            "download([sys.argv[1]], Path(sys.argv[2]), sys.argv[3])")
    command = [sys.executable, "-c", code, server.url("a.csv"), str(tmp_path / "a.csv"), digest(CONTENT)]
    process = subprocess.Popen(command, env=os.environ | {"no_proxy": "127.0.0.1"}, stderr=subprocess.PIPE)
    part = tmp_path / "a.csv.part"
    end = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 200_000):
        assert time.monotonic() < end, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    come = part.stat().st_size
    server.seconds_per_chunk = 0.0
    fetch(server, tmp_path / "a.csv")
    assert 200_000 < come < len(CONTENT)
    assert server.asked[-1][1] == f"bytes={come}-"
    assert (tmp_path / "a.csv").read_bytes() == CONTENT


# archives


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_named_members_of_a_zip_come_out(tmp_path):
    (tmp_path / "z").write_bytes(zipped(**{"deep/a.csv": b"1", "other": b"2"}))
    unpack_zip(tmp_path / "z", {"deep/a.csv": "x/a.csv"}, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["a.csv"]


def test_a_member_cannot_leave_the_folder(tmp_path):
    (tmp_path / "z").write_bytes(zipped(**{"../evil": b"1"}))
    with pytest.raises(DataError, match="leads out of"):
        unpack_zip(tmp_path / "z", {"../evil": "../evil"}, tmp_path / "out")
    unpack_zip(tmp_path / "z", {"../evil": "good"}, tmp_path / "out")      # its own name counts for nothing
    assert (tmp_path / "out/good").read_bytes() == b"1"
    assert not (tmp_path / "evil").exists()


def test_an_archive_that_swells_is_stopped(tmp_path):
    (tmp_path / "z").write_bytes(zipped(a=b"0" * 5_000_000))
    (tmp_path / "g").write_bytes(gzip.compress(b"0" * 5_000_000))
    with pytest.raises(DataError, match="unpacks to more than 1,000,000 bytes"):
        unpack_zip(tmp_path / "z", {"a": "a"}, tmp_path / "out", 1_000_000)
    with pytest.raises(DataError, match="unpacks to more than 1,000,000 bytes"):
        unpack_gzip(tmp_path / "g", tmp_path / "out/a", 1_000_000)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("spoil", [lambda b: b[:-20], lambda b: b"no archive" + b[10:]])
def test_a_damaged_archive_is_refused(tmp_path, spoil: Callable[[bytes], bytes]):
    (tmp_path / "z").write_bytes(spoil(zipped(a=b"0123456789" * 500)))
    (tmp_path / "g").write_bytes(spoil(gzip.compress(os.urandom(5000))))
    with pytest.raises(IntegrityError, match="damaged zip file"):
        unpack_zip(tmp_path / "z", {"a": "a"}, tmp_path / "out")
    with pytest.raises(IntegrityError, match="damaged gzip file"):
        unpack_gzip(tmp_path / "g", tmp_path / "out/b")


def test_a_member_that_is_not_there_is_told(tmp_path):
    (tmp_path / "z").write_bytes(zipped(a=b"1"))
    with pytest.raises(DataError, match=r"(?s)it holds \['a'\].*b: not in the archive"):
        unpack_zip(tmp_path / "z", {"b": "b"}, tmp_path / "out")


# a whole data set

ROWS = b"id,time,x\n1,2024-01-01,2\n"


def contract(source: str) -> Contract:
    return parse_contract(f"""
name: press
version: 1
description: d
source:
  licence: CC0-1.0
{source}
time: {{kind: none}}
tables:
  telemetry:
    grain: g
    files: ["*.csv"]
    columns:
      machine_id: {{from: id, type: text, unit: none, description: d}}
      bad: {{type: flag, unit: none, role: label, description: d}}
failures: {{from: none}}
tasks: {{bad: {{kind: label, column: bad}}}}
split: {{by: row, validation: 0.2, test: 0.2}}
costs: {{missed_failure_eur: 1, false_alarm_eur: 1, planned_repair_eur: 1}}
""", "press.yaml")


def zip_contract(server: Server) -> Contract:
    server.content["press.zip"] = zipped(**{"in/a.csv": ROWS, "in/b.csv": ROWS * 2})
    return contract(f"""
  files:
    - {{path: a.csv, sha256: {digest(ROWS)}}}
    - {{path: sub/b.csv, sha256: {digest(ROWS * 2)}}}
  downloads:
    - {{url: "{server.url('press.zip')}", unpack: zip, members: {{in/a.csv: a.csv, in/b.csv: sub/b.csv}}}}
""")


def test_a_data_set_is_fetched_unpacked_and_checked(server, tmp_path):
    assert bring(zip_contract(server), tmp_path / "press", IMPATIENT) == 2
    assert (tmp_path / "press/sub/b.csv").read_bytes() == ROWS * 2
    assert [path.name for path in tmp_path.iterdir()] == ["press"]


def test_files_in_place_are_not_fetched_again(server, tmp_path):
    wanted = zip_contract(server)
    bring(wanted, tmp_path / "press", IMPATIENT)
    server.asked.clear()
    assert bring(wanted, tmp_path / "press", IMPATIENT) == 0
    assert server.asked == []


def test_only_what_is_missing_is_written(server, tmp_path):
    wanted = zip_contract(server)
    (tmp_path / "press").mkdir()
    (tmp_path / "press/a.csv").write_bytes(ROWS)
    before = (tmp_path / "press/a.csv").stat().st_ino
    assert bring(wanted, tmp_path / "press", IMPATIENT) == 1
    assert (tmp_path / "press/a.csv").stat().st_ino == before


def test_a_file_of_other_bytes_is_never_overwritten(server, tmp_path):
    (tmp_path / "press").mkdir()
    (tmp_path / "press/a.csv").write_bytes(b"mine")
    with pytest.raises(IntegrityError, match=r"a\.csv: other bytes \(found sha256"):
        bring(zip_contract(server), tmp_path / "press", IMPATIENT)
    assert (tmp_path / "press/a.csv").read_bytes() == b"mine"
    assert server.asked == []


def test_an_archive_with_other_content_is_refused_and_deleted(server, tmp_path):
    wanted = zip_contract(server)
    server.content["press.zip"] = zipped(**{"in/a.csv": ROWS, "in/b.csv": b"newer"})
    with pytest.raises(IntegrityError, match=r"(?s)were deleted.*sub/b\.csv: other bytes"):
        bring(wanted, tmp_path / "press", IMPATIENT)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_gzip_file_and_a_plain_one_are_fetched(server, tmp_path):
    server.content |= {"a.csv.gz": gzip.compress(ROWS), "plain": ROWS * 3}
    wanted = contract(f"""
  files: [{{path: a.csv, sha256: {digest(ROWS)}}}, {{path: c.csv}}]
  downloads:
    - {{url: "{server.url('a.csv.gz')}", unpack: gzip, path: a.csv}}
    - {{url: "{server.url('plain')}", mirrors: ["{server.url('x')}"], path: c.csv, sha256: {digest(ROWS * 3)}}}
""")
    assert bring(wanted, tmp_path / "press", IMPATIENT) == 2
    assert (tmp_path / "press/c.csv").read_bytes() == ROWS * 3


def test_without_an_address_the_error_says_what_to_place_where(tmp_path):
    wanted = contract(f"  homepage: https://example.org/press\n  files: [{{path: a.csv, sha256: {digest(ROWS)}}}]")
    said = rf"(?s)1 of 1 files are not in place.*https://example.org/press.*place press --from.*wanted.* {digest(ROWS)}"
    with pytest.raises(DataError, match=said):
        bring(wanted, tmp_path / "press")


def test_a_contract_without_files_cannot_be_fetched(tmp_path):
    with pytest.raises(DataError, match=r"source\.files is empty"):
        bring(contract(""), tmp_path / "press")


@pytest.mark.parametrize(("source", "said"), [
    ("  files: [{path: ../a.csv}]", "must lie below data/raw/press"),
    ("  files: [{path: /a.csv}]", "must lie below data/raw/press"),
    ('  files: [{path: a.csv}]\n  downloads: [{url: "http://h/a", path: a.csv}]', "has a sha256"),
    ('  files: [{path: a.csv}]\n  downloads: [{url: "http://h/a", path: b.csv}]', "is not among source.files"),
    ('  files: [{path: a.csv}]\n  downloads: [{url: "http://h/a", unpack: zip, path: a.csv}]', "a zip needs `members`"),
    ('  files: [{path: a.csv}]\n  downloads: [{url: "http://h/a"}]', "anything else needs `path`"),
    ('  files: [{path: a.csv}]\n  downloads: [{url: "file:///etc/passwd", path: a.csv}]', "should match pattern"),
])
def test_a_contract_that_cannot_be_fetched_safely_is_refused(source, said):
    with pytest.raises(ContractError, match=re.escape(said)):
        contract(source)


METHODS = {"stored": zipfile.ZIP_STORED, "deflate": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2,
           "lzma": zipfile.ZIP_LZMA}


def archive_of(kind: str, content: bytes) -> bytes:
    if kind == "gzip":
        return gzip.compress(content, mtime=0)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", METHODS[kind]) as opened:
        opened.writestr(zipfile.ZipInfo("a.csv"), content, METHODS[kind])
    return packed.getvalue()


def damaged(content: bytes) -> Iterator[bytes]:
    """Each byte changed in three ways, the end missing from each byte on, nothing, and other bytes in its place."""
    for at in range(len(content)):
        yield content[:at]
        for value in (content[at] ^ 1, content[at] ^ 0x80, 255 - content[at]):
            yield content[:at] + bytes([value]) + content[at + 1:]
    yield content[:30] + b"\x00" * (len(content) - 30)
    yield content[:30] + b"\xff" * (len(content) - 60) + content[-30:]


@pytest.mark.parametrize("kind", [*METHODS, "gzip"])
def test_whatever_is_wrong_with_an_archive_is_one_message(tmp_path, kind):
    content = b"machine,time,value\n" + b"M1,2025-01-01,2.5\n" * 4
    archive, target, outcomes = tmp_path / "a.bin", tmp_path / "out" / "a.csv", set()
    wrong: list[str] = []
    for packed in damaged(archive_of(kind, content)):
        archive.write_bytes(packed)
        target.unlink(missing_ok=True)
        try:
            if kind == "gzip":
                unpack_gzip(archive, target, most_bytes=10_000)
            else:
                unpack_zip(archive, {"a.csv": "a.csv"}, tmp_path / "out", most_bytes=10_000)
        except (DataError, IntegrityError) as err:
            outcomes.add(type(err))
            wrong += [str(err)] * (not re.match("a.bin.*(anew|by hand|members)", str(err)) or target.exists())
        else:       # a part that no reader needs, such as its date
            outcomes.add(bytes)
            wrong += ["other content"] * (target.read_bytes() != content)
    assert wrong == []
    assert outcomes >= {IntegrityError, bytes}
