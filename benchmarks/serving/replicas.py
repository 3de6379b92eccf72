"""Two replicas on one PostgreSQL beside one: readings per second, and processor time of each reading."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psycopg
import pyarrow.dataset
import servers
from parts import Effort
from sender import send
from servers import ROOT

sys.path.insert(0, str(ROOT))
from tests.service.conftest import PostgresServer

_COPIES = 5             # of the demo fleet, the machines of each with names of their own
_HOURS = 24             # that are there before the clock starts
_CUES = 2               # senders, each with half of the machines


def replicas(folder: Path, effort: Effort) -> str:
    """Both take turns; each sender has one replica, as behind a proxy that keeps a sender at one."""
    hours = 30 if effort.quick else 168
    rounds: dict[int, list[tuple[float, ...]]] = {1: [], 2: []}
    jobs = fleet_hours(_HOURS + hours)
    for at in range(2 if effort.quick else 3):
        for count, found in rounds.items():
            place = folder / f"{count}-{at}"
            place.mkdir()
            found.append(measured(place, jobs, count, hours))
            print(f"  {count} replicas: {[round(each, 1) for each in found[-1]]}", flush=True)
    one, two = (np.median(found, axis=0) for found in rounds.values())
    cells = [f"| {count} | {' | '.join(f'{cell:,.0f}' for cell in row)} |" for count, row in ((1, one), (2, two))]
    return "\n".join([
        "## Replicas on PostgreSQL", "",
        f"The demo fleet {_COPIES} times, hour after hour, {_CUES} senders with half of the machines each; two "
        f"replicas took {two[0] / one[0]:.2f} times as many readings per second as one.", "",
        "| replicas | readings per second | replicas' processor time [us per reading] | PostgreSQL's | "
        "forecasts logged per 1,000 readings |", "|--:|--:|--:|--:|--:|", *cells])


def measured(folder: Path, jobs: list[list[dict[str, str]]], count: int, hours: int) -> tuple[float, ...]:
    """Readings per second, microseconds of processor time of replicas and server, forecasts per 1,000 readings."""
    with postgres() as server, contextlib.ExitStack() as stack:
        group = []
        for place in (folder / str(at) for at in range(count)):
            place.mkdir()
            group.append(stack.enter_context(servers.ours(place, ROOT / "models/bundle", store=server.url())))
        send_all(group, [job[:-hours] for job in jobs])
        time.sleep(20)              # the monitoring has read its libraries and judged, the log of forecasts is written
        before = spent(group, server), logged(server.url())
        began = time.perf_counter()
        send_all(group, [job[-hours:] for job in jobs])
        took = time.perf_counter() - began
        time.sleep(5)
        after = spent(group, server), logged(server.url())
    forecasts, readings = after[1][0] - before[1][0], after[1][1] - before[1][1]
    by_replicas, by_server = ((now - then) / readings * 1e6 for now, then in zip(after[0], before[0], strict=True))
    return readings / took, by_replicas, by_server, 1_000 * forecasts / readings


def fleet_hours(hours: int) -> list[list[dict[str, str]]]:
    """Requests of each sender: one for each hour, with its half of the machines."""
    table = pyarrow.dataset.dataset(ROOT / "data/canonical/telemetry").to_table().to_pandas()
    table["machine_id"] = table["machine_id"].astype(str)
    times = np.sort(table["time"].unique())[-hours:]
    table = table[table["time"].isin(times)]
    names = table["machine_id"].unique()
    columns = [name for name in table if name not in ("machine_id", "time")]
    jobs: list[list[dict[str, str]]] = [[] for _ in range(_CUES)]
    for at, rows in table.groupby("time"):
        for cue, job in enumerate(jobs):
            mine = rows[rows["machine_id"].isin(names[cue::_CUES])]
            content = {"machine_id": [f"{name}-{copy}" for copy in range(_COPIES) for name in mine["machine_id"]],
                       "time": [at.strftime("%Y-%m-%dT%H:%M:%SZ")] * (len(mine) * _COPIES),
                       "columns": {name: [None if value != value else value for value in mine[name].tolist()] * _COPIES
                                   for name in columns}}
            job.append({"path": "/v1/telemetry", "body": json.dumps(content)})
    return jobs


def send_all(group: list[servers.Server], jobs: list[list[dict[str, str]]]) -> None:
    """Every sender its requests, one after the other."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        ports = [group[at % len(group)].port for at in range(len(jobs))]
        list(pool.map(send, ports, jobs))


def spent(group: list[servers.Server], server: PostgresServer) -> tuple[float, float]:
    """Processor time so far: of all replicas, and of the server with processes that ended."""
    main = (server.folder / "data/postmaster.pid").read_text().split()[0]
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = stat.read_text().rpartition(")")[2].split()
            ticks += sum(map(int, words[11:15])) if stat.parent.name == main else (
                sum(map(int, words[11:13])) if words[1] == main else 0)
    return sum(each.cpu_s() for each in group), ticks / os.sysconf("SC_CLK_TCK")


def logged(url: str) -> tuple[int, int]:
    """Rows of the log of forecasts, and readings."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT (SELECT count(*) FROM oilcan.forecasts), "
                                   "(SELECT count(*) FROM oilcan.readings)").fetchone()
    return (0, 0) if found is None else (int(found[0]), int(found[1]))


@contextlib.contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="oilcan-pg-"))
    server = PostgresServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)
