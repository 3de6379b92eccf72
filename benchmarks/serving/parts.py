"""The parts of the benchmark; each returns a section of docs/benchmarks-serving.md."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import models
import numpy as np
import servers
from servers import HERE, ROOT

sys.path.insert(0, str(HERE.parent))
import stores

MACHINES = 2_000
_HOUR = 3_600_000_000
_FILLED = 520           # hours until the longest windows are full
_START = 1_700_000_000_000_000


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    quick: bool
    soak_minutes: float

    @property
    def rounds(self) -> int:
        """How often each thing has its turn."""
        return 2 if self.quick else 5

    @property
    def seconds(self) -> float:
        """Of a round."""
        return 1.0 if self.quick else 4.0


def one_row(twin: models.Twin) -> dict[str, str]:
    """Our request for one row."""
    row = dict(zip(twin.features, twin.row, strict=True))
    return {"path": "/v1/predict", "body": json.dumps({"rows": [row], "forecasts": ["failure"]})}


def latency(folder: Path, effort: Effort) -> str:
    """One row against an empty endpoint of the same server, turn by turn on one connection."""
    twin = models.twin(ROOT, "hist_gradient_boosting", folder)
    asked = one_row(twin)
    requests = [asked, {"path": "/v1/empty", "body": asked["body"]}, {"path": "/healthz", "body": None}]
    with servers.ours(folder, twin.bundle) as server:
        rounds = [server.load(folder, requests, seconds=2 * effort.seconds)["requests"] for _ in range(effort.rounds)]
    said = {name: [float(np.median([each[at][name] for each in rounds])) for at in range(3)]
            for name in ("p50_us", "p99_us")}
    ratios = {name: [float(np.median([each[0][name] / each[at][name] for each in rounds])) for at in (1, 2)]
              for name in said}
    lines = [f"| {label} | {said['p50_us'][at]:,.0f} | {said['p99_us'][at]:,.0f} |" for at, label in enumerate((
        f"POST /v1/predict, one row of {len(twin.features)} features", "POST of the same body, nothing done",
        "GET /healthz"))]
    return "\n".join([
        "## One row", "", "| request | p50 [us] | p99 [us] |", "|---|--:|--:|", *lines, "",
        f"Against the empty POST behind the same door: {ratios['p50_us'][0]:.2f} x its p50 (wanted at most 1.5), "
        f"{ratios['p99_us'][0]:.2f} x its p99 (at most 2); against /healthz, which sends nothing: "
        f"{ratios['p50_us'][1]:.2f} and {ratios['p99_us'][1]:.2f}."])


def rivals(folder: Path, effort: Effort) -> str:
    """Requests for one row per second, against others on the same model; all servers up, each in its turn."""
    lines = []
    for family, wanted in (("random_forest", "20 x the best"),
                           ("hist_gradient_boosting", "2.5 x FastAPI, 5 x the others")):
        twin = models.twin(ROOT, family, folder)
        bodies = {"Oilcan": one_row(twin), "FastAPI": {"path": "/predict", "body": json.dumps({"rows": [twin.row]})},
                  "BentoML": {"path": "/predict", "body": json.dumps({"rows": [twin.row]})},
                  "MLflow": {"path": "/invocations", "body": json.dumps({"inputs": [twin.row]})}}
        with servers.ours(folder, twin.bundle) as server, servers.rivals(twin.joblib, folder) as others:
            rates: dict[str, list[float]] = {name: [] for name in bodies}
            for _ in range(effort.rounds):
                for name, each in ({"Oilcan": server} | others).items():
                    found = each.load(folder, [bodies[name]], seconds=effort.seconds, connections=8)
                    rates[name].append(found["per_s"])
        mine = np.array(rates["Oilcan"])
        times = {name: float(np.median(mine / np.array(rates[name]))) for name in others}
        cells = [f"{np.median(rates[name]):,.0f}" + (f" ({times[name]:.1f} x)" if name in times else "")
                 for name in bodies]
        lines.append(f"| {family} | {' | '.join(cells)} | {wanted} |")
    return "\n".join(["## Against others", "", "One-row requests per second over 8 connections, one worker each, and "
                      "in brackets how many times as many Oilcan answers. The rivals get a bare list of numbers, "
                      "Oilcan names with every number, and it logs every forecast.", "",
                      "| model | Oilcan | FastAPI + uvicorn | BentoML | mlflow models serve | wanted |",
                      "|---|--:|--:|--:|--:|---|", *lines])


def hours(columns: dict[str, float], count: int, rows: int, *, gateways: int = 1, after: int = 0,
          ) -> Iterator[dict[str, str]]:
    """Requests that bring so many rows each, hour after hour; gateways take turns, each with machines of its own."""
    rng, own = np.random.default_rng(1), MACHINES // gateways
    for number in range(count):
        turn, gateway = divmod(number, gateways)
        order = np.arange(turn * rows, (turn + 1) * rows)
        times = [f"{text}Z" for text in np.datetime_as_string(
            (_START + (after + order // own) * _HOUR).astype("datetime64[us]"), unit="s")]
        cells = {name: (mean * rng.normal(1.0, 0.02, rows)).round(3).tolist() for name, mean in columns.items()}
        yield {"path": "/v1/telemetry", "body": json.dumps({
            "machine_id": [f"machine-{gateway * own + at:04d}" for at in (order % own).tolist()], "time": times,
            "columns": cells})}


def usual() -> dict[str, float]:
    """Sensors of the bundle's contract, each with a possible value."""
    contract = models.bundle_folder.load_bundle(ROOT / "models/bundle").contract
    listed = contract.tables["telemetry"].columns
    ranges = {name: listed[name].range for name in contract.telemetry_columns("sensor", "condition")
              if listed[name].type == "number"}
    return {name: 1.0 if pair is None else float((pair[0] or 0) + 0.4 * ((pair[1] or 1) - (pair[0] or 0)))
            for name, pair in ranges.items()}


