"""Readings by month in PostgreSQL beside one table: what intake costs, and what it costs to forget a month.

    python benchmarks/serving/months.py [--machines 200]

The one table is what a store of machines that count cycles has: the partition for readings of no month. Both take
turns on one server of their own. Processor time is that of this process and of the server; WAL is what the server
wrote ahead.
"""

import argparse
import contextlib
import time
from collections.abc import Callable
from typing import Final

import numpy as np
import psycopg
from replicas import postgres, spent

from oilcan.io.stores import Store, open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.values import Readings

_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR
_COLUMNS: Final = 8
_MONTHS: Final = 4
_START: Final = int(np.datetime64("2026-01-01", "us").astype(np.int64))
_DAYS_TO_FORGET: Final = (31, 28)       # of January, of February
_SLACK: Final = 2               # days: a reading is received after its time, and a bucket may end after its month
KINDS: Final = {"one table": "cycle", "months": "instant"}


def hours(machines: int, first: int, count: int, rng: np.random.Generator) -> Readings:
    """So many hours of a fleet, from an instant on."""
    names = [f"machine-{at:05d}" for at in range(machines)]
    times = np.repeat(first + np.arange(count) * _HOUR, machines)
    return Readings(names * count, times, rng.normal(50, 5, (len(times), _COLUMNS)))


def opened(url: str, kind: str) -> Store:
    """The store of a kind; each lies in a database of its own."""
    store = open_store(url)
    columns = tuple(f"sensor_{at}" for at in range(_COLUMNS))
    store.use_layout(Layout("bench", 1, kind, columns, ("",) * _COLUMNS, _HOUR), _START)
    return store


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=200)
    machines = parser.parse_args().machines
    with postgres() as server, contextlib.ExitStack() as stack:
        stores = {}
        for name, kind in KINDS.items():
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {kind}")
            stores[name] = opened(server.url(kind), kind)
            stack.callback(stores[name].close)

        def measured(store: Store, work: Callable[[], object]) -> np.ndarray:
            """Processor time of this process and of the server [s], WAL [MiB]."""
            def now() -> np.ndarray:
                with psycopg.connect(server.url()) as connection:
                    wal = connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()
                return np.array([time.process_time(), spent([], server)[1], float(wal[0]) / 2**20 if wal else np.nan])

            before = now()
            work()
            store.database.read(lambda tx: tx.rows("SELECT 1"))
            return now() - before

        days = (_MONTHS * 30) // 4
        taken = {name: np.zeros(3) for name in stores}
        for part in range(4):
            for name, store in stores.items():
                rng = np.random.default_rng(part)

                def fill(store: Store = store, rng: np.random.Generator = rng, part: int = part) -> None:
                    for day in range(part * days, (part + 1) * days):
                        store.append(hours(machines, _START + day * _DAY, 24, rng), _START + (day + 1) * _DAY)

                taken[name] += measured(store, fill)
        rows = machines * 24 * days * 4
        print(f"intake of {rows:,} readings: CPU of the client, of the server [us a reading]; WAL [bytes a reading]")
        for name, cost in taken.items():
            print(f"  {name:10} {cost[0] / rows * 1e6:6.1f} {cost[1] / rows * 1e6:6.1f} {cost[2] / rows * 2**20:7.0f}")
        print("forgetting a month: rows; CPU of the client, of the server [s]; WAL [MiB]")
        forgotten = 0
        for month in _DAYS_TO_FORGET:
            forgotten += month
            for name, store in stores.items():
                now = _START + _MONTHS * 30 * _DAY
                snapshots = {f"machine-{at:05d}": b"" for at in range(machines)}
                store.snapshots.save("plan", snapshots, store.end(), now)
                kept, gone = now - _START - (forgotten + _SLACK) * _DAY, [0]

                def forget(store: Store = store, kept: int = kept, gone: list[int] = gone, now: int = now) -> None:
                    gone[0] = store.retain(now, kept, kept)["readings"]

                cost = measured(store, forget)
                print(f"  {name:10} {gone[0]:9,} {cost[0]:6.2f} {cost[1]:6.2f} {cost[2]:7.1f}")


if __name__ == "__main__":
    main()
