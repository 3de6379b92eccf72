"""kill -9 of a writer, and of the server below it: what was acknowledged is there, once."""

import contextlib
import os
import random
import resource
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

from oilcan.ground.errors import StoreUnavailable
from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.values import Readings

NOW = 1_800_000_000_000_000
PLAIN = Layout("press_line", 2, "instant", ("voltage",), ("V",))
ROWS = 500                              # in a batch; batch k is time k of 500 machines

WRITER = """
import sys
import numpy as np
from oilcan.io.stores import open_store
from tests.service.test_stores_crash import NOW, PLAIN, batch
store = open_store(sys.argv[1])
store.use_layout(PLAIN, NOW)
for number in range(int(sys.argv[2]), 10_000):
    store.append(batch(number), NOW)
    print(number, flush=True)
"""


def batch(number: int) -> Readings:
    return Readings([f"m{at}" for at in range(ROWS)], np.full(ROWS, number), np.full((ROWS, 1), float(number)))


def killed_writer(url: str, start: int, dice: random.Random) -> int:
    """Number of the last batch that a writer had acknowledged when it was killed in the middle of the next."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(start)], stdout=subprocess.PIPE, text=True,
                              env=os.environ | {"PYTHONPATH": os.pathsep.join([".", *sys.path])})
    last = [int(writer.stdout.readline()) for _ in range(dice.randint(1, 6))][-1]
    time.sleep(dice.uniform(0, 0.02))
    writer.kill()
    rest = writer.communicate()[0].split()
    return int(rest[-1]) if rest else last


def test_acknowledged_readings_survive_kill_9_and_none_is_there_twice(store_url):
    dice, start = random.Random(7), 0
    for _ in range(3):
        last = killed_writer(store_url, start, dice)
        store = open_store(store_url)
        store.use_layout(PLAIN, NOW)
        found = store.readings(limit=10**6)
        keys = set(zip(found.machine_ids, found.times.tolist(), strict=True))
        batches = len(keys) // ROWS
        assert len(keys) == len(found) == batches * ROWS            # whole batches only, nothing twice
        assert batches in {last + 1, last + 2}                      # the one in flight may have been committed
        assert (found.values[:, 0] == found.times).all()
        start = last + 1                # as a client that got no answer: the batch in flight is sent again
        store.close()


def test_acknowledged_readings_survive_the_crash_of_the_server_and_the_store_goes_on(postgres):
    store = open_store(postgres.fresh())
    store.use_layout(PLAIN, NOW)
    store.append(batch(0), NOW)
    postgres.stop("immediate")
    with pytest.raises(StoreUnavailable, match="Check that the server runs"):
        store.append(batch(1), NOW)
    postgres.start()
    assert store.append(batch(1), NOW).is_new.all()
    assert len(store.readings()) == 2 * ROWS
    postgres.stop("immediate")
    postgres.start()                    # between two requests: nobody notices
    assert len(store.readings()) == 2 * ROWS
    store.close()


def test_a_full_disk_is_told_and_costs_nothing_that_was_acknowledged(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'service.db'}")
    store.use_layout(PLAIN, NOW)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, before[1]))      # as a disk that fills up in the middle
    done, said = 0, None
    while said is None and done < 100:
        try:
            store.append(batch(done), NOW)
            done += 1
        except StoreUnavailable as err:
            said = str(err)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "Check the disk" in said
    assert done > 0
    assert len(store.readings(limit=10**6)) == done * ROWS
    assert store.append(batch(done), NOW).is_new.all()
    store.close()


def test_a_file_that_another_program_keeps_locked_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("oilcan.io.stores.databases.sqlite._WAIT_S", 0.05)
    store = open_store(f"sqlite:///{tmp_path / 'service.db'}")
    store.use_layout(PLAIN, NOW)
    with contextlib.closing(sqlite3.connect(tmp_path / "service.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="database is locked"):
            store.append(batch(0), NOW)
        assert len(store.readings()) == 0           # readers do not wait for writers
    assert store.append(batch(0), NOW).is_new.all()
    store.close()
