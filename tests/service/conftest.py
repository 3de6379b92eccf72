"""Fixtures of the service's tests, found by name."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


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
