"""Fixtures of the service's tests, found by name."""

import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pandas as pd
import psycopg
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tests.service.receivers import Inbox, Mailbox

from oilcan.io.http.replay import Fleet
from oilcan.io.stage import stage_inputs

HOURS = 60              # of the fixture `fleet`
OILCAN = str(Path(sys.executable).with_name("oilcan"))


class PostgresServer:
    """A real server of its own on a socket in a folder of its own; the tests may stop, kill and start it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # initdb and the server refuse to run as root: then they run as the package's user
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._user:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._call("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", "data")

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def start(self) -> None:
        settings = f"-k {self.folder} -c listen_addresses= -c fsync=off -c max_connections=60"
        self._call("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", settings)

    def stop(self, how: str = "fast") -> None:
        self._call("pg_ctl", "stop", "-w", "-m", how, "-D", "data")

    def fresh(self) -> str:
        """Address of the server with no store in it."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS oilcan CASCADE")
        return self.url()

    def _call(self, program: str, *words: str) -> None:
        found = shutil.which(program) or max(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), default=None)
        assert found, f"{program} is missing: apt-get install postgresql"
        who = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if self._user else {}
        done = subprocess.run([found, *words], cwd=self.folder, capture_output=True, text=True, check=False,
                              env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, **who)
        assert not done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    # not below pytest's folder, which only its owner may enter, and short enough for the name of a socket
    folder = Path(tempfile.mkdtemp(prefix="oilcan-pg-"))
    server = PostgresServer(folder)
    server.start()
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store: every test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    return request.getfixturevalue("postgres").fresh()


class Server:
    """`oilcan serve` as a process of its own on a port of its own; the tests may stop, kill and start it."""

    def __init__(self, bundle: Path, folder: Path, *, under: Sequence[str] = (), **settings: object) -> None:
        self._command = [*under, OILCAN, "serve"]
        self.store, self._log = f"sqlite:///{folder / 'service.db'}", folder / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        certificate = settings.get("tls_certificate")
        self.verify = ssl.create_default_context(cafile=str(certificate)) if certificate else True
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}"
        named = {"bundle": bundle, "store": self.store, "port": self.port, "rate_per_s": 0,
                 "accept_rejected": "true"} | settings
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("OILCAN_")} | {
            f"OILCAN_{name.upper()}": str(value) for name, value in named.items()}

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not self.is_ready():
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.02)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=10, verify=self.verify).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def key(self, scope: str) -> dict[str, str]:
        """Headers with a new key."""
        words = ["keys", "create", "--name", scope, "--scope", scope, "--store", self.store]
        done = subprocess.run([OILCAN, *words], env=self._environment, capture_output=True, text=True, check=True)
        return {"Authorization": f"Bearer {done.stdout.split()[-1]}"}

    def log(self) -> str:
        return self._log.read_text()


Serve = Callable[..., Server]


def _serving(bundle: Path, folder: Path) -> Iterator[Serve]:
    servers: list[Server] = []

    def begin(**settings: object) -> Server:
        servers.append(Server(bundle, folder, **settings))
        servers[-1].start()
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()


@pytest.fixture
def serve(_small_repo, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server on the bundle of the small fleet with the settings given; stopped with the test."""
    yield from _serving(_small_repo.path / "models/bundle", tmp_path)


@pytest.fixture(scope="module")
def serve_all(_small_repo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The same for all tests of a file, which leave nothing behind in it."""
    yield from _serving(_small_repo.path / "models/bundle", tmp_path_factory.mktemp("serve"))


@pytest.fixture
def fleet(_small_repo) -> pd.DataFrame:
    """The last HOURS of the small fleet, in the order of time."""
    contract = stage_inputs.read_contract(_small_repo.path / "datasets/demo_fleet.yaml")
    table = Fleet.read(_small_repo.path / "data/canonical", contract).telemetry
    return table[table["time"] > table["time"].max() - pd.Timedelta(hours=HOURS)].reset_index(drop=True)


FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=30_000)      # Playwright's own 5 s are short beside other tests
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """An SMTP server on this machine."""
    opened = Mailbox()
    yield opened
    opened.close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """An HTTP server on this machine."""
    opened = Inbox()
    yield opened
    opened.close()
