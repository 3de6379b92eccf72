"""Readings by month in PostgreSQL: where they lie, what leaves as a whole, and the way from a store without months."""

import threading
import time

import numpy as np
import psycopg
import pytest

from oilcan.ground.errors import StoreError
from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.databases.migrations import MIGRATIONS
from oilcan.io.stores.databases.months import Months
from oilcan.io.stores.databases.postgres import PostgresDatabase
from oilcan.io.stores.databases.sqlite import SqliteDatabase
from oilcan.io.stores.log_entries import Cursor
from oilcan.io.stores.values import Readings

DAY = 86_400_000_000
# a bucket is a day, so no two months share one
DAILY = Layout("press_line", 2, "instant", ("voltage",), ("V",), DAY // 16)
CYCLES = Layout("press_line", 2, "cycle", ("voltage",), ("V",), 1)


def instant(text: str) -> int:
    return int(np.datetime64(text, "us").astype(np.int64))


def readings(first: str | int, days: int, machine: str = "a", value: float = 0.0) -> Readings:
    begin = instant(first) if isinstance(first, str) else first
    times = begin + np.arange(days) * DAY
    return Readings([machine] * days, times, np.full((days, 1), value))


@pytest.fixture
def url(postgres) -> str:
    return postgres.fresh()


@pytest.fixture
def rows_of(postgres):
    """Rows of each partition that there is."""
    def count() -> dict[str, int]:
        with psycopg.connect(postgres.url()) as connection:
            names = connection.execute("SELECT inhrelid::regclass::text FROM pg_inherits "
                                       "WHERE inhparent = 'oilcan.readings'::regclass ORDER BY 1").fetchall()
            return {name.removeprefix("oilcan."): connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
                    for name, in names}

    return count


@pytest.fixture
def opened(url):
    stores = []

    def begin(layout: Layout = DAILY, now: str = "2026-03-31"):
        stores.append(open_store(url))
        stores[-1].use_layout(layout, instant(now))
        return stores[-1]

    yield begin
    for store in stores:
        store.close()


def covered(store, now: int, *machines: str) -> Cursor:
    """Let a snapshot of each machine hold all there is."""
    store.snapshots.save("plan", dict.fromkeys(machines, b""), store.end(), now)
    return store.end()


def test_rows_lie_in_the_month_of_their_time_and_the_next_month_is_there_before_it_begins(opened, rows_of):
    store = opened()
    store.append(readings("2026-01-30", 40), instant("2026-03-10"))
    assert rows_of() == {"readings_2026_01": 2, "readings_2026_02": 28, "readings_2026_03": 10, "readings_2026_04": 0,
                         "readings_other": 0}


def test_a_clock_that_is_years_wrong_makes_no_month(opened, rows_of):
    store, now = opened(), instant("2026-03-10")
    for first in ("1970-01-01", "2012-05-01", "2031-01-01", "2200-01-01"):
        assert store.append(readings(first, 3), now).is_new.all()
    assert store.append(readings(-(2**62), 3), now).is_new.all()
    assert rows_of() == {"readings_other": 15}
    assert len(store.readings("a")) == 15


def test_cycles_have_no_months(opened, rows_of):
    store = opened(CYCLES)
    store.append(Readings(["a"] * 9, np.arange(9), np.zeros((9, 1))), instant("2026-03-10"))
    assert rows_of() == {"readings_other": 9}


def test_a_reading_counts_once_in_whatever_month_and_whenever_it_comes_again(opened):
    store, now = opened(), instant("2026-03-10")
    batch = readings("2025-11-20", 90)
    assert store.append(batch, now).is_new.all()
    assert store.append(batch, now + DAY).duplicates == 90
    assert opened().append(batch, now + DAY).duplicates == 90
    assert store.append(readings("2025-11-20", 90, value=1.0), now + DAY).is_conflict.all()
    assert store.readings("a").values.ravel().tolist() == [0.0] * 90


def test_months_leave_as_a_whole_once_all_of_them_is_old_and_taken_in(opened, rows_of):
    store, now = opened(), instant("2026-06-20")
    for day in range(150):
        store.append(readings(instant("2026-01-10") + day * DAY, 1), instant("2026-01-10") + day * DAY)
    assert store.retain(now, 60 * DAY, DAY)["readings"] == 0                # in no snapshot
    covered(store, now, "a")
    assert store.retain(now, 60 * DAY, DAY)["readings"] == 22 + 28 + 31     # 21 April is in a month that is not over
    assert list(rows_of()) == ["readings_2026_04", "readings_2026_05", "readings_2026_06", "readings_2026_07",
                               "readings_other"]
    assert store.readings("a").times[0] == instant("2026-04-01")


def test_a_month_with_rows_that_no_snapshot_has_stays(opened, rows_of):
    store, now = opened(), instant("2026-06-20")
    store.append(readings("2026-01-10", 10), instant("2026-01-20"))
    covered(store, now, "a")
    store.append(readings("2026-01-10", 10, "b"), instant("2026-01-20"))
    store.append(readings("2026-06-19", 1), now)
    assert store.retain(now, 60 * DAY, DAY)["readings"] == 10       # what the snapshot has goes row by row
    assert rows_of()["readings_2026_01"] == 10
    covered(store, now, "b")
    assert store.retain(now, 60 * DAY, DAY)["readings"] == 10
    assert "readings_2026_01" not in rows_of()


def test_a_late_row_keeps_itself_and_not_its_month(opened, rows_of):
    store, now = opened(), instant("2026-06-20")
    store.append(readings("2026-01-10", 10), instant("2026-01-20"))
    store.append(readings("2026-01-25", 1), now - DAY)
    store.append(readings("2026-06-19", 1), now)
    covered(store, now, "a")
    assert store.retain(now, 60 * DAY, DAY)["readings"] == 10
    assert rows_of()["readings_2026_01"] == 1
    assert store.retain(now + 61 * DAY, 60 * DAY, DAY)["readings"] == 1
    assert "readings_2026_01" not in rows_of()


def test_a_number_is_never_given_again_after_a_month_went(opened):
    store, now = opened(), instant("2026-06-20")
    store.append(readings("2026-01-10", 10), instant("2026-01-20"))
    store.append(readings("2026-06-10", 1), instant("2026-06-10"))
    cursor = covered(store, now, "a")
    assert store.retain(now, 60 * DAY, DAY)["readings"] == 10
    assert opened().append(readings("2026-01-12", 2), now).is_new.all()         # a month that is gone is made again
    assert store.changes(cursor).readings.times.tolist() == readings("2026-01-12", 2).times.tolist()


def test_somebody_who_reads_holds_up_no_reading(opened, rows_of, postgres, monkeypatch):
    store, now = opened(), instant("2026-03-10")
    store.append(readings("2026-02-01", 1), now)
    with psycopg.connect(postgres.url()) as reader:
        reader.execute("SELECT count(*) FROM oilcan.readings")
        began = time.monotonic()
        assert store.append(readings("2026-04-10", 3), now).is_new.all()
        assert time.monotonic() - began < 10
        assert rows_of()["readings_other"] == 3
    monkeypatch.setattr("oilcan.io.stores.databases.months.time.monotonic", lambda: began + 60)
    assert store.append(readings("2026-04-20", 1), now).is_new.all()
    assert rows_of() | {"readings_2026_04": 4, "readings_other": 0} == rows_of()
    assert store.append(readings("2026-04-10", 3), now).duplicates == 3


@pytest.fixture
def old(url, monkeypatch):
    """A store of the ninth version: a winter of two machines, one with a clock of another century."""
    with monkeypatch.context() as patched:
        patched.setattr("oilcan.io.stores.databases.migrations.MIGRATIONS", MIGRATIONS[:9])
        patched.setattr(Months, "see_to", lambda *_: None)
        patched.setattr(PostgresDatabase, "last_seq", SqliteDatabase.last_seq)
        store = open_store(url)
        store.use_layout(DAILY, instant("2026-02-10"))
        for machine in ("a", "b"):
            store.append(readings("2025-12-01", 70, machine), instant("2026-02-10"))
        store.append(readings("2090-01-01", 5, "b"), instant("2026-02-10"))
        store.close()
    return url


@pytest.mark.usefixtures("old")
def test_a_store_without_months_gets_them_and_keeps_every_row(opened, rows_of):
    store = opened(now="2026-02-11")
    page = store.changes(Cursor())
    assert (len(page.readings), page.readings.seqs.tolist()) == (145, list(range(1, 146)))
    end = rows_of()
    assert end == {"readings_before": 140, "readings_other": 5}
    assert store.append(readings("2025-12-01", 70, "a"), instant("2026-02-11")).duplicates == 70
    assert store.append(readings("2090-01-01", 5, "b"), instant("2026-02-11")).duplicates == 5
    store.append(readings("2026-12-09", 40, "a"), instant("2026-12-20"))        # long after whatever month this is
    assert store.changes(page.cursor).readings.seqs.min() > 145
    assert rows_of()["readings_before"] == 140


@pytest.mark.usefixtures("old")
def test_rows_from_before_there_were_months_leave_one_by_one_and_the_table_at_last(opened, rows_of):
    store, now = opened(), instant("2027-03-01")
    store.append(readings("2027-02-20", 1, "a"), instant("2027-02-20"))
    cursor = store.changes(Cursor()).entries[0].cursor
    store.snapshots.save("plan", {"a": b"", "b": b""}, cursor, now)
    assert store.retain(now, 60 * DAY, DAY)["readings"] == 70
    assert rows_of()["readings_before"] == 70
    covered(store, now, "a", "b")
    assert store.retain(now, 60 * DAY, DAY)["readings"] == 75
    assert {name: n for name, n in rows_of().items() if n or name == "readings_before"} == {"readings_2027_02": 1}


def test_a_power_cut_in_the_middle_of_the_way_to_months_costs_nothing(old, postgres, opened, rows_of):
    failed = []

    def begin() -> None:
        try:
            open_store(old)
        except StoreError as err:
            failed.append(err)

    other = psycopg.connect(postgres.url())
    other.execute("LOCK TABLE oilcan.counters")         # the step reads it after its first changes
    opening = threading.Thread(target=begin)
    opening.start()
    waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'oilcan' AND wait_event_type = 'Lock'"
    while not other.execute(waiting).fetchall():
        other.execute("SELECT pg_stat_clear_snapshot()")
        time.sleep(0.05)
    postgres.stop("immediate")
    opening.join()
    other.close()
    postgres.start()
    assert failed
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT relkind FROM pg_class WHERE oid = 'oilcan.readings'::regclass"
                                  ).fetchone() in [("r",), (b"r",)]
        assert connection.execute("SELECT max(number) FROM oilcan.migrations").fetchone() == (9,)
    assert len(opened().changes(Cursor()).readings) == 145
    assert rows_of() == {"readings_before": 140, "readings_other": 5}
