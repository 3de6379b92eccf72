"""`oilcan serve` as a process of its own: listens, survives a kill, ends in order."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from oilcan.io.stores import open_store

READY_S = 90.0


class Process:
    """A service that was started by its command."""

    def __init__(self, folder, bundle) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url, self._folder, self._bundle = f"http://127.0.0.1:{self.port}", folder, bundle
        self.start()

    def start(self) -> None:
        self.process = self.oilcan("serve", "--port", str(self.port), "--bundle", str(self._bundle),
                                   "--accept-rejected")
        end = time.monotonic() + READY_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.ask("/readyz")["status"] == "ready":
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise AssertionError("not ready")

    def oilcan(self, *words: str) -> subprocess.Popen:
        main = "import sys; from oilcan.cli import main; sys.exit(main())"
        return subprocess.Popen([sys.executable, "-c", main, *words], cwd=self._folder,
                                env=os.environ | {"OILCAN_STORE": "sqlite:///service.db"})

    def ask(self, path, body=None):
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            return json.loads(answer.read())

    def end(self, number) -> int:
        self.process.send_signal(number)
        return self.process.wait(READY_S)


@pytest.fixture
def process(tmp_path, bundles):
    running = Process(tmp_path, bundles / "first")
    yield running
    running.process.kill()
    running.process.wait()


def readings(hours):
    return {"readings": [{"machine_id": name, "time": f"2025-01-01T{hour:02}:00:00Z", "vibration_mm_s": 2.0 + hour}
                         for name in ("m1", "m2") for hour in hours]}


@pytest.mark.slow
def test_what_was_acknowledged_is_there_after_a_kill(process):
    before = process.ask("/v1/telemetry", readings(range(8)))["machines"]
    process.end(signal.SIGKILL)
    process.start()
    assert process.ask("/v1/telemetry", readings(range(8)))["duplicates"] == 16
    after = process.ask("/v1/machines")["machines"]
    assert {entry["machine_id"]: entry["p_failure"] for entry in after} == {
        entry["machine_id"]: entry["p_failure"] for entry in before}


@pytest.mark.slow
def test_an_orderly_end_saves_the_state_of_every_machine(process, tmp_path):
    process.ask("/v1/telemetry", readings(range(4)))
    assert process.end(signal.SIGTERM) == 0
    store = open_store(f"sqlite:///{tmp_path}/service.db")
    engine = store.database.read(lambda tx: tx.rows("SELECT DISTINCT engine FROM snapshots"))[0][0]
    assert set(store.snapshots.load(engine)) == {"m1", "m2"}
    store.close()


@pytest.mark.slow
def test_the_model_can_be_changed_by_command(process, bundles):
    names = {name: (bundles / name / "manifest.sha256").read_text().split()[0] for name in ("first", "second")}
    assert process.oilcan("model", "activate", "second", "--url", process.url).wait(READY_S) == 0
    assert process.ask("/v1/model")["model"] == names["second"]
    assert process.oilcan("model", "rollback", "--url", process.url).wait(READY_S) == 0
    assert process.ask("/v1/model")["model"] == names["first"]
    assert process.oilcan("model", "activate", "nowhere", "--url", process.url).wait(READY_S) == 1
