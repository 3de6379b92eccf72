"""kill -9 of the real server under load: what was acknowledged is there, once, and in the features."""

import contextlib
import os
import random
import sqlite3
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from tests import online_frames as frames

from oilcan.core.features.arrays import Tables
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import EVENT_KEYS
from oilcan.io.http.replay import Fleet
from oilcan.io.stage import stage_inputs
from oilcan.serving.ground.settings import read_settings
from oilcan.serving.server import make_app

KILLS = int(os.environ.get("OILCAN_TEST_KILLS", "50"))


class Sender(threading.Thread):
    """Sends the fleet's hours in order, each until it is acknowledged."""

    def __init__(self, url: str, fleet: Fleet) -> None:
        super().__init__()
        self._url, self._fleet = url, fleet
        self.acknowledged: list[tuple[str, str]] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        before = None
        with httpx.Client(base_url=self._url, timeout=30) as client:
            for hour in self._fleet.telemetry["time"].drop_duplicates():
                for path, body, readings in self._fleet.bodies(before, hour):
                    if not self._send(client, path, body):
                        return
                    if readings:
                        self.acknowledged += zip(body["machine_id"], body["time"], strict=True)
                before = hour

    def _send(self, client: httpx.Client, path: str, body: dict) -> bool:
        while not self.stopped.is_set():
            try:
                answer = client.post(path, json=body)
            except httpx.TransportError:            # it was killed: nobody knows whether it was stored
                time.sleep(0.02)
                continue
            if answer.status_code == 200:
                return True
            assert answer.status_code == 503, answer.text
        return False


def stored(url: str, table: str) -> pd.DataFrame:
    """Rows of the store, by SQLite itself."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return pd.read_sql_query(f"SELECT * FROM {table} JOIN machines USING (machine)", connection)     # noqa: S608


@pytest.fixture
def repo(_small_repo) -> Path:
    return _small_repo.path


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_fifty_kills_lose_nothing_and_double_nothing_and_the_features_are_those_of_batch(repo, serve):
    dice = random.Random(20260106)
    contract = stage_inputs.read_contract(repo / "datasets/demo_fleet.yaml")
    fleet = Fleet.read(repo / "data/canonical", contract)
    server = serve(snapshot_every_s=0.5, clock="data")
    for body in fleet.descriptions():
        assert httpx.post(f"{server.url}/v1/machines", json=body, timeout=60).status_code == 200
    sender = Sender(server.url, fleet)
    sender.start()
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.02, 0.4))
        server.kill()
        acknowledged = pd.DataFrame(sender.acknowledged[:], columns=["machine_id", "time"]).drop_duplicates()
        found = stored(server.store, "readings")
        assert not found.duplicated(["machine_id", "time"]).any()
        times = exact(pd.to_datetime(acknowledged["time"], utc=True, format="ISO8601"))
        assert set(zip(acknowledged["machine_id"], times.tolist(), strict=True)) <= set(
            zip(found["machine_id"], found["time"], strict=True))
        server.start()
    sender.stopped.set()
    sender.join()
    server.stop()
    check_features(server, repo, fleet, contract)
    server.start()                                  # the fixture stops it


def check_features(server, repo: Path, fleet: Fleet, contract) -> None:
    """What the next process knows is what batch computes of the readings and records in the store."""
    readings, records = stored(server.store, "readings"), stored(server.store, "records")
    tables = {name: table.reset_index(drop=True) for name, table in fleet.records.items()}
    service = make_app(read_settings({}, bundle=repo / "models/bundle", store=server.store,
                                     accept_rejected=True)).state.service
    try:
        while service.waiting_for():
            time.sleep(0.05)
        bundle = service.served.bundle
        keys = fleet.telemetry[["machine_id", "time"]]
        live = frames.Stream(bundle.plan, Tables(telemetry=fleet.telemetry, rows=keys, machines=fleet.machines,
                                                 **tables), contract, bundle.fill_periods, None)
        live.engine = service.live.engine.active.features
        live.slot = dict(zip(live.ids, live.engine.register(live.ids), strict=True))
        live.arrived = places(fleet.telemetry, ["machine_id", "time"], readings)
        for name, table in tables.items():
            found = records[records["record_table"] == name].rename(columns={"kind": EVENT_KEYS[name][-1]})
            live.records[name] = live.in_time[name] = places(table, EVENT_KEYS[name], found)
        assert len(live.arrived) == len(readings) > 1_000
        live.check()
    finally:
        service.close()


def places(table: pd.DataFrame, key: list[str], found: pd.DataFrame) -> set[int]:
    """Positions of the rows of a table that were found in the store."""
    mine = pd.MultiIndex.from_arrays([exact(table[name]) if name == "time" else table[name] for name in key])
    return set(np.flatnonzero(mine.isin(pd.MultiIndex.from_frame(found[key]))).tolist())
