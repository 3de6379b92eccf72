"""Readings by MQTT through `oilcan gateway`, beside the same by HTTP; needs Mosquitto and `make install-gateway`."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import models
import numpy as np
import parts
import servers
import yaml
from servers import HERE, ROOT

_TOGETHER = 100         # readings of one message, where an edge gateway collects them


def mqtt(folder: Path, effort: parts.Effort) -> str:
    """Durable readings per second over a real broker and the gateway, turn by turn with HTTP."""
    columns, bundle = parts.usual(), models.twin(ROOT, "hist_gradient_boosting", folder).bundle
    fleet, sent = parts.filled(folder, bundle, effort)
    rows, count = parts.MACHINES, (20_000 if effort.quick else 100_000) // parts.MACHINES
    job = list(parts.hours(columns, count + 2, rows, gateways=2, after=sent))
    ways = {"HTTP, batches of 2,000, two requests on their way": 0, f"MQTT, {_TOGETHER} readings a message": _TOGETHER,
            "MQTT, a reading a message": 1}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for at in range(effort.rounds):
        for name, together in ways.items():
            place = parts.copied(fleet, folder / f"{at}-{together}")
            found[name].append(_by_mqtt(place, bundle, job, together) if together else
                               parts.taken_in(place, bundle, job, count * rows)[0])
            print(f"  {name}: {found[name][-1]:,.0f}", flush=True)
    http = np.array(next(iter(found.values())))
    lines = [f"| {name} | {np.median(rates):,.0f} | {np.median(np.array(rates) / http):.2f} |"
             for name, rates in found.items()]
    return "\n".join([
        "## By MQTT", "", f"{parts.MACHINES:,} machines, {len(columns)} sensors; publisher, Mosquitto, `oilcan "
        "gateway` and the service share two cores. A message is acknowledged when its readings are stored and "
        "forecast. Wanted: half of HTTP's rate.", "", "| way | readings per second | of HTTP's |",
        "|---|--:|--:|", *lines])


def _by_mqtt(place: Path, bundle: Path, job: list[dict[str, str]], together: int) -> float:
    """Readings per second from the first message to the last stored reading."""
    bodies = [json.loads(each["body"]) for each in job[2:]]
    messages = [message for body in bodies for message in _messages(body, together)]
    readings = sum(len(body["time"]) for body in bodies)
    with servers.ours(place, bundle) as server, _broker(place) as port:
        parts.send_all(server, place, job[:2], [])
        with _gateway(place, server, port, list(bodies[0]["columns"])):
            file = place / "messages.json"
            file.write_text(json.dumps({"port": port, "messages": messages}), encoding="utf-8")
            before = _stored(server)
            publisher = subprocess.Popen([sys.executable, HERE / "publish.py", file], stdout=subprocess.PIPE)
            publisher.stdout.readline()         # it has started and read its messages
            began = time.perf_counter()
            while _stored(server) < before + readings:
                if publisher.poll():
                    raise RuntimeError("the publisher failed; its error is printed above")
                time.sleep(0.05)
            took = time.perf_counter() - began
            publisher.communicate()
    return readings / took


def _messages(body: dict, together: int) -> Iterator[tuple[str, str]]:
    names = list(body["columns"])
    rows = [{"id": machine, "ts": moment} | dict(zip(names, values, strict=True)) for machine, moment, values in
            zip(body["machine_id"], body["time"], zip(*body["columns"].values(), strict=True), strict=True)]
    for at in range(0, len(rows), together):
        yield "rows", json.dumps(rows[at] if together == 1 else rows[at : at + together])


def _stored(server: servers.Server) -> int:
    """Readings that the service has accepted, by its own count."""
    return int(server.metric('oilcan_readings_total{outcome="accepted"}'))


@contextlib.contextmanager
def _broker(folder: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    own = (ROOT / "deploy/gateway/mosquitto.conf").read_text(encoding="utf-8")
    (folder / "mosquitto.conf").write_text(f"{own}\nuser root\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
                                           f"persistence_location {folder}/\n", encoding="utf-8")
    path = f"{os.environ['PATH']}:/usr/sbin"
    with _process(["mosquitto", "-c", str(folder / "mosquitto.conf")], folder / "mosquitto.log", PATH=path):
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.01)
        yield port


@contextlib.contextmanager
def _gateway(folder: Path, server: servers.Server, port: int, columns: list[str]) -> Iterator[None]:
    rules = yaml.safe_load((ROOT / "deploy/gateway/gateway.yaml").read_text(encoding="utf-8"))
    rules |= {"service": {"url": f"http://127.0.0.1:{server.port}"}, "folder": str(folder / "gateway")}
    topic = {"topic": "rows", "machine": "id", "time": "ts", "time_format": "iso", "value": None,
             "columns": {name: name for name in columns}}
    rules["mqtt"] |= {"host": "127.0.0.1", "port": port, "json_topics": [topic], "sparkplug": None}
    (folder / "gateway.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    log = folder / "gateway.log"
    with _process(["oilcan", "gateway", str(folder / "gateway.yaml")], log):
        while "connected" not in log.read_text(encoding="utf-8"):
            time.sleep(0.01)
        yield


@contextlib.contextmanager
def _process(words: list[str], log: Path, **environment: str) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(words, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=out)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
