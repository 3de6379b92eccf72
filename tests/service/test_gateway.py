"""`oilcan gateway` between a real broker and the real service: whatever is killed, nothing is lost or doubled."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.service.broker import GROUP, Broker, EdgeNode, publish_all, publisher
from tests.service.conftest import HOURS, OILCAN, Server
from tests.service.test_kill import stored
from tests.waiting import wait_until

from oilcan.gateway.running import Gateway
from oilcan.ground.section import section
from oilcan.params.operating.gateway import GatewayRules


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(folder)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def prometheus() -> None:
    """Tests that run promtool; named in conftest.PROGRAMS."""


def rules_of(broker: Broker, url: str, folder: Path, columns: list[str], **changed: object) -> dict:
    same = {column: column for column in columns}
    mqtt = {
        "host": "127.0.0.1", "port": broker.port, "client_id": "oilcan-gateway", "user": None, "tls": None,
        "keep_alive": "30s", "session": "1d", "window": 4000,
        "json_topics": [
            {"topic": "rows/{machine}", "machine": None, "time": "ts", "time_format": "iso", "value": None,
             "columns": same},
            {"topic": "values/{machine}/{column}", "machine": None, "time": "ts", "time_format": "epoch_ms",
             "value": "v", "columns": same}],
        "sparkplug": {"group": GROUP, "machine": "device", "birth_values": False, "rebirth_every": "1s",
                      "host_id": "oilcan", "metrics": {f"Sensor/{column}": column for column in columns}}}
    return {"service": {"url": url}, "folder": str(folder), "batch": {"rows": 200, "wait": "0.05s"},
            "join": {"wait": "10s", "grid": None}, "machines": None, "mqtt": mqtt | changed}


class GatewayProcess:
    """`oilcan gateway`; the tests may kill and start it."""

    def __init__(self, rules: dict, folder: Path) -> None:
        self.file, self._log = folder / "gateway.yaml", folder / "gateway.log"
        self.file.write_text(yaml.safe_dump(rules), encoding="utf-8")
        self.folder = Path(rules["folder"])
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def start(self) -> None:
        with self._log.open("ab") as log:
            words = [OILCAN, "gateway", str(self.file), "--metrics-port", str(self.port)]
            self.process = subprocess.Popen(words, env=dict(os.environ), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def metrics(self) -> dict[tuple[str, ...], float]:
        """What Prometheus gets, after promtool found nothing to say about it."""
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics").raise_for_status().text
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                                 check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
        return {(sample.name, *sample.labels.values()): sample.value
                for family in text_string_to_metric_families(text) for sample in family.samples}

    def kept_aside(self) -> list[dict]:
        file = self.folder / "kept_aside.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def values_of(row: dict) -> dict[str, float | None]:
    return {name: None if pd.isna(value) else value for name, value in row.items()
            if name not in {"machine_id", "time"}}


def milliseconds(time: pd.Timestamp) -> int:
    return int(time.value // 1_000_000)


class Plant:
    """Sends a fleet's readings: a third as rows, a third as single values, a third by Sparkplug B."""

    def __init__(self, client, fleet: pd.DataFrame) -> None:
        machines = sorted(fleet["machine_id"].unique())
        self._client, self._fleet = client, fleet
        self.by_rows, self.by_values, self.by_sparkplug = machines[::3], machines[1::3], machines[2::3]
        columns = [name for name in fleet if name not in {"machine_id", "time"}]
        self.node = EdgeNode(client, "line1", self.by_sparkplug, columns)

    def send(self, part: slice) -> None:
        for time_, rows in list(self._fleet.groupby("time"))[part]:
            messages = []
            for row in rows.to_dict("records"):
                machine, values = row["machine_id"], values_of(row)
                if machine in self.by_rows:
                    messages.append((f"rows/{machine}", {"ts": time_.isoformat()} | values))
                elif machine in self.by_values:
                    messages += [(f"values/{machine}/{name}", {"ts": milliseconds(time_), "v": value})
                                 for name, value in values.items()]
                else:
                    self.node.reading(machine, milliseconds(time_), values)
            publish_all(self._client, messages)


def rows_in(server: Server) -> int:
    return len(stored(server.store, "readings"))


