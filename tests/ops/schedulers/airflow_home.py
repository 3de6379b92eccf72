"""Airflow in a folder of its own: its database, the DAG of deploy/airflow, and its scheduler with the REST API."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
from tests.conftest import Repo
from tests.ops.environments import environment
from tests.repo.closure import ROOT
from tests.waiting import wait_until

DAG = "oilcan_retrain"
STEPS = ["begin", "worktree", "fetch", "extend", "pipeline", "commit", "record", "remove", "gate"]
SERVER, *OTHERS = "api-server", "scheduler", "dag-processor"     # of `airflow standalone`, without the triggerer


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class AirflowHome:
    """One installation of Airflow on one repository, with a database of its own."""

    def __init__(self, folder: Path, repo: Repo, port: int, **extra: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder, self._repo, self._programs = folder, repo, environment("airflow")
        self._variables = {
            "PATH": f"{self._programs}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API__WORKERS": "1", "AIRFLOW__API__PORT": str(port), "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",   # its first answer takes long on a busy machine
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1", "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1", "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "OILCAN_REPOSITORY": str(repo.path), "OILCAN_PROGRAMS": str(Path(sys.executable).parent)} | extra
        (folder / "dags").mkdir(parents=True)
        shutil.copy(ROOT / "deploy/airflow/oilcan_retrain.py", folder / "dags")
        self.call("db", "migrate")

    def call(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`airflow WORDS`."""
        done = subprocess.run([str(self._programs / "airflow"), *words], env=self._environment(), cwd=self._folder,
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def runs(self) -> dict[str, str]:
        """State of each run, by what started it: manual, scheduled, asset_triggered."""
        return {run.partition("__")[0]: state for run, state in self._rows("SELECT run_id, state FROM dag_run")}

    def states(self, kind: str) -> dict[str, str]:
        """State of each task of the run that was started so."""
        return dict(self._rows("SELECT task_id, state FROM task_instance WHERE run_id LIKE ?", f"{kind}__%"))

    def dags(self) -> list[str]:
        """DAGs that have been read."""
        return [name for (name,) in self._rows("SELECT dag_id FROM serialized_dag")]

    def _rows(self, query: str, *values: str) -> list[tuple[str, ...]]:
        """From the database of Airflow: a command takes seconds, and is asked often."""
        with closing(sqlite3.connect(f"file:{self._folder}/airflow.db?mode=ro", uri=True, timeout=60)) as database:
            return database.execute(query, values).fetchall()

    @contextmanager
    def scheduler(self) -> Iterator[None]:
        """Scheduler, reader of DAGs and REST API until the block ends.

        A task asks the server whether it may begin, five times within seconds. A scheduler that is up before the
        server would see its first task fail, and try it again ten minutes later.
        """
        with ExitStack() as running:
            running.enter_context(self._running(SERVER))
            wait_until(self._answers, "Airflow does not answer", seconds=300)
            for name in OTHERS:
                running.enter_context(self._running(name))
            yield

    def wait_for_end(self, kind: str, seconds: float) -> str:
        """State in which the run ends that was started so; a task that is to be tried again fails the test at once."""
        def ended() -> bool:
            states = self.states(kind)
            assert "up_for_retry" not in states.values(), f"{states}\n{self._logs(kind)}"
            return self.runs().get(kind) in {"success", "failed"}

        wait_until(ended, f"no end of the run {kind}", seconds)
        return self.runs()[kind]

    def _logs(self, kind: str) -> str:
        """What the tasks of this run wrote, and the last lines of the scheduler."""
        files = sorted(self._folder.glob(f"logs/dag_id={DAG}/run_id={kind}__*/*/*.log"))
        scheduler = (self._folder / "scheduler.log").read_text(encoding="utf-8")
        return "\n".join([*(file.read_text(encoding="utf-8") for file in files), scheduler[-5000:]])

    @contextmanager
    def _running(self, name: str) -> Iterator[None]:
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen([str(self._programs / "airflow"), name], env=self._environment(),
                                       cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
            try:
                yield
            finally:
                _end_group(process)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def _environment(self) -> dict[str, str]:
        return self._repo.environment() | self._variables


def _end_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
