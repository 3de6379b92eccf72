"""Stages on a Dask cluster of real processes: same bytes, whatever happens to a worker; no work for another version."""

import copy
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml
from tests.ops import remote_servers
from tests.ops.environments import environment
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
DATA_SET = "datasets/demo_fleet.yaml"
PARTITIONS = 6


class Cluster:
    """A scheduler, and workers on loopback addresses of their own.

    python and environment are those of all its processes; workers do not see what is in the hidden folders.
    """

    def __init__(self, folder: Path, python: Path | str = sys.executable,
                 environment: Mapping[str, str] | None = None, hidden: Sequence[Path] = ()) -> None:
        self.python, self.environment, self.hidden = python, dict(environment or {}), hidden
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.folder, self.workers = folder, {}
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", self.address.rpartition(":")[2])

    def add_worker(self, host: str, **environment: str) -> None:
        self.workers[host] = self._start("worker", self.address, "--host", host, "--nthreads", "1", "--no-nanny",
                                         "--local-directory", str(self.folder), **environment)
        wait_until(lambda: "Registered to" in self.log("worker", host), f"{host} did not start", 60)

    def stop_worker(self, host: str) -> None:
        process = self.workers.pop(host)
        process.kill()
        process.wait()

    def log(self, kind: str, host: str = "") -> str:
        return (self.folder / f"{kind}{host}.log").read_text(encoding="utf-8")

    def _start(self, kind: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        host = words[2] if kind == "worker" else ""
        command = [self.python, "-m", "dask", kind, *words, "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        if kind == "worker" and self.hidden:
            mounts = " && ".join(f"mount -t tmpfs none '{folder}'" for folder in self.hidden)
            command = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$0" "$@"', *command]
        with (self.folder / f"{kind}{host}.log").open("wb") as log:
            return subprocess.Popen(command, cwd=self.folder, env=os.environ | self.environment | environment,
                                    stdout=log, stderr=log)

    def close(self) -> None:
        for process in (*self.workers.values(), self.scheduler):
            process.kill()
            process.wait()


class Plant:
    """Prepared tables of twelve machines in six partitions, and stages that run in a process of their own."""

    def __init__(self, folder: Path, repo: Path) -> None:
        self.folder, self.repo, self.python, self.environment = folder, repo, sys.executable, {}
        self.params = yaml.safe_load((repo / "params.yaml").read_text(encoding="utf-8"))
        self.prepared = shutil.copytree(repo / "data/prepared", folder / "prepared")
        (whole,) = sorted((self.prepared / "telemetry").iterdir())
        telemetry, rows = (pd.read_parquet(file) for file in (whole, self.prepared / "rows.parquet"))
        number = {machine: at % PARTITIONS for at, machine in enumerate(telemetry["machine_id"].unique()[:12])}
        for at in range(PARTITIONS):
            telemetry[telemetry["machine_id"].map(number) == at].to_parquet(
                whole.with_name(f"part-{at:04d}.parquet"), index=False)
        rows = rows.assign(partition=rows["machine_id"].map(number)).dropna(subset="partition")
        rows.astype({"partition": "int64"}).sort_values("partition", kind="stable").to_parquet(
            self.prepared / "rows.parquet", index=False)

    def start(self, stage: str, *paths: Path | str, **compute: object) -> subprocess.Popen[str]:
        params = self.folder / f"{stage}.yaml"
        params.write_text(yaml.safe_dump(self.params | {"compute": {"backend": "loky", "jobs": 2} | compute}))
        return subprocess.Popen(
            [self.python, "-P", ROOT / f"src/stages/{stage}.py", DATA_SET, *paths, "--params", params],
            cwd=self.repo, env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)

    def featurize(self, out: str, **compute: object) -> subprocess.Popen[str]:
        return self.start("featurize", self.prepared, self.folder / out, **compute)

    def predict(self, out: str, **compute: object) -> subprocess.Popen[str]:
        data = self.repo / "data"
        return self.start("predict", data / "prepared", data / "features", self.repo / "models/model",
                          self.folder / out, **compute)

    def finish(self, process: subprocess.Popen[str]) -> str:
        """What it printed as errors."""
        return process.communicate(timeout=120)[1]

    def written(self, out: str) -> int:
        """Feature tables of a run that has not ended."""
        return len(list(self.folder.glob(f".{out}.*.tmp/part-*.parquet")))

    def contents(self, out: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.folder / out).iterdir())}

    def forecasts(self) -> dict[str, bytes]:
        """What the run of the repository itself wrote, by loky."""
        file = self.repo / "data/predictions/predictions.parquet"
        return {file.name: file.read_bytes()}


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, _small_repo) -> Plant:
    plant = Plant(tmp_path_factory.mktemp("dask"), _small_repo.path)
    assert plant.finish(plant.featurize("wanted")) == ""
    assert len(plant.contents("wanted")) == PARTITIONS + 1     # and the plan
    return plant


