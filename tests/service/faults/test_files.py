"""The file of a SQLite store: served from once, deleted, damaged, checked and rebuilt."""

import contextlib
import signal
import sqlite3
import subprocess
from pathlib import Path

import httpx
import pytest
from tests.service.conftest import OILCAN
from tests.waiting import wait_until

from oilcan.io.stores import open_store, repair

READING = {"machine_id": "m1", "vibration_mm_s": 2.0}


def send(server, hour: int) -> httpx.Response:
    rows = [READING | {"time": f"2025-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z", "machine_id": f"m{at}"}
            for at in range(50)]
    return httpx.post(f"{server.url}/v1/telemetry", json={"readings": rows}, timeout=60)


@pytest.fixture
def server(serve):
    server = serve(clock="data", accept_rejected=True)
    for hour in range(30):
        assert send(server, hour).status_code == 200
    return server


def file_of(server) -> Path:
    return Path(server.store.removeprefix("sqlite:///"))


def test_a_second_service_on_the_file_is_refused_until_the_first_is_gone(server):
    words = [OILCAN, "serve", "--store", server.store, "--port", "1025"]
    second = subprocess.run(words, env=server._environment, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"another service uses it (process {server.process.pid})" in second.stderr
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server.start()                      # the lock went with the process
    assert send(server, 31).status_code == 200


def test_a_file_that_is_deleted_is_noticed_and_its_readings_are_told_where(server):
    path = file_of(server)
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    assert send(server, 31).status_code == 503
    ready = httpx.get(f"{server.url}/readyz", timeout=60)
    assert ready.status_code == 503
    rescued = path.with_name(path.name + ".rescued")
    assert f"everything that was acknowledged is in {rescued}" in ready.text
    assert repair.faults_of(rescued) == []
    with contextlib.closing(sqlite3.connect(rescued)) as copy:
        assert copy.execute("SELECT count(*) FROM readings").fetchone() == (1_500,)
    server.stop()
    rescued.rename(path)
    server.start()
    assert send(server, 31).status_code == 200


def damage(path: Path, table: str) -> None:
    """A page in the middle of a table, overwritten."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        pages = [row[0] for row in connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'",
                                                      (table,))]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((pages[len(pages) // 2] - 1) * size)
        file.write(b"\xff" * size)


def test_a_damaged_page_is_told_and_the_store_is_rebuilt_from_its_readings(server, tmp_path):
    path = file_of(server)
    server.stop()
    for table in ("forecasts", "snapshots"):
        damage(path, table)
    with server._log.open("ab") as log:
        server.process = subprocess.Popen(server._command, env=server._environment, stdout=log, stderr=log)
    wait_until(lambda: "oilcan doctor" in _ready(server), "the damage is told")
    assert send(server, 40).status_code == 503
    server.process.terminate()
    server.process.wait(40)
    sound = tmp_path / "sound.db"
    words = [OILCAN, "doctor", "--store", server.store]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "--rebuild" in checked.stdout
    rebuilt = subprocess.run([*words, "--rebuild", sound], capture_output=True, text=True, check=True)
    assert "readings: 1,500 rows\n" in rebuilt.stdout
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    sound.rename(path)
    server.start()
    assert send(server, 31).status_code == 200
    assert len(httpx.get(f"{server.url}/v1/machines?size=500", timeout=60).json()["machines"]) == 50


def test_every_table_is_rebuilt(tmp_path):
    open_store(f"sqlite:///{tmp_path}/service.db").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "service.db")) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    # snapshots follow from the rest, and who has the duty is settled within seconds of a start
    assert tables == {*repair.TABLES, "snapshots", "migrations", "duties"}


def test_a_sound_store_is_called_sound(tmp_path):
    url = f"sqlite:///{tmp_path}/service.db"
    open_store(url).close()
    done = subprocess.run([OILCAN, "doctor", "--store", url], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path}/service.db: sound\n"


def _ready(server) -> str:
    try:
        return httpx.get(f"{server.url}/readyz", timeout=10).text
    except httpx.TransportError:
        return ""
