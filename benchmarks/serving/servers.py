"""The servers that are measured, each a group of processes that is started, asked and stopped."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
RIVALS = ROOT / ".dvc/tmp/rivals"
_SILENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1"}


class Server:
    """A command that listens on a port of its own; `{port}` in its words stands for it."""

    def __init__(self, command: list[str], ready: str, log: Path, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        words = [word.format(port=self.port) for word in command]
        settings = {name: value.format(port=self.port) for name, value in environment.items()}
        began = time.perf_counter()
        with log.open("wb") as out:
            self.process = subprocess.Popen(words, cwd=HERE, env=os.environ | _SILENT | settings, stdout=out,
                                            start_new_session=True, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        while not self._answers(ready):
            if self.process.poll() is not None or time.perf_counter() - began > 180:
                self.stop()
                raise RuntimeError(log.read_text(encoding="utf-8", errors="replace")[-3_000:])
            time.sleep(0.01)
        self.start_s = time.perf_counter() - began

    def load(self, folder: Path, requests: list[dict[str, Any]], *, seconds: float, connections: int = 1,
             ) -> dict[str, Any]:
        """What the client of `load.py` measured."""
        job = folder / f"job-{self.port}.json"
        job.write_text(json.dumps({"host": "127.0.0.1", "port": self.port, "requests": requests, "seconds": seconds,
                                   "connections": connections}), encoding="utf-8")
        done = subprocess.run([sys.executable, HERE / "load.py", job], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-3_000:])
        return dict(json.loads(done.stdout))

    def rss_mib(self) -> float:
        """Resident memory of all its processes."""
        return sum(int(line.split()[1]) for stat in self._processes()
                   for line in (stat.parent / "status").read_text().splitlines() if line.startswith("VmRSS")) / 1024

    def cpu_s(self) -> float:
        """Processor time of all its processes so far."""
        words = [stat.read_text().rpartition(")")[2].split() for stat in self._processes()]
        return sum(int(each[11]) + int(each[12]) for each in words) / os.sysconf("SC_CLK_TCK")

    def metric(self, name: str) -> float:
        """A number of /metrics; 0 if it is not there yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def _processes(self) -> list[Path]:
        group, found = str(os.getpgid(self.process.pid)), []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if stat.read_text().rpartition(")")[2].split()[2] == group:
                    found.append(stat)
        return found

    def stop(self) -> None:
        """End all its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
            os.killpg(self.process.pid, signal.SIGKILL)

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def ours(folder: Path, bundle: Path, **settings: str) -> Iterator[Server]:
    """Our service on a bundle, with a store in the folder."""
    named = {"bundle": str(bundle), "store": f"sqlite:///{folder / 'service.db'}", "port": "{port}", "rate_per_s": "0",
             "clock": "data", "accept_rejected": "true"} | settings
    server = Server([sys.executable, str(HERE / "ours.py")], "/readyz", folder / "ours.log",
                    **{f"OILCAN_{name.upper()}": value for name, value in named.items()})
    try:
        yield server
    finally:
        server.stop()


def environment(name: str) -> Path:
    """Folder of programs of a rival's environment, made from its hashed lock file if it is not there."""
    home = RIVALS / name
    lock = ROOT / f"requirements/rival-{name}.txt"
    if not (home / "done").exists() or (home / "done").read_text(encoding="utf-8") != lock.read_text(encoding="utf-8"):
        print(f"  the environment of {name} is being made", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", home], check=True)
        subprocess.run(["uv", "pip", "install", "--quiet", "--python", home / "bin/python", "--require-hashes", "-r",
                        lock], check=True)
        (home / "done").write_text(lock.read_text(encoding="utf-8"), encoding="utf-8")
    return home / "bin"


@contextlib.contextmanager
def rivals(model: Path, folder: Path) -> Iterator[dict[str, Server]]:
    """All rivals on one joblib file."""
    bento, mlflow = environment("bentoml"), environment("mlflow")
    one = {"OMP_NUM_THREADS": "1"}          # kinder to them: threads that share one row only wait for each other
    saved, env = folder / f"mlflow-{model.stem}", one | {"RIVAL_MODEL": str(model)}
    subprocess.run([mlflow / "python", HERE / "rival_mlflow.py", model, saved], check=True, capture_output=True,
                   env=os.environ | _SILENT, cwd=folder)
    path = one | {"PATH": f"{mlflow}{os.pathsep}{os.environ['PATH']}"}
    commands: dict[str, tuple[list[str], str, dict[str, str]]] = {
        "FastAPI": ([str(bento / "uvicorn"), "rival_fastapi:app", "--port", "{port}", "--no-access-log"], "/ready",
                    env),
        "BentoML": ([str(bento / "bentoml"), "serve", "rival_bentoml:Risk", "--host", "127.0.0.1", "--port", "{port}"],
                    "/readyz", env | {"BENTOML_HOME": str(folder / "bentoml")}),
        "MLflow": ([str(mlflow / "mlflow"), "models", "serve", "-m", str(saved), "--env-manager", "local", "--host",
                    "127.0.0.1", "--port", "{port}", "--workers", "1"], "/ping", path),
    }
    started: dict[str, Server] = {}
    try:
        for name, (words, ready, settings) in commands.items():
            started[name] = Server(words, ready, folder / f"{name}.log", **settings)
        yield started
    finally:
        for server in started.values():
            server.stop()