@pytest.fixture(scope="module")
def _scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()


@pytest.fixture
def cluster(_scheduler: Cluster) -> Cluster:
    """Two workers on addresses of their own."""
    for host in {"127.0.0.2", "127.0.0.3"} - set(_scheduler.workers):
        _scheduler.add_worker(host)
    return _scheduler


def test_the_embedded_cluster_gives_the_bytes_of_a_local_run(plant: Plant) -> None:
    features, forecasts = plant.featurize("embedded", backend="dask"), plant.predict("by-embedded", backend="dask")
    assert plant.finish(features) == plant.finish(forecasts) == ""
    assert plant.contents("embedded") == plant.contents("wanted")
    assert plant.contents("by-embedded") == plant.forecasts()


def test_so_does_one_of_several_addresses(plant: Plant, cluster: Cluster) -> None:
    compute = {"backend": "dask", "address": cluster.address}
    features, forecasts = plant.featurize("cluster", **compute), plant.predict("by-cluster", **compute)
    assert plant.finish(features) == plant.finish(forecasts) == ""
    assert plant.contents("cluster") == plant.contents("wanted")
    assert plant.contents("by-cluster") == plant.forecasts()


def test_a_killed_worker_costs_its_partitions_alone(plant: Plant, cluster: Cluster) -> None:
    run = plant.featurize("killed", backend="dask", address=cluster.address)
    wait_until(lambda: plant.written("killed"), "no table was written", 60)
    cluster.stop_worker("127.0.0.2")
    assert plant.written("killed") < PARTITIONS
    assert plant.finish(run) == ""
    assert plant.contents("killed") == plant.contents("wanted")


def test_a_worker_that_stands_still_holds_up_its_own_partitions_alone(plant: Plant, cluster: Cluster) -> None:
    run = plant.featurize("slow", backend="dask", address=cluster.address)
    wait_until(lambda: plant.written("slow"), "no table was written", 60)
    slow = cluster.workers["127.0.0.3"]
    slow.send_signal(signal.SIGSTOP)
    wait_until(lambda: plant.written("slow") >= PARTITIONS - 2, "the other worker waits, too", 60)
    assert run.poll() is None
    slow.send_signal(signal.SIGCONT)
    assert plant.finish(run) == ""
    assert plant.contents("slow") == plant.contents("wanted")


