"""Readings per second that a store takes in durably, against the floor of its own bulk insert of the same bytes.

    python benchmarks/stores.py                                     # SQLite, in a temporary folder
    python benchmarks/stores.py --store postgresql://user@host/db   # drops the schema `oilcan` there!

A batch is one reading of each of so many machines, as an hour of a fleet arrives. `floor` is `executemany` into a table
without any key (SQLite) or COPY (PostgreSQL) of the same bytes, one transaction and one sync of the disk per batch;
both take turns, batch by batch, in the same run. `x` is the median time of an append over that of the floor, `cpu x`
the same for processor time of this process, which says more on a busy machine. `again` sends batches that are there
already. `--history` puts so many hours into the store first. Measure on the disk that will serve.
"""

import argparse
import contextlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from oilcan.io.stores import Store, open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.values import Readings

SIZES = (500, 2_000, 5_000)
WIDTHS = (8, 30)
Floor = Callable[[Readings, list[bytes]], None]


def batches(rows: int, width: int, count: int) -> Iterator[Readings]:
    """Hour after hour of a fleet."""
    rng, names = np.random.default_rng(1), [f"machine-{at:05d}" for at in range(rows)]
    for hour in range(count):
        yield Readings(names, np.full(rows, 1_700_000_000_000_000 + hour * 3_600_000_000),
                       rng.normal(50, 5, (rows, width)))


def timed(work: Callable[..., object], *arguments: object) -> tuple[float, float]:
    """Seconds by the clock and of processor time."""
    started = time.perf_counter(), time.process_time()
    work(*arguments)
    return time.perf_counter() - started[0], time.process_time() - started[1]


def measure(store: Store, floor: Floor, rows: int, width: int, count: int, history: int) -> dict[str, np.ndarray]:
    """Median seconds for a batch, by the clock and of processor time: floor, append, append of what is there."""
    names = tuple(f"sensor_{at}" for at in range(width))
    store.use_layout(Layout("bench", 1, "instant", names, ("",) * width), 1)
    took: dict[str, list[tuple[float, float]]] = {"floor": [], "append": [], "again": []}
    for now, batch in enumerate(batches(rows, width, history + count)):
        if now < history:
            store.append(batch, now)
            continue
        blobs = [row.tobytes() for row in batch.values]
        took["floor"].append(timed(floor, batch, blobs))
        took["append"].append(timed(store.append, batch, now))
    for now, batch in enumerate(batches(rows, width, max(3, count // 5))):
        took["again"].append(timed(store.append, batch, now))
    return {name: np.median(times[1:], axis=0) for name, times in took.items()}     # the first warms up


@contextlib.contextmanager
def sqlite_floor(folder: Path) -> Iterator[Floor]:
    """A file beside the store's, with the same durability."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                      "CREATE TABLE readings (machine INTEGER, time INTEGER, numbers BLOB)"):
        connection.execute(statement)

    def floor(batch: Readings, blobs: list[bytes]) -> None:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO readings VALUES (?, ?, ?)",
                               zip(range(len(batch)), batch.times.tolist(), blobs, strict=True))
        connection.execute("COMMIT")

    yield floor
    connection.close()


@contextlib.contextmanager
def postgres_floor(url: str) -> Iterator[Floor]:
    """A table of the same server; the store there is removed first."""
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS oilcan CASCADE")
        connection.execute("DROP TABLE IF EXISTS public.oilcan_floor")
        connection.execute("CREATE TABLE public.oilcan_floor (machine BIGINT, time BIGINT, numbers BYTEA)")
        connection.commit()

        def floor(batch: Readings, blobs: list[bytes]) -> None:
            sql = "COPY public.oilcan_floor FROM STDIN (FORMAT BINARY)"
            with connection.cursor() as cursor, cursor.copy(sql) as copy:
                copy.set_types(["int8", "int8", "bytea"])
                for row in zip(range(len(batch)), batch.times.tolist(), blobs, strict=True):
                    copy.write_row(row)
            connection.commit()

        yield floor
        connection.execute("DROP TABLE public.oilcan_floor")


@contextlib.contextmanager
def opened(url: str | None) -> Iterator[tuple[Store, Floor]]:
    """An empty store and its floor."""
    folder = Path(tempfile.mkdtemp(prefix="oilcan-bench-"))
    with postgres_floor(url) if url else sqlite_floor(folder) as floor:
        store = open_store(url or f"sqlite:///{folder / 'service.db'}")
        yield store, floor
        store.close()
    shutil.rmtree(folder)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", metavar="URL", help="PostgreSQL to measure (default: SQLite)")
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--history", type=int, default=0, metavar="HOURS")
    args = parser.parse_args()
    print(f"{'rows':>6} {'columns':>7} {'floor/s':>10} {'append/s':>10} {'x':>5} {'cpu x':>5} {'again/s':>10}")
    for rows in SIZES:
        for width in WIDTHS:
            with opened(args.store) as (store, floor):
                took = measure(store, floor, rows, width, args.batches, args.history)
            clock_x, cpu_x = took["append"] / took["floor"]
            print(f"{rows:>6} {width:>7} {rows / took['floor'][0]:>10,.0f} {rows / took['append'][0]:>10,.0f} "
                  f"{clock_x:>5.2f} {cpu_x:>5.2f} {rows / took['again'][0]:>10,.0f}")


if __name__ == "__main__":
    main()
