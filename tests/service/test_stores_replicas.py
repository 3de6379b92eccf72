"""Several processes on one store: no change is ever missed, nothing stands still."""

import random
import threading
import time

import numpy as np
import pytest

from oilcan.io.stores import open_store
from oilcan.io.stores.values import Cursor, Layout, Readings, Record

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


def test_a_row_that_is_committed_late_is_not_overtaken(opened, postgres):
    url = postgres.fresh()
    slow, quick, reader = opened(url), opened(url), opened(url)
    machine, began, go_on = int(slow.numbers_of(["slow"], NOW)[0]), threading.Event(), threading.Event()

    def work(tx):
        slow.database.insert_readings(tx, np.array([[0, machine, 1]]), np.zeros((1, 1)), 1, NOW)
        began.set()
        go_on.wait(20)

    thread = threading.Thread(target=slow.database.write, args=(work,))
    thread.start()
    began.wait(20)
    quick.append(batch("quick", 1), NOW)            # later number, earlier commit
    held = reader.changes(Cursor())
    go_on.set()
    thread.join()
    assert held.readings.machine_ids == []
    assert sorted(reader.changes(held.cursor).readings.machine_ids) == ["quick", "slow"]


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


def test_cursors_stay_true_on_a_server_that_has_counted_less_than_the_one_restored_from(opened, postgres):
    url = postgres.fresh()
    store = opened(url)
    store.append(batch("a", 1, 2), NOW)
    store.add_records("errors", [Record("a", 1, "E")], NOW)
    for statement in ("UPDATE readings SET transaction_id = ?", "UPDATE records SET transaction_id = ?"):
        store.database.write(lambda tx, statement=statement: tx.run(statement, (2**50,)))
    again, third = opened(url), opened(url)         # as after a restore; it is noticed once
    found = again.changes(Cursor())
    assert (found.readings.times.tolist(), len(found.records)) == ([1, 2], 1)
    assert third.append(batch("a", 2, 3), NOW).is_new.tolist() == [False, True]
    assert again.changes(found.cursor).readings.times.tolist() == [3]