def test_workers_of_another_installation_get_no_work(plant: Plant, cluster: Cluster, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src/oilcan", tmp_path / "older/oilcan", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "older/oilcan/ground/installation.py").unlink()
    shutil.copytree(ROOT / "src/oilcan", tmp_path / "other/oilcan", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "other/oilcan/core/__init__.py").open("a") as code:
        code.write("CHANGED = True\n")
    metadata = tmp_path / "other/numpy-1.0.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    cluster.add_worker("127.0.0.4", PYTHONPATH=str(tmp_path / "older"))
    cluster.add_worker("127.0.0.5", PYTHONPATH=str(tmp_path / "other"))
    message = plant.finish(plant.featurize("refused", backend="dask", address=cluster.address))
    for host in ("127.0.0.4", "127.0.0.5"):
        cluster.stop_worker(host)
    assert message.startswith("error: compute.address: 2 of 4 workers are other installations than this one. Install ")
    older, other = sorted(line for line in message.splitlines() if line.startswith("  - "))
    assert older.startswith("  - tcp://127.0.0.4:")
    assert "No module named 'oilcan.ground.installation'" in older
    assert other.startswith("  - tcp://127.0.0.5:")
    assert "oilcan code " in other
    assert "; numpy 1.0 (wanted " in other
    assert len(message.splitlines()) == 3
    assert not (plant.folder / "refused").exists()


def test_nobody_at_the_address_and_a_scheduler_that_dies_are_one_message(plant: Plant, tmp_path: Path) -> None:
    dying = Cluster(tmp_path)
    try:
        alone = plant.finish(plant.featurize("alone", backend="dask", address=dying.address))
        assert alone.startswith(f"error: compute.address: the scheduler at {dying.address} has no worker (waited 5 s")
        dying.add_worker("127.0.0.2")
        run = plant.featurize("lost", backend="dask", address=dying.address)
        wait_until(lambda: plant.written("lost"), "no table was written", 60)
    finally:
        dying.close()
    message = plant.finish(run)
    assert message.startswith("error: compute.address: the cluster lost a piece of work (")
    assert len(message.splitlines()) == 1
    nobody = plant.finish(plant.featurize("nobody", backend="dask", address=dying.address))
    assert nobody.startswith(f"error: compute.address: no Dask scheduler answers at {dying.address} (waited 5 s). ")
    assert not {"alone", "lost", "nobody"} & {path.name for path in plant.folder.iterdir()}


def test_workers_that_share_no_folder_work_by_way_of_s3(plant: Plant, tmp_path: Path) -> None:
    """Workers in which the folders of the host are empty; one of them is killed."""
    python = environment("remotes") / "python"          # has S3; all else comes from the environment of the tests
    paths = os.pathsep.join((str(ROOT / "src"), sysconfig.get_path("purelib")))
    with remote_servers.s3(tmp_path) as remote:
        secrets = {"PYTHONPATH": paths, "AWS_ACCESS_KEY_ID": remote.secrets["access_key_id"],
                   "AWS_SECRET_ACCESS_KEY": remote.secrets["secret_access_key"],
                   "AWS_ENDPOINT_URL": remote.settings["endpointurl"], "AWS_DEFAULT_REGION": "us-east-1"}
        cluster = Cluster(tmp_path, python, secrets, (plant.folder, plant.repo))
        apart = copy.copy(plant)
        apart.python, apart.environment = python, secrets
        compute = {"backend": "dask", "address": cluster.address, "storage": f"{remote.settings['url']}/pieces"}
        try:
            for host in ("127.0.0.2", "127.0.0.3"):
                cluster.add_worker(host)
            apart.environment = secrets | {"AWS_SECRET_ACCESS_KEY": remote.wrong["secret_access_key"]}
            refused = plant.finish(apart.featurize("unknown", **compute))
            assert refused.startswith(f"error: compute.storage: {compute['storage']} cannot be written (")
            assert len(refused.splitlines()) == 1
            assert not (plant.folder / "unknown").exists()
            apart.environment = secrets
            remote_servers.let_anybody_ask_s3(remote)
            run = apart.featurize("s3", **compute)
            wait_until(lambda: _stored(remote) > PARTITIONS, "no table was written", 120)     # after the readings
            cluster.stop_worker("127.0.0.2")
            forecasts = apart.predict("by-s3", **compute)
            assert plant.finish(run) == plant.finish(forecasts) == ""
            cluster.add_worker("127.0.0.2")             # with one worker alone, joblib works in this process
            without = plant.finish(plant.featurize("alone", backend="dask", address=cluster.address))
        finally:
            cluster.close()
    assert plant.contents("s3") == plant.contents("wanted")
    assert plant.contents("by-s3") == plant.forecasts()
    assert "does not exist" in without                  # the folders are hidden indeed


def _stored(remote: remote_servers.Remote) -> int:
    answer = httpx.get(f"{remote.settings['endpointurl']}/plant?list-type=2&prefix=oilcan/pieces", timeout=60)
    return answer.text.count("<Key>")
