"""The next save repairs one that failed: the point to replay from never moves past what is saved."""

import threading

import pytest

from oilcan.ground.errors import StoreUnavailable
from oilcan.io.stores import open_store
from oilcan.io.stores.log_entries import Cursor
from oilcan.serving.live.snapshot_saving import Saver
from oilcan.serving.live.write_pipeline import Busy


class Served:
    digest = "f00d"


class Track:
    engine, served = "plan", Served


def test_machines_of_a_failed_save_are_saved_by_the_next(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/service.db")
    store.put_machines({"a": {}, "b": {}}, 1)
    changed, fails = [["a"], ["b"]], [True, False, False]

    def dump(_track, names):
        if fails.pop(0):
            raise StoreUnavailable("away")
        return {name: name.encode() for name in names}, {}

    saver = Saver(store, mark=lambda: (Track, changed.pop(0), Cursor()), dump=dump, clock=lambda: 2, every_s=60,
                  done=lambda _upto: None, is_due=lambda: True, also=lambda: None)
    with pytest.raises(StoreUnavailable):
        saver.save()
    saver.save()
    assert {name: each.state for name, each in store.snapshots.load("plan").items()} == {"a": b"a", "b": b"b"}
    store.close()


def test_a_round_that_finds_the_pipeline_full_is_made_good_by_the_next(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/service.db")
    store.put_machines({"a": {}}, 1)
    is_full, saved = [True], threading.Event()

    def mark():
        if is_full and is_full.pop():
            raise Busy("full")
        return Track, ["a"], Cursor()

    saver = Saver(store, mark=mark, dump=lambda _track, names: (dict.fromkeys(names, b"state"), {}), clock=lambda: 2,
                  every_s=0.01, done=lambda _upto: saved.set(), is_due=lambda: True, also=lambda: None)
    saver.start()
    assert saved.wait(10)
    saver.rounds.stop()
    saver.save()
    assert store.snapshots.load("plan")["a"].state == b"state"
    store.close()


def test_where_another_process_saves_machines_wait_until_this_one_has_to(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/service.db")
    store.put_machines({"a": {}}, 1)
    is_due, saved, tidied = [False], threading.Event(), threading.Semaphore(0)
    saver = Saver(store, mark=lambda: (Track, ["a"], Cursor()), every_s=0.01, clock=lambda: 2,
                  dump=lambda _track, names: (dict.fromkeys(names, b"state"), {}), done=lambda _upto: saved.set(),
                  is_due=lambda: is_due[0], also=tidied.release)
    saver.start()
    for _ in range(3):
        assert tidied.acquire(timeout=10)
    assert store.snapshots.load("plan") == {}
    is_due[0] = True
    assert saved.wait(10)
    saver.rounds.stop()
    assert store.snapshots.load("plan")["a"].state == b"state"
    store.close()