def filled(folder: Path, bundle: Path, effort: Effort) -> tuple[Path, int]:
    """A store of machines with full windows (state that fills looks like a leak), and the hours that they have sent."""
    sent, place = (20 if effort.quick else _FILLED), folder / "filled"
    place.mkdir()
    with servers.ours(place, bundle, retention_days="0.002") as server:
        job = hours(usual(), sent * MACHINES // 10_000, 10_000, gateways=2)
        while few := list(islice(job, 10)):
            send_all(server, folder, [], few)
    return place, sent


def copied(store: Path, place: Path) -> Path:
    """A copy that is on the disk: else the first write of the server waits until the disk has taken all of it."""
    shutil.copytree(store, place)
    os.sync()
    return place


def ingest(folder: Path, effort: Effort) -> str:
    """Durable readings per second with features and scoring, beside the store alone and its bare insert."""
    columns, bundle, lines = usual(), models.twin(ROOT, "hist_gradient_boosting", folder).bundle, []
    fleet, sent = filled(folder, bundle, effort)
    for rows, gateways, what in ((MACHINES, 2, "each gateway has its machines"), (5 * MACHINES, 2, "the same"),
                                 (MACHINES, 1, "the fleet's hours over two connections: they overtake each other")):
        count = (30_000 if effort.quick else 200_000) // rows
        found = []
        for at in range(effort.rounds):
            place = copied(fleet, folder / f"{rows}-{gateways}-{at}")
            found.append(taken_in(place, bundle, list(hours(columns, count + 2, rows, gateways=gateways, after=sent)),
                                  count * rows))
        cells = [*np.median(found, axis=0), *store_alone(rows, len(columns), count)]
        lines.append(f"| {rows:,} ({what}) | {' | '.join(f'{cell:,.0f}' for cell in cells)} |")
        print(f"  {lines[-1]}; rounds {[round(each[0]) for each in found]}", flush=True)
    return "\n".join([
        "## Taking readings in", "", f"{MACHINES:,} machines, {len(columns)} sensors, {sent} hours behind them, "
        "histogram gradient boosting, SQLite with synchronous FULL, two requests on their way. Every answer comes "
        "after its readings are on the disk and has a new forecast of every machine in it. Beside it what the store "
        "takes in alone, and the bare insert of the same bytes into a table without keys; all in readings per second.",
        "",
        "| readings of a batch | taken in (wanted 20,000) | per second of processor time | memory [MiB] | "
        "store alone | bare insert |", "|--:|--:|--:|--:|--:|--:|", *lines])


def taken_in(folder: Path, bundle: Path, job: list[dict[str, str]], readings: int) -> tuple[float, float, float]:
    """Readings per second by the clock and per second of the server's processor time, and its memory then."""
    with servers.ours(folder, bundle) as server:
        send_all(server, folder, job[:2], [])
        before = server.cpu_s()
        took = send_all(server, folder, [], job[2:])
        return readings / took, readings / (server.cpu_s() - before), server.rss_mib()


def health(folder: Path, effort: Effort) -> str:
    """How long /healthz and reads take while a sender brings readings as fast as they are taken."""
    columns, bundle = usual(), models.twin(ROOT, "hist_gradient_boosting", folder).bundle
    fleet, sent = filled(folder, bundle, effort)
    asked = {"GET /healthz": "/healthz", "GET /v1/machines, 50 of them": "/v1/machines?size=50",
             "GET one machine": "/v1/machines/machine-0007"}
    found: dict[str, list[list[float]]] = {name: [] for name in asked}
    alone, batches = [], 100 if effort.quick else 200
    for at in range(effort.rounds):
        with servers.ours(copied(fleet, folder / f"health-{at}"), bundle) as server:
            for turn, (name, path) in enumerate(asked.items()):
                job = list(hours(columns, batches, MACHINES, gateways=2, after=sent + turn * batches))
                with beside(server, folder, job) as is_sending:
                    times = server.load(folder, [{"path": path, "body": None}], seconds=effort.seconds)["requests"][0]
                    if not is_sending():
                        raise RuntimeError(f"{name}: all readings were taken in before the measurement ended")
                found[name].append([times["p50_us"] / 1000, times["p99_us"] / 1000])
            alone.append(server.load(folder, [{"path": "/healthz", "body": None}], seconds=1.0)["requests"][0])
        print(f"  p99 of /healthz {found['GET /healthz'][-1][1]:.1f} ms", flush=True)
    rows = {name: np.median(rounds, axis=0) for name, rounds in found.items()}
    quiet = float(np.median([each["p99_us"] for each in alone])) / 1000
    lines = [f"| {name} | {p50:.1f} | {p99:.1f} |" for name, (p50, p99) in rows.items()]
    return "\n".join([
        "## Beside full ingest", "", f"Answers while two connections send batches of {MACHINES:,} readings as fast as "
        f"they are taken, {MACHINES:,} machines with full windows. Wanted: p99 of /healthz below 50 ms "
        f"(without ingest {quiet:.1f} ms).", "", "| request | p50 [ms] | p99 [ms] |", "|---|--:|--:|", *lines])


@contextlib.contextmanager
def beside(server: servers.Server, folder: Path, job: list[dict[str, str]]) -> Iterator[Callable[[], bool]]:
    """Send a job meanwhile, by a process that is ended afterwards; whether it still sends."""
    path = folder / "beside.json"
    path.write_text(json.dumps({"port": server.port, "warm": job[:2], "job": job[2:]}), encoding="utf-8")
    sender = subprocess.Popen([sys.executable, HERE / "sender.py", path], stdout=subprocess.DEVNULL)
    try:
        yield lambda: sender.poll() is None
    finally:
        sender.kill()
        sender.wait()


def store_alone(rows: int, width: int, count: int) -> tuple[float, float]:
    """Readings per second of the store without features, and of the bare insert."""
    with stores.opened(None) as (store, floor):
        took = stores.measure(store, floor, rows, width, count, 0)
    return rows / took["append"][0], rows / took["floor"][0]


def send_all(server: servers.Server, folder: Path, warm: list[dict[str, str]], job: list[dict[str, str]]) -> float:
    """Seconds that the client, a process of its own, needed for all requests of a job."""
    path = folder / "bodies.json"
    path.write_text(json.dumps({"port": server.port, "warm": warm, "job": job}), encoding="utf-8")
    done = subprocess.run([sys.executable, HERE / "sender.py", path], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    return float(done.stdout)


def online(_folder: Path, _effort: Effort) -> str:
    """What benchmarks/online.py prints."""
    done = subprocess.run([sys.executable, HERE.parent / "online.py"], capture_output=True, text=True, check=True)
    return f"## One reading into the features\n\n```\n{done.stdout.strip()}\n```"


def start(folder: Path, effort: Effort) -> str:
    """From start to ready with a fleet in the store, and memory then and while it sends."""
    bundle, empty = ROOT / "models/bundle", folder / "empty"
    empty.mkdir()
    with servers.ours(empty, bundle) as server:
        took_empty, memory_empty = server.start_s, server.rss_mib()
    fleet, sent = filled(folder, bundle, effort)
    took, memory, at_work = [], [], []
    for at in range(3):
        with servers.ours(copied(fleet, folder / f"fleet-{at}"), bundle) as server:
            took.append(server.start_s)
            memory.append(server.rss_mib())
            send_all(server, folder, [], list(hours(usual(), 100, MACHINES, gateways=2, after=sent)))
            at_work.append(server.rss_mib())
    return "\n".join([
        "## Start and memory", "", f"From start to ready: {took_empty:.1f} s with an empty store, {np.median(took):.1f}"
        f" s with {MACHINES:,} machines in it that sent {sent} hours (wanted at most 3 s). Memory: {memory_empty:,.0f} "
        f"MiB with an empty store; with {MACHINES:,} machines {np.median(memory):,.0f} MiB after the start, "
        f"{np.median(at_work):,.0f} MiB after 200,000 readings more (wanted at most 400)."])


def soak(folder: Path, effort: Effort) -> str:
    """Load for long: does memory or latency grow?"""
    twin = models.twin(ROOT, "hist_gradient_boosting", folder)
    minutes = 0.5 if effort.quick else effort.soak_minutes
    rounds, seconds = max(6, round(minutes * 60 / 10)), 8.0 if not effort.quick else 2.0
    memory, p50, at = [], [], []
    fleet, sent = filled(folder, twin.bundle, effort)
    with servers.ours(fleet, twin.bundle, retention_days="0.002", snapshot_every_s="20") as server:
        began = time.perf_counter()
        for number, hour in enumerate(hours(usual(), rounds, MACHINES, after=sent)):
            send_all(server, folder, [], [hour])
            found = server.load(folder, [one_row(twin), {"path": "/v1/machines?size=50", "body": None}],
                                seconds=seconds)
            at.append((time.perf_counter() - began) / 60)
            memory.append(server.rss_mib())
            p50.append(found["requests"][0]["p50_us"])
            if number % 6 == 0:
                print(f"  {at[-1]:.1f} min: {memory[-1]:.0f} MiB, p50 {p50[-1]:.0f} us", flush=True)
    half = len(at) // 2
    slopes = [float(np.polyfit(at[half:], values[half:], 1)[0]) for values in (memory, p50)]
    return "\n".join([
        "## Soak", "", f"{at[-1]:.0f} minutes of one-row forecasts, lists of machines and a batch of {MACHINES:,} "
        f"readings every few seconds, to a fleet that sent {sent} hours before. "
        f"Memory {memory[0]:,.0f} MiB at first, {memory[half]:,.0f} in the middle, "
        f"{memory[-1]:,.0f} at the end, slope of the second half {slopes[0]:+.2f} MiB/min; p50 of a forecast "
        f"{p50[0]:,.0f}, {p50[half]:,.0f}, {p50[-1]:,.0f} us, slope {slopes[1]:+.1f} us/min."])
