"""Every thread of a service is watched: a dead one makes it not ready, and ends the process."""

import subprocess
import sys
import threading

import pytest
from tests.service.api.test_alarms_go_out import EXAMPLE
from tests.service.conftest import Server
from tests.waiting import wait_until

WATCHED = ("engine", "follower", "forecast-log", "key-ring", "monitoring", "notifier", "saver", "store-writer")
POOLS = ("asker", "asyncio", "reader")          # they make a thread when they have work, and another one if it is gone
DYING = """
import os, sys
from oilcan.serving import server
from oilcan.serving.ground.settings import read_settings

make_app = server.make_app

def with_a_dying_thread(settings):
    app = make_app(settings)
    thread = next(each for each in app.state.service.threads if each.name == sys.argv[1])
    thread._work = sys.exit
    return app

server.make_app = with_a_dying_thread
server.serve(read_settings(os.environ))
"""


SECRETS = ("OILCAN_SMTP_PASSWORD", "OILCAN_NOTIFY_DUTY_HOOK", "OILCAN_NOTIFY_CMMS")


@pytest.fixture(autouse=True)
def _secrets(monkeypatch):
    for name in SECRETS:
        monkeypatch.setenv(name, "of a test")


def reading(hour: int) -> dict:
    return {"readings": [{"machine_id": "m1", "time": f"2025-01-01T{hour:02}:00:00Z", "vibration_mm_s": 2.0}]}


def test_every_thread_of_a_service_is_watched(start):
    before = set(threading.enumerate())
    client = start(snapshot_every_s=0.05, notifications=EXAMPLE)
    assert client.post("/v1/telemetry", json=reading(0)).status_code == 200

    def begun() -> set[str]:
        names = {each.name for each in threading.enumerate() if each not in before}
        return {name for name in names if not name.startswith(POOLS)}

    wait_until(lambda: begun() >= set(WATCHED), "a thread that is watched did not begin")
    assert begun() == set(WATCHED)
    assert {each.name for each in client.service.threads} == set(WATCHED)


@pytest.mark.filterwarnings("ignore:Exception in thread:pytest.PytestUnhandledThreadExceptionWarning")     # wanted
@pytest.mark.parametrize("name", WATCHED)
def test_a_dead_thread_is_noticed_and_nobody_waits_for_it(start, name):
    client = start(snapshot_every_s=0.05, notifications=EXAMPLE)
    thread = next(each for each in client.service.threads if each.name == name)
    thread._work = sys.exit             # its next round ends it
    client.post("/v1/telemetry", json=reading(0))           # so that every thread has something to do
    wait_until(lambda: client.service.dead_threads() == [name], f"{name} still lives")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["waiting_for"][0]) == (503, f"the thread {name}, which ended")
    answer = client.post("/v1/telemetry", json=reading(1))
    assert answer.status_code == (503 if name in {"engine", "store-writer"} else 200)
    assert answer.headers.get("Retry-After") or answer.status_code == 200


@pytest.mark.parametrize("name", ["engine", "key-ring"])
def test_a_dead_thread_ends_the_process(bundle_folder, tmp_path, name):
    server = Server(bundle_folder, tmp_path)
    done = subprocess.run([sys.executable, "-c", DYING, name], env=server._environment, capture_output=True, text=True,
                          check=False, timeout=120)
    assert done.returncode == 1
    assert f"StoreError: service: the threads {name} ended by themselves" in done.stderr
