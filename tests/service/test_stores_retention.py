"""What retention removes, what it never removes, and that the store stays bounded under load."""

from pathlib import Path

import numpy as np
import pytest

from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.log_entries import Cursor
from oilcan.io.stores.tables.alarm_table import ClosedAlarm, NewAlarm
from oilcan.io.stores.tables.forecast_table import Forecasts
from oilcan.io.stores.values import Readings, Record

DAY = 86_400_000_000
NOW = 20_000 * DAY
PLAIN = Layout("press_line", 2, "instant", ("voltage",), ("V",))


@pytest.fixture
def store(store_url, monkeypatch):
    monkeypatch.setattr("oilcan.io.stores.retention._STEP", 7)      # many steps with few rows
    store = open_store(store_url)
    store.use_layout(PLAIN, NOW)
    yield store
    store.close()


def append(store, now: int, *times: int, machine: str = "a") -> Cursor:
    store.append(Readings([machine] * len(times), np.array(times), np.zeros((len(times), 1))), now)
    cursor = Cursor()
    while (page := store.changes(cursor)).cursor != cursor:
        cursor = page.cursor
    return cursor


def test_old_readings_go_once_every_engine_has_them_and_young_ones_stay(store):
    cursor = append(store, NOW - 40 * DAY, *range(50))
    append(store, NOW - DAY, *range(50, 60))
    assert store.retain(NOW, 30 * DAY, DAY)["readings"] == 0        # no engine has anything
    store.snapshots.save("plan-1", {"a": b""}, cursor, NOW)
    store.snapshots.save("plan-2", {"b": b""}, cursor, NOW)
    assert store.retain(NOW, 30 * DAY, DAY)["readings"] == 0        # the second engine lacks this machine
    store.snapshots.forget("plan-2")
    assert store.retain(NOW, 30 * DAY, DAY)["readings"] == 50
    assert store.readings("a").times.tolist() == list(range(50, 60))


def test_readings_after_a_snapshot_stay_however_old(store):
    cursor = append(store, NOW - 40 * DAY, *range(20))
    append(store, NOW - 39 * DAY, *range(20, 50))
    store.snapshots.save("plan", {"a": b""}, cursor, NOW)
    assert store.retain(NOW, 30 * DAY, DAY)["readings"] == 20
    assert store.readings("a").times.tolist() == list(range(20, 50))


def test_a_number_is_never_given_again_after_everything_old_went(store):
    cursor = append(store, NOW - 40 * DAY, *range(20))
    store.snapshots.save("plan", {"a": b""}, cursor, NOW)
    store.retain(NOW, 30 * DAY, DAY)
    append(store, NOW, 100)
    assert store.changes(cursor).readings.times.tolist() == [100]


def test_labels_stay_and_old_errors_go(store):
    for table in ("errors", "maintenance", "failures"):
        store.add_records(table, [Record("a", at, "E") for at in range(10)], NOW - 400 * DAY)
    store.add_records("errors", [Record("a", 99, "E")], NOW)
    append(store, NOW, 1)
    store.snapshots.save("plan", {"a": b""}, store.changes(Cursor()).cursor, NOW)
    assert store.retain(NOW, 30 * DAY, DAY)["records"] == 10
    assert [len(store.records(table)) for table in ("errors", "maintenance", "failures")] == [1, 10, 10]


def test_open_alarms_and_the_forecasts_behind_alarms_stay(store):
    ids = store.forecast_ids(30)
    store.log_forecasts(Forecasts("f00d", 2, "active", ("p",), np.array(ids), ["a"] * 30, np.arange(30),
                                  np.zeros((30, 1))), NOW - 400 * DAY)
    opened = [NewAlarm("a", task, 1, 0.9, 0.5, [], ids[at]) for at, task in enumerate(("closed", "open", "newest"))]
    keys = [key for key, _ in store.change_alarms(opened, NOW - 400 * DAY)]
    store.acknowledge(keys[0], "ann", NOW - 400 * DAY, "seen")
    store.change_alarms([ClosedAlarm("a", "closed", 1)], NOW - 399 * DAY)
    counts = store.retain(NOW, 30 * DAY, 365 * DAY)
    assert (counts["alarms"], counts["forecasts"]) == (1, 28)
    assert {alarm.task for alarm in store.alarms()} == {"open", "newest"}
    assert [store.forecast(ids[at]) is None for at in (0, 1, 2)] == [True, False, False]


def test_an_engine_out_of_use_no_longer_holds_readings(store):
    append(store, NOW - 40 * DAY, *range(20))
    store.snapshots.save("old", {"a": b""}, Cursor(), NOW - 40 * DAY)
    assert store.retain(NOW, 30 * DAY, DAY)["snapshots"] == 0       # the only one there is
    store.snapshots.save("new", {"a": b""}, store.changes(Cursor()).cursor, NOW)
    counts = store.retain(NOW, 30 * DAY, DAY)
    assert (counts["snapshots"], counts["readings"]) == (1, 19)     # all but the newest row of the table


def test_the_file_stays_bounded_under_sustained_load(tmp_path):
    path = tmp_path / "service.db"
    store = open_store(f"sqlite:///{path}")
    store.use_layout(PLAIN, NOW)
    names, cursor, sizes = [f"m{at}" for at in range(200)], Cursor(), []
    for hour in range(120):
        now = NOW + hour * DAY // 24
        store.append(Readings(names, np.full(200, hour), np.zeros((200, 1))), now)
        ids = store.forecast_ids(200)
        store.log_forecasts(Forecasts("f00d", 2, "active", ("p",), np.array(ids), names, np.full(200, hour),
                                      np.zeros((200, 1))), now)
        cursor = store.changes(cursor).cursor
        store.snapshots.save("plan", dict.fromkeys(names, bytes(500)), cursor, now)
        if hour % 6 == 5:
            store.retain(now, DAY, DAY)
            sizes.append(sum(file.stat().st_size for file in Path(tmp_path).iterdir()))
    store.close()
    assert len(sizes) == 20
    assert max(sizes[10:]) <= 1.1 * max(sizes[4:10])
