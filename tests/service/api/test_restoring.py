"""What a service knows after a start from its store alone is what it knew when all of it came in."""

import numpy as np
import pytest
from tests.waiting import wait_until

from oilcan.ground.errors import StoreUnavailable
from oilcan.io.stores.log_entries import Cursor
from oilcan.serving.engine.bundle_track import BundleTrack
from oilcan.serving.engine.following import follow

DAYS = 12           # longer than readings may be late (7 d): a repair told then would begin no new life
USUAL = {"load_pct": 70.0, "speed_rpm": 1500.0, "ambient_c": 15.0, "vibration_mm_s": 3.0, "bearing_temp_c": 60.0}


def columns(hours, start):
    times = np.datetime_as_string(np.datetime64(start, "s") + np.arange(hours) * np.timedelta64(1, "h")).tolist()
    dice = np.random.default_rng(hours)
    return {"machine_id": ["m1"] * hours, "time": [f"{at}Z" for at in times],
            "columns": {name: dice.normal(usual, usual / 10, hours).tolist() for name, usual in USUAL.items()}}


@pytest.fixture
def busy(start):
    """A service that was told of a repair in time, and of twelve days of readings after it."""
    client = start(snapshot_every_s=3600, clock="data")
    assert client.post("/v1/telemetry", json=columns(240, "2025-01-01")).json()["accepted"] == 240
    repair = {"machine_id": "m1", "time": "2025-01-11T00:30:00Z", "component": "bearing"}
    assert client.post("/v1/maintenance", json={"records": [repair]}).json()["accepted"] == 1
    after = columns(DAYS * 24, "2025-01-11T01:00:00")
    assert client.post("/v1/telemetry", json=after).json()["accepted"] == DAYS * 24
    return client


def test_a_repair_begins_a_life_in_a_replay_too(busy):
    live = busy.service.live
    active = live.engine.active
    again = BundleTrack(active.served, list(live.columns), live.store.texts)
    follow(again, live.store, Cursor())
    np.testing.assert_allclose(again.matrix(["m1"]), active.matrix(["m1"]), rtol=1e-6, atol=1e-9)


def test_after_a_start_only_machines_that_were_replayed_are_saved_again(start):
    first = start(snapshot_every_s=3600, clock="data")
    for name in ("m1", "m2"):
        assert first.post("/v1/telemetry", json=columns(24, "2025-01-01") | {"machine_id": [name] * 24}).is_success
    assert first.service.live.saver.save() == 2
    assert first.post("/v1/telemetry", json=columns(1, "2025-01-02")).is_success
    second = start(snapshot_every_s=3600, clock="data")         # the first might have been killed here
    assert second.service.live.saver.save() == 1
    assert start(snapshot_every_s=3600, clock="data").service.live.saver.save() == 0


def test_static_columns_told_after_the_last_snapshot_stand_after_a_kill(start):
    client = start(snapshot_every_s=3600, clock="data")
    client.post("/v1/telemetry", json=columns(24, "2025-01-01"))
    found = []
    for day in ("2023-04-29T00:00:00Z", "2024-04-29T00:00:00Z"):
        client.post("/v1/machines", json={"machines": [{"machine_id": "m1", "model": "P100", "commissioned": day}]})
        found.append(client.service.live.engine.active.matrix(["m1"]))
        if len(found) == 1:
            client.service.live.saver.save()
    after = start(snapshot_every_s=3600, clock="data").service.live.engine.active.matrix(["m1"])
    assert not np.array_equal(*found, equal_nan=True)
    np.testing.assert_array_equal(after, found[1])


def test_forecasts_are_forgotten_though_nothing_can_be_saved(start, monkeypatch):
    client = start(snapshot_every_s=0.05, retention_days=1e-7)

    def fail(*_: object) -> None:
        raise StoreUnavailable("store: fails in this test.")

    monkeypatch.setattr(client.service.store.snapshots, "save", fail)
    assert client.post("/v1/telemetry", json=columns(24, "2025-01-01")).is_success
    store = client.service.store
    assert client.service.log.flush()
    wait_until(lambda: store.forecasts("m1") == [], "forecasts stay, though they are older than asked")
    assert store.snapshots.load(client.service.live.engine.active.engine) == {}
    assert len(store.readings(limit=100)) == 24         # no snapshot has them