@pytest.mark.usefixtures("prometheus")
def test_whatever_is_killed_the_store_is_that_of_the_same_readings_by_http(broker, serve, fleet, tmp_path):
    columns = [name for name in fleet if name not in {"machine_id", "time"}]
    server = serve(clock="data")
    gateway = GatewayProcess(rules_of(broker, server.url, tmp_path / "state", columns), tmp_path)
    gateway.start()
    with publisher(broker) as client:
        plant = Plant(client, fleet)
        wait_until(lambda: "connected to" in gateway.log(), gateway.log())
        plant.node.birth(milliseconds(fleet["time"].min()) - 1)
        client.publish("rows/M1", b"\xff no JSON", qos=1).wait_for_publish(10)
        publish_all(client, [(f"rows/nobody{at}", {"ts": "2024-01-01T00:00:00Z", columns[0]: text})
                             for at, text in enumerate([*["a text"] * 150, "\ud800"])])
        plant.send(slice(0, 15))
        gateway.kill()                                  # aliases of the births must survive it
        plant.send(slice(15, 30))
        gateway.start()
        plant.send(slice(30, 35))
        server.kill()
        plant.send(slice(35, 45))                       # waits in the broker
        broker.save()
        broker.kill()
        broker.start()
        server.start()
        wait_until(client.is_connected, "the publisher is not back")
        client.subscribe(f"spBv1.0/{GROUP}/NCMD/line1")
        plant.send(slice(45, HOURS))
        wait_until(lambda: rows_in(server) == len(fleet), f"{rows_in(server)} of {len(fleet)}\n{gateway.log()}", 30)
    wait_until(lambda: gateway.metrics()["oilcan_gateway_waiting_readings",] == 0, "readings wait for nothing")
    seen = gateway.metrics()
    assert seen["oilcan_gateway_connected", "mqtt"] == 1
    assert 0 < seen["oilcan_gateway_readings_total", "accepted"] <= len(fleet)
    assert seen["oilcan_gateway_readings_total", "refused"] == seen["oilcan_gateway_kept_aside_total",
                                                                    "refused_by_service"]
    assert 0 <= time.time() - seen["oilcan_gateway_service_answered_timestamp_seconds",] < 600
    assert gateway.stop() == 0, gateway.log()
    assert plant.node.rebirths == 0
    assert {entry["origin"] for entry in gateway.kept_aside()} == {"rows/M1", *(f"rows/nobody{n}" for n in range(151))}
    reference = by_http(serve, fleet, columns, tmp_path)
    assert readings(server) == readings(reference)
    assert forecasts(server) == forecasts(reference)


def by_http(serve: Callable[..., Server], fleet: pd.DataFrame, columns: list[str], tmp_path: Path) -> Server:
    reference = serve(clock="data", store=f"sqlite:///{tmp_path / 'reference.db'}")
    reference.store = f"sqlite:///{tmp_path / 'reference.db'}"
    body = {"machine_id": fleet["machine_id"].tolist(), "time": [time.isoformat() for time in fleet["time"]],
            "columns": {name: fleet[name].astype(object).where(fleet[name].notna(), None).tolist() for name in columns}}
    answer = httpx.post(f"{reference.url}/v1/telemetry", json=body, timeout=60)
    assert answer.json()["accepted"] == len(fleet), answer.text
    return reference


def readings(server: Server) -> list[tuple]:
    table = stored(server.store, "readings")[["machine_id", "time", "numbers"]]
    return sorted(table.itertuples(index=False, name=None))


def forecasts(server: Server) -> list[dict]:
    listed = httpx.get(f"{server.url}/v1/machines?size=500", timeout=60).json()["machines"]
    return sorted(({name: value for name, value in one.items() if name.startswith(("p_", "rul_", "machine_id", "time"))}
                   for one in listed), key=lambda one: one["machine_id"])


def test_a_service_that_is_away_stops_the_broker_and_not_the_memory_of_the_gateway(broker, serve, fleet, tmp_path):
    """The window holds; connections that break in the meantime add nothing to it."""
    columns = [name for name in fleet if name not in {"machine_id", "time"}]
    server = serve(clock="data")
    stop = threading.Event()
    rules = section(GatewayRules, rules_of(broker, server.url, tmp_path / "state", columns, window=40, keep_alive="2s"),
                    "gateway.yaml")
    gateway = Gateway(rules, {}, stop)
    thread = threading.Thread(target=gateway.run)
    rows = fleet[fleet["machine_id"] == fleet["machine_id"].iloc[0]]
    with publisher(broker) as client:
        thread.start()
        wait_until(lambda: broker_knows(broker), "the gateway does not subscribe")
        server.kill()
        publish_all(client, [(f"rows/{row['machine_id']}-{copy}", {"ts": row["time"].isoformat()} | values_of(row))
                             for copy in range(5) for row in rows.to_dict("records")])
        wait_until(lambda: gateway.waiting == 40, "the window does not fill")
        most = gateway.waiting
        for _ in range(3):
            broker.save()
            broker.kill()
            broker.start()
            wait_until(lambda: broker_knows(broker), "the gateway does not come back")
            most = max(most, gateway.waiting)
        server.start()
        wait_until(lambda: rows_in(server) == 5 * len(rows), "not all readings arrive")
    stop.set()
    thread.join()
    assert most == 40


def broker_knows(broker: Broker) -> bool:
    return broker.log().count("as oilcan-gateway") >= broker.starts


def test_a_mapping_to_unknown_columns_is_refused_at_the_start(broker, serve, tmp_path):
    server = serve()
    gateway = GatewayProcess(rules_of(broker, server.url, tmp_path / "state", ["vibration_mm_s", "tyop"]), tmp_path)
    gateway.start()
    assert gateway.process.wait(20) == 1
    assert "columns that the service does not take (found ['tyop']" in gateway.log()
