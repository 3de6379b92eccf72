"""Several processes on one store: no change is ever missed, nothing stands still."""

import random
import threading
import time

import numpy as np
import pytest

from oilcan.ground.errors import StoreReplaced, StoreUnavailable
from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.log_entries import Admission, Cursor, ReadingsBatch
from oilcan.io.stores.tables.state_table import PolicyRow
from oilcan.io.stores.values import Readings, Record

NOW = 1_800_000_000_000_000
PLAIN = Layout("press_line", 2, "instant", ("voltage",), ("V",))


@pytest.fixture
def opened():
    stores = []

    def opened(url: str):
        stores.append(open_store(url))
        stores[-1].use_layout(PLAIN, NOW)
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


def batch(machine: str, *times: int) -> Readings:
    return Readings([machine] * len(times), np.array(times), np.zeros((len(times), 1)))


def test_a_write_that_commits_late_is_not_overtaken(opened, postgres, monkeypatch):
    url = postgres.fresh()
    slow, quick, reader = opened(url), opened(url), opened(url)
    began, go_on, insert = threading.Event(), threading.Event(), slow.database.insert_readings

    def waiting(*arguments):
        began.set()
        assert go_on.wait(20)
        return insert(*arguments)

    monkeypatch.setattr(slow.database, "insert_readings", waiting)
    threads = [threading.Thread(target=store.append, args=(batch(name, 1), NOW))
               for store, name in ((slow, "slow"), (quick, "quick"))]
    threads[0].start()
    assert began.wait(20)
    threads[1].start()                              # begins later; waits for the lock of the log
    held = reader.changes(Cursor())
    go_on.set()
    for thread in threads:
        thread.join()
    assert held.entries == []
    assert [each.readings.machine_ids for each in reader.changes(held.cursor).entries] == [["slow"], ["quick"]]


def test_a_reader_beside_many_writers_sees_every_change_once(opened, store_url, monkeypatch):
    writers, reader = [opened(store_url) for _ in range(3)], opened(store_url)
    for store in writers:
        monkeypatch.setattr(store.database, "insert_readings", slowly(store.database.insert_readings))

    def work(who: int) -> None:
        for at in range(25):
            writers[who].append(batch(f"m{who}", 2 * at, 2 * at + 1), NOW)
            writers[who].add_records("errors", [Record(f"m{who}", at, "E")], NOW)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    seen, cursor, idle = [], Cursor(), 0
    while idle < 2:
        idle += not any(thread.is_alive() for thread in threads)    # one more look after the last commit
        page = reader.changes(cursor, limit=7)
        while page.cursor != cursor:
            cursor = page.cursor
            seen += list(zip(page.readings.machine_ids, page.readings.times.tolist(), strict=True))
            seen += [(row.machine_id, f"error {row.time}") for row in page.records]
            page = reader.changes(cursor, limit=7)
    wanted = [(f"m{who}", at) for who in range(3) for at in [*range(50), *(f"error {at}" for at in range(25))]]
    assert sorted(map(str, seen)) == sorted(map(str, wanted))


def slowly(insert):
    dice = random.Random(1)

    def inserted(*arguments):
        done = insert(*arguments)
        time.sleep(dice.uniform(0, 0.005))          # so that commits overlap in every order
        return done

    return inserted


def test_writers_of_the_same_rows_in_opposite_orders_agree(opened, store_url):
    stores = [opened(store_url) for _ in range(2)]
    rows = [(f"m{at}", time) for at in range(40) for time in range(5)]
    new = [0, 0]

    def work(who: int) -> None:
        for _ in range(10):
            mine = random.Random(who).sample(rows, len(rows))
            said = stores[who].append(Readings([row[0] for row in mine], np.array([row[1] for row in mine]),
                                               np.zeros((len(mine), 1))), NOW)
            new[who] += int(said.is_new.sum())

    threads = [threading.Thread(target=work, args=(who,)) for who in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(new) == len(rows) == len(stores[0].readings())


def test_a_log_that_was_put_in_the_place_of_another_is_noticed(opened, store_url):
    store = opened(store_url)
    for at in range(3):
        store.append(batch("a", at), NOW)
    cursor = store.end()
    store.database.write(lambda tx: tx.run("DELETE FROM log WHERE number = 3"))     # restored from before it
    with pytest.raises(StoreReplaced, match=r"entry 3 is missing or another one, the last is 2"):
        store.changes(cursor)
    store.append(batch("a", 7), NOW)                # another entry with the same number
    with pytest.raises(StoreReplaced, match=r"entry 3 is missing or another one, the last is 3"):
        store.changes(cursor)


def test_a_request_that_is_not_let_in_leaves_the_others_of_its_group_alone(opened, store_url):
    store = opened(store_url)
    write = store.write_readings([ReadingsBatch(batch(name, 1)) for name in ("a", "b", "a")], NOW, Admission(1))
    assert [each.is_stranger.tolist() for each in write.outcomes] == [[False], [True], [False]]
    assert [each.appended.is_new.tolist() for each in write.outcomes] == [[True], [False], [False]]
    assert [each.machine_id for each in store.machines()] == ["a"]


def test_a_machine_made_known_at_one_replica_is_known_at_the_others(opened, postgres):
    url = postgres.fresh()
    first, second = opened(url), opened(url)
    first.put_machines({"a": {}}, NOW)
    write = second.write_readings([ReadingsBatch(batch(name, 1)) for name in ("a", "b")], NOW, Admission(0))
    assert [each.is_stranger.tolist() for each in write.outcomes] == [[False], [True]]


def test_a_text_has_one_number_at_every_replica_also_after_a_write_that_failed(opened, postgres, monkeypatch):
    url = postgres.fresh()
    first, second = opened(url), opened(url)

    def texts(time: int, *given: str) -> Readings:
        return Readings(["a"] * len(given), np.arange(time, time + len(given)), np.arange(len(given))[:, None] * 1.0,
                        texts={"voltage": given})

    with monkeypatch.context() as patched:
        patched.setattr(first.database, "insert_readings", broken)
        with pytest.raises(StoreUnavailable, match="away"):
            first.append(texts(0, "wild"), NOW)
    second.append(texts(10, "calm"), NOW)
    first.append(texts(20, "wild", "calm"), NOW)
    for store in (first, second):
        numbers = store.readings("a").values[:, 0]
        assert store.texts.decode("voltage", numbers) == ["calm", "wild", "calm"]


def test_a_replica_that_is_behind_does_not_undo_what_another_saved(opened, store_url):
    store = opened(store_url)
    for at in range(3):
        store.append(batch("a", at), NOW)
    early, late = (entry.cursor for entry in store.changes(Cursor()).entries[::2])
    newer, older = (PolicyRow(looked, 0, False, None, None, 0) for looked in (2, 0))
    store.snapshots.save("engine", {"a": b"newer"}, late, NOW, {"bundle": {"a": newer}})
    store.snapshots.save("engine", {"a": b"older"}, early, NOW, {"bundle": {"a": older}})
    assert store.snapshots.load("engine")["a"].state == b"newer"
    assert store.snapshots.policy("bundle") == {"a": newer}
    store.snapshots.save("engine", {"a": b"the same again"}, late, NOW)
    assert store.snapshots.load("engine")["a"].state == b"the same again"


def broken(*_arguments):
    raise StoreUnavailable("away")
