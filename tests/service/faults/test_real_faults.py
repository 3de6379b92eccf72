"""Real faults under load: a full disk; a server stopped, frozen, read-only, failed over; replicas killed.

A sender goes on while it happens; afterwards everything it was told is stored is there, once, and what the service
forecasts is what a fold of the store's log from nothing says.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from tests.service.conftest import PostgresServer, Server

from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import layout_of, stored_columns
from oilcan.io.stores.log_entries import Cursor
from oilcan.serving.engine.bundle_track import BundleTrack
from oilcan.serving.engine.following import follow
from oilcan.serving.model.loaded_bundle import LoadedBundle

MACHINES = 20
START = 1_735_689_600           # 2025-01-01


class Load(threading.Thread):
    """Sends hour after hour of all machines, each until it is acknowledged, to one service or several in turn."""

    def __init__(self, *urls: str) -> None:
        super().__init__(daemon=True)
        self.urls, self._turn = list(urls), itertools.count()
        self.acknowledged: list[int] = []
        self.statuses: set[int] = set()
        self.slowest_s = 0.0
        self.stopped, self.moved = threading.Event(), threading.Condition()

    def run(self) -> None:
        for hour in itertools.count():
            while not self._send(self.urls[next(self._turn) % len(self.urls)], hour):
                if self.stopped.wait(0.02):
                    return
            with self.moved:
                self.acknowledged.append(hour)
                self.moved.notify_all()
            if self.stopped.is_set():
                return

    def wait_for(self, more: int, wait_s: float = 120.0) -> None:
        """Until so many more hours are acknowledged."""
        with self.moved:
            wanted = len(self.acknowledged) + more
            assert self.moved.wait_for(lambda: len(self.acknowledged) >= wanted, wait_s), self.statuses

    def end(self) -> None:
        self.stopped.set()
        self.join(120)

    def _send(self, url: str, hour: int) -> bool:
        began = time.monotonic()
        try:
            status = httpx.post(f"{url}/v1/telemetry", json=body(hour), timeout=60).status_code
        except httpx.TransportError:
            return False
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.statuses.add(status)
        return status == 200


def body(hour: int) -> dict:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + 3600 * hour))
    return {"machine_id": [f"m{number}" for number in range(MACHINES)], "time": [at] * MACHINES,
            "columns": {"vibration_mm_s": [2.0 + (hour + number) % 9 for number in range(MACHINES)]}}


def check(url: str, bundle: Path, load: Load, *services: str) -> None:
    """Nothing acknowledged is missing or doubled, and every service shows what the log says."""
    store, served = open_store(url), LoadedBundle.load(bundle)
    try:
        columns = stored_columns(served.bundle.contract)
        store.use_layout(layout_of(served.bundle.contract, list(columns)), 1)
        readings = store.readings(limit=10**7)
        keys = list(zip(readings.machine_ids, readings.times.tolist(), strict=True))
        assert len(set(keys)) == len(keys)
        wanted = {(f"m{number}", (START + 3600 * hour) * 1_000_000)
                  for hour in load.acknowledged for number in range(MACHINES)}
        assert wanted <= set(keys)
        track = BundleTrack(served, list(columns), store.texts)
        follow(track, store, Cursor())
        names = [f"m{number}" for number in range(MACHINES)]
        risks = dict(zip(names, served.score(track.matrix(names))[served.headline_column].tolist(), strict=True))
        for service in services:
            for each in eventually(service, readings_time=track.newest(names).max()):
                assert each[served.headline_column] == pytest.approx(risks[each["machine_id"]], rel=1e-4, abs=1e-6)
    finally:
        store.close()


def eventually(service: str, readings_time: int) -> list[dict]:
    """The fleet of a service, once it has met the newest reading of the store."""
    newest = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(readings_time // 1_000_000))
    until = time.monotonic() + 60
    while True:
        machines = httpx.get(f"{service}/v1/machines?size=500", timeout=60).json().get("machines", [])
        if machines and all(each["time"].startswith(newest) for each in machines):
            return machines
        assert time.monotonic() < until, machines[:1]
        time.sleep(0.05)


@contextlib.contextmanager
def watched(url: str) -> Iterator[list[float]]:
    """Seconds that /healthz took meanwhile, asked again and again."""
    seconds: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client() as client:
            while not stop.wait(0.01):
                began = time.monotonic()
                assert client.get(f"{url}/healthz", timeout=60).status_code == 200
                seconds.append(time.monotonic() - began)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    yield seconds
    stop.set()
    thread.join()


def until_status(url: str, status: int, wait_s: float = 90.0) -> str:
    until = time.monotonic() + wait_s
    while (answer := httpx.get(f"{url}/readyz", timeout=60)).status_code != status:
        assert time.monotonic() < until, answer.text
        time.sleep(0.05)
    return answer.text


@pytest.fixture
def bundle(_small_repo) -> Path:
    return _small_repo.path / "models/bundle"


@pytest.fixture
def loaded(serve):
    """A service with a sender that does not stop by itself."""
    senders: list[Load] = []

    def begin(**options: object) -> tuple[Server, Load]:
        server = serve(clock="data", accept_rejected=True, **options)
        senders.append(Load(server.url))
        senders[-1].start()
        senders[-1].wait_for(5)
        return server, senders[-1]

    yield begin
    for sender in senders:
        sender.stopped.set()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that a test may freeze and fail over."""
    folder = Path(tempfile.mkdtemp(prefix="oilcan-pg-"))
    server = PostgresServer(folder)
    server.start()
    yield server
    subprocess.run(["pkill", "-CONT", "-f", str(folder)], check=False)
    server.stop("immediate")
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_that_is_stopped_costs_nothing_and_is_told(loaded, own_postgres, bundle):
    server, load = loaded(store=own_postgres.url())
    own_postgres.stop("immediate")
    assert "server" in until_status(server.url, 503)
    assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200
    own_postgres.start()
    until_status(server.url, 200)
    load.wait_for(5)
    load.end()
    assert load.statuses <= {200, 503}
    check(own_postgres.url(), bundle, load, server.url)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_that_is_frozen_stops_nobody_for_long(loaded, own_postgres, bundle):
    server, load = loaded(store=own_postgres.url())
    pids = backends(own_postgres)
    with watched(server.url) as seconds:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        until_status(server.url, 503)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    until_status(server.url, 200)
    load.wait_for(5)
    load.end()
    assert load.statuses <= {200, 503}
    assert sorted(seconds)[int(0.99 * len(seconds))] < 1.0
    check(own_postgres.url(), bundle, load, server.url)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sigterm_ends_a_service_whose_store_is_frozen(loaded, own_postgres):
    server, load = loaded(store=own_postgres.url())
    pids = backends(own_postgres)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    server.process.terminate()
    server.process.wait(40)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    load.end()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_that_is_read_only_for_a_moment_kills_no_thread(loaded, own_postgres, bundle):
    server, load = loaded(store=own_postgres.url(), snapshot_every_s=0.2)
    read_only(own_postgres, True)
    until_status(server.url, 503)
    assert httpx.get(f"{server.url}/v1/machines", timeout=60).status_code == 200       # what is known can be read
    read_only(own_postgres, False)
    until_status(server.url, 200)
    load.wait_for(5)
    load.end()
    check(own_postgres.url(), bundle, load, server.url)
    server.process.terminate()
    assert server.process.wait(40) == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_standby_that_is_promoted_takes_over(loaded, own_postgres, bundle):
    standby = standby_of(own_postgres)
    try:
        url = (f"postgresql://postgres@/postgres?host={own_postgres.folder},{standby.folder}"
               "&target_session_attrs=read-write")
        server, load = loaded(store=url)
        own_postgres.stop("immediate")
        standby._call("pg_ctl", "promote", "-w", "-D", "data")
        until_status(server.url, 200)
        load.wait_for(5)
        load.end()
        check(standby.url(), bundle, load, server.url)
    finally:
        standby.stop("immediate")
        own_postgres.start()
        shutil.rmtree(standby.folder)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_of_three_replicas_one_is_killed_and_another_joins(serve, own_postgres, bundle):
    replicas = [serve(store=own_postgres.url(), clock="data", accept_rejected=True) for _ in range(3)]
    load = Load(*(each.url for each in replicas))
    load.start()
    load.wait_for(6)
    replicas[1].kill()
    load.wait_for(6)
    replicas.append(serve(store=own_postgres.url(), clock="data", accept_rejected=True))
    load.urls.append(replicas[-1].url)
    load.wait_for(8)
    load.end()
    alive = [each.url for each in replicas if each is not replicas[1]]
    check(own_postgres.url(), bundle, load, *alive)
    check_once(own_postgres, load, *alive)
    replicas[1].start()
    check(own_postgres.url(), bundle, load, replicas[1].url)


