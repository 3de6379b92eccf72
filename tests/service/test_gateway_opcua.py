"""`oilcan gateway` between a real OPC UA server and the real service: whatever stops, nothing is lost or doubled."""

import contextlib
import json
import math
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from asyncua import ua
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.service.conftest import Serve, Server
from tests.service.opcua_server import PASSWORD, SPACE, PlantServer, own_certificate
from tests.service.test_gateway import GatewayProcess, by_http, forecasts, readings, rows_in, values_of
from tests.service.test_kill import stored
from tests.waiting import wait_until

from oilcan.gateway.gateway_metrics import GatewayCollector
from oilcan.gateway.running import Gateway
from oilcan.ground.errors import DataError, OilcanError
from oilcan.ground.section import section
from oilcan.params.operating.gateway import GatewayRules

HOURS = 24
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAIR = ["vibration_mm_s", "load_pct"]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlantServer]:
    server = PlantServer(tmp_path_factory.mktemp("plant"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def service(serve_all: Serve) -> Server:
    """One service for machines of several tests."""
    return serve_all()


def rules_of(plant: PlantServer, url: str, folder: Path, machines: list[str], columns: list[str],
             **changed: object) -> dict[str, Any]:
    nodes = [{"node": f"nsu={SPACE};s={{machine}}.{column}", "machines": list(machines), "column": column, "unit": None}
             for column in columns]
    opcua = {"url": plant.url, "user": None, "security": None, "unsecured": False, "sampling": "0.02s",
             "publishing": "0.02s", "queue": 1000, "history": "3d", "timestamp": "source", "spool": 100_000,
             "nodes": nodes}
    return {"service": {"url": url}, "folder": str(folder), "batch": {"rows": 500, "wait": "0.05s"},
            "join": {"wait": "5s", "grid": None}, "machines": None, "mqtt": None, "opcua": opcua | changed}


class Running:
    """A gateway in a thread of this process."""

    def __init__(self, rules: dict[str, Any], environment: dict[str, str] | None = None) -> None:
        self.stop = threading.Event()
        self.gateway = Gateway(section(GatewayRules, rules, "gateway.yaml"), environment or {}, self.stop)
        self.error: OilcanError | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.gateway.run()
        except OilcanError as err:
            self.error = err

    def end(self) -> None:
        self.stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


@contextmanager
def running(rules: dict[str, Any], environment: dict[str, str] | None = None) -> Iterator[Running]:
    one = Running(rules, environment)
    try:
        yield one
    finally:
        one.end()
    assert one.error is None, one.error


def in_spool(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{folder}/spool.db?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM reading").fetchone()[0])


def kept_aside(folder: Path) -> list[dict[str, Any]]:
    file = folder / "kept_aside.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def times_of(server: Server, machine: str) -> list[datetime]:
    table = stored(server.store, "readings")
    times = table.loc[table["machine_id"] == machine, "time"]
    return sorted(EPOCH + timedelta(microseconds=int(time)) for time in times)


def numbers_of(server: Server, machine: str) -> list[list[float]]:
    """The numbers of each reading of a machine, in the order of time."""
    table = stored(server.store, "readings")
    rows = table.loc[table["machine_id"] == machine].sort_values("time")["numbers"]
    return [[number for number in np.frombuffer(row, "<f8") if math.isfinite(number)] for row in rows]


def reasons(folder: Path) -> set[tuple[str, Any]]:
    """Reason and value of each line of what was kept aside, but for nodes without a value so far."""
    lines = [line for line in kept_aside(folder) if "BadWaitingForInitialData" not in line["reason"]]
    return {(re.sub(r".*row \d+\.\w+: | or null.*", "", line["reason"]), line["reading"].get(PAIR[0]))
            for line in lines}


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)


def test_whatever_is_killed_the_store_is_that_of_the_same_readings_by_http(plant, serve, fleet, tmp_path):
    fleet = fleet[fleet["time"] > fleet["time"].max() - pd.Timedelta(hours=HOURS)].reset_index(drop=True)
    fleet["time"] += pd.Timestamp.now(tz="UTC").floor("h") - fleet["time"].max()
    columns = [name for name in fleet if name not in {"machine_id", "time"}]
    machines = sorted(fleet["machine_id"].unique())
    for machine in machines:
        plant.add(machine, columns)
    hours = [(time, rows.to_dict("records")) for time, rows in fleet.groupby("time")]

    def write(part: slice) -> None:
        for time, rows in hours[part]:
            for row in rows:
                values = {name: math.nan if value is None else value for name, value in values_of(row).items()}
                plant.write(row["machine_id"], time.to_pydatetime(), values)

    def rows_until(hour: int) -> int:
        return sum(len(rows) for _, rows in hours[:hour])

    server = serve(clock="data")
    write(slice(0, 4))                                  # in the history before the gateway was ever started
    gateway = GatewayProcess(rules_of(plant, server.url, tmp_path / "state", machines, columns,
                                      spool=rows_until(14) - rows_until(8)), tmp_path)
    gateway.start()
    wait_until(lambda: "connected to" in gateway.log(), "the gateway does not connect", 40)
    write(slice(4, 8))
    wait_until(lambda: rows_in(server) == rows_until(8), gateway.log(), 30)
    server.kill()
    write(slice(8, 12))
    wait_until(lambda: in_spool(gateway.folder) >= rows_until(12) - rows_until(8), gateway.log())
    gateway.kill()
    write(slice(12, 16))                                # only the server's history has it
    plant.stop()
    plant.start()
    gateway.start()
    wait_until(lambda: "the spool is full" in gateway.log(), gateway.log(), 40)
    plant.stop()                                        # the session is gone, the gateway is not
    plant.start()
    write(slice(16, 20))
    server.start()
    write(slice(20, HOURS))
    wait_until(lambda: rows_in(server) == len(fleet), f"{rows_in(server)} of {len(fleet)}\n{gateway.log()}", 60)
    assert gateway.stop() == 0, gateway.log()
    assert {line["reason"] for line in gateway.kept_aside()} <= {"status: found BadWaitingForInitialData, wanted Good"}
    assert re.search(r"gateway: ends; .*\b0 conflicts", gateway.log()), gateway.log()
    reference = by_http(serve, fleet, columns, tmp_path)
    assert readings(server) == readings(reference)
    assert forecasts(server) == forecasts(reference)


def test_values_that_cannot_be_used_are_kept_aside_with_their_reason(plant, service, tmp_path):
    plant.add("bad", PAIR)
    plant.add("list", PAIR[:1], example=[0.0])
    plant.add("text", PAIR[:1], example="")
    rules = rules_of(plant, service.url, tmp_path, ["bad"], PAIR)
    rules["opcua"]["nodes"][0]["machines"] += ["list", "text"]
    rules["join"]["wait"] = "1s"
    times = [hours_ago(hours) for hours in (9, 8, 7, 6, 5)]
    with running(rules) as one:
        for time, value, status in zip(times, (1.0, 2.0, 3.0, math.inf, 4.0),
                                       (0, ua.StatusCodes.BadSensorFailure, ua.StatusCodes.UncertainLastUsableValue, 0,
                                        ua.StatusCodes.GoodClamped), strict=True):
            plant.write("bad", time, {PAIR[0]: value}, status)
            plant.write("bad", time, {PAIR[1]: 50.0})
        plant.write("bad", None, {PAIR[0]: 5.0})
        plant.write("list", times[0], {PAIR[0]: [1.0, 2.0]})
        plant.write("text", times[0], {PAIR[0]: "much"})
        wait_until(lambda: len(numbers_of(service, "bad")) == 5 and len(reasons(tmp_path)) >= 6,
                   f"{numbers_of(service, 'bad')} {reasons(tmp_path)}")
        shown = {sample.name: sample.value for family in GatewayCollector(one.gateway).collect()
                 for sample in family.samples if sample.labels in ({}, {"source": "opcua"}, {"why": "unusable_value"})}
        assert shown["oilcan_gateway_connected"] == 1
        assert shown["oilcan_gateway_kept_aside_total"] == 5           # the service refuses the others
        assert shown["oilcan_gateway_spool_readings"] >= 0
    assert re.search(r"\b[5-9] bad values", one.gateway.summary())
    assert [sorted(numbers) for numbers in numbers_of(service, "bad")] == [[1, 50], [50], [50], [50], [4, 50]]
    assert reasons(tmp_path) == {
        ("status: found BadSensorFailure, wanted Good", 2.0),
        ("status: found UncertainLastUsableValue, wanted Good", 3.0),
        (f"{PAIR[0]}: found inf, wanted a finite number", "inf"), ("source timestamp: found none, wanted one", 5.0),
        (f"{PAIR[0]}: found list, wanted a single value", "[1.0, 2.0]"),
        ("found the text 'much', wanted a number", "much")}


def test_a_file_that_does_not_fit_the_server_is_refused_with_all_its_faults(plant, service, tmp_path):
    plant.add("units", PAIR, unit="mm/s")
    rules = rules_of(plant, service.url, tmp_path, ["units", "nobody"], PAIR)
    for node, unit in zip(rules["opcua"]["nodes"], ("in/s", "mm/s"), strict=True):
        node["unit"] = unit
    one = Running(rules)
    wait_until(one.stop.is_set, "the gateway goes on")
    one.end()
    assert isinstance(one.error, DataError)
    for fault in (f"nobody.{PAIR[0]}: found BadNodeIdUnknown", f"nobody.{PAIR[1]}: found BadNodeIdUnknown",
                  f"units.{PAIR[0]}: found unit 'mm/s', wanted 'in/s'"):
        assert fault in str(one.error)
    assert f"units.{PAIR[1]}" not in str(one.error)


def test_a_node_that_the_server_forgets_is_looked_for_and_its_history_read(plant, service, tmp_path, monkeypatch):
    monkeypatch.setattr("oilcan.gateway.opcua.opcua_source._MISSING_S", 0.1)
    plant.add("lost", PAIR)
    plant.add("kept", PAIR)
    with running(rules_of(plant, service.url, tmp_path, ["lost", "kept"], PAIR)):
        plant.write("lost", hours_ago(3), dict.fromkeys(PAIR, 1.0))
        wait_until(lambda: len(times_of(service, "lost")) == 1, "the first reading does not arrive")
        plant.stop()
        plant.remove("lost", PAIR)
        plant.start()
        plant.write("kept", hours_ago(2), dict.fromkeys(PAIR, 1.0))
        wait_until(lambda: len(times_of(service, "kept")) == 1, "the other machine waits for the one that is gone")
        plant.record("lost", hours_ago(2), dict.fromkeys(PAIR, 2.0))
        plant.add("lost", PAIR)
        wait_until(lambda: len(times_of(service, "lost")) == 2, "the node that is back is not found")


def test_a_server_that_stops_while_its_history_is_read_is_asked_again(plant, service, tmp_path):
    """Though it knew all nodes once, and one of them no more."""
    plant.add("slow", PAIR)
    plant.add("gone", PAIR)
    plant.write("slow", hours_ago(3), dict.fromkeys(PAIR, 1.0))
    plant.hold_history(is_held=True)
    asked = plant.history_asked
    with running(rules_of(plant, service.url, tmp_path, ["slow", "gone"], PAIR)):
        wait_until(lambda: plant.history_asked > asked, "the history is not asked for")
        plant.stop()
        plant.remove("gone", PAIR)
        plant.hold_history(is_held=False)
        plant.start()
        wait_until(lambda: len(times_of(service, "slow")) == 1, "the reading does not arrive")


def test_a_clock_that_jumps_loses_nothing(plant, service, tmp_path):
    """A year ahead and back, with the gateway away at the worst moment; and back by an hour."""
    plant.add("jump", PAIR)
    times = [hours_ago(hours) for hours in (6, 5, 4, 4.5, 3)]
    rules = rules_of(plant, service.url, tmp_path, ["jump"], PAIR)
    with running(rules):
        plant.write("jump", times[0], dict.fromkeys(PAIR, 1.0))
        plant.write("jump", datetime.now(UTC) + timedelta(days=365), dict.fromkeys(PAIR, 2.0))
        wait_until(lambda: reasons(tmp_path), "the reading of next year is not refused")
    plant.write("jump", times[1], dict.fromkeys(PAIR, 3.0))
    with running(rules):
        plant.write("jump", times[2], dict.fromkeys(PAIR, 4.0))
        plant.write("jump", times[3], dict.fromkeys(PAIR, 5.0))
        plant.write("jump", times[4], dict.fromkeys(PAIR, 6.0))
        wait_until(lambda: len(times_of(service, "jump")) == 5, f"{times_of(service, 'jump')}")
    assert times_of(service, "jump") == sorted(times)


def test_what_the_servers_queue_dropped_is_read_from_its_history(plant, service, tmp_path):
    plant.add("flood", PAIR)
    times = [hours_ago(hours) for hours in (3, 2, 1)]
    with running(rules_of(plant, service.url, tmp_path, ["flood"], PAIR)):
        plant.write("flood", times[0], dict.fromkeys(PAIR, 1.0))
        wait_until(lambda: len(times_of(service, "flood")) == 1, "the first reading does not arrive")
        plant.record("flood", times[1], dict.fromkeys(PAIR, 2.0))
        plant.write("flood", times[2], dict.fromkeys(PAIR, 3.0), status=0x480)
        wait_until(lambda: times_of(service, "flood") == times, "what was dropped does not arrive")


def test_a_signed_session_with_the_server_whose_certificate_is_known(plant, service, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("oilcan.gateway.opcua.opcua_session._TIMEOUT_S", 2.0)      # a server is silent to strangers
    plant.add("secret", PAIR)
    plant.write("secret", hours_ago(3), dict.fromkeys(PAIR, 1.0))
    certificate, key = own_certificate(tmp_path, "gateway", ExtendedKeyUsageOID.CLIENT_AUTH)
    stranger, _ = own_certificate(tmp_path, "stranger", ExtendedKeyUsageOID.SERVER_AUTH)
    security = {"policy": "Basic256Sha256", "mode": "SignAndEncrypt", "certificate": str(certificate), "key": str(key)}

    def rules(server_certificate: Path) -> dict[str, Any]:
        return rules_of(plant, service.url, tmp_path, ["secret"], PAIR, user="gateway",
                        security=security | {"server_certificate": str(server_certificate)})

    for refused, password in ((rules(stranger), PASSWORD), (rules(plant.certificate), "wrong")):
        caplog.clear()
        with running(refused, {"OILCAN_OPCUA_PASSWORD": password}):
            wait_until(lambda: "no session" in caplog.text, caplog.text)
        assert "connected to" not in caplog.text
    assert times_of(service, "secret") == []
    with running(rules(plant.certificate), {"OILCAN_OPCUA_PASSWORD": PASSWORD}):
        wait_until(lambda: len(times_of(service, "secret")) == 1, caplog.text)