def check_once(server: PostgresServer, load: Load, *services: str) -> None:
    """Of each reading one forecast is logged, every replica shows the same, and it is what batch makes of the history.

    The log of forecasts is half a second behind the answers: of the killed replica its end may be missing.
    """
    shown = [{each["machine_id"]: each for each in httpx.get(f"{service}/v1/machines?size=500", timeout=60).json()
              ["machines"]} for service in services]
    for machine, each in shown[0].items():
        assert len({other[machine]["id"] for other in shown}) == 1
        logged = httpx.get(f"{services[-1]}/v1/forecasts/{each['id']}", timeout=60).json()["forecast"]
        assert (logged["machine_id"], logged["time"], logged["role"]) == (machine, each["time"], "active")
    with psycopg.connect(server.url()) as connection:
        rows, distinct = connection.execute("SELECT count(*), count(DISTINCT (machine, time)) FROM oilcan.forecasts "
                                            "WHERE role = 'active'").fetchone()
        readings = connection.execute("SELECT count(*) FROM oilcan.readings").fetchone()[0]
        machines = connection.execute("SELECT machine_id, time, count(*) FROM oilcan.alarms JOIN oilcan.machines USING "
                                      "(machine) GROUP BY 1, 2 HAVING count(*) > 1").fetchall()
    assert (rows, machines) == (distinct, [])
    assert readings - 2 * MACHINES <= rows <= readings
    hours = range(max(load.acknowledged) + 1)
    history = [{"machine_id": name, "time": at, "vibration_mm_s": value} for hour in hours for name, at, value in zip(
        body(hour)["machine_id"], body(hour)["time"], body(hour)["columns"]["vibration_mm_s"], strict=True)]
    batch = httpx.post(f"{services[0]}/v1/predict", json={"history": {"telemetry": history}}, timeout=60).json()
    for each in batch["forecasts"]:
        risk = shown[0][each["machine_id"]]
        assert (each["time"], each["p_failure"]) == (risk["time"], pytest.approx(risk["p_failure"], rel=1e-6))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_disk_that_is_full_costs_nothing_and_is_told(loaded, bundle, tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", place], check=False,
                      capture_output=True).returncode:
        pytest.fail("this test mounts a small disk: run it as root (CI does)")
    try:
        server, load = loaded(store=f"sqlite:///{place}/service.db")
        ballast = place / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65_536))
        assert "disk" in until_status(server.url, 503)
        ballast.unlink()
        until_status(server.url, 200)
        load.wait_for(5)
        load.end()
        assert load.statuses <= {200, 503}
        check(f"sqlite:///{place}/service.db", bundle, load, server.url)
        server.stop()
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def backends(server: PostgresServer) -> list[int]:
    """The server and every process of it."""
    main = int((server.folder / "data/postmaster.pid").read_text().split()[0])
    found = subprocess.run(["pgrep", "-P", str(main)], capture_output=True, text=True, check=True).stdout.split()
    return [main, *map(int, found)]


def read_only(server: PostgresServer, is_on: bool) -> None:
    """As a server that was demoted: every transaction is read-only, of connections that are there too."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if is_on else 'off'}")
        connection.execute("SELECT pg_reload_conf()")


def standby_of(server: PostgresServer) -> PostgresServer:
    """A standby that every commit of the server waits for."""
    standby = object.__new__(PostgresServer)
    standby.folder, standby._user = Path(tempfile.mkdtemp(prefix="oilcan-pg-")), server._user
    if standby._user:
        os.chown(standby.folder, standby._user.pw_uid, standby._user.pw_gid)
    standby._call("pg_basebackup", "-h", str(server.folder), "-U", "postgres", "-D", "data", "-R", "-X", "stream")
    standby.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
    return standby
