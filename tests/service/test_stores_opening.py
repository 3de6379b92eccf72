"""Opening: addresses, versions of the tables, other people's files, and who may read ours."""

import contextlib
import gzip
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from oilcan.ground.errors import StoreError, StoreUnavailable
from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.databases.migrations import MIGRATIONS
from oilcan.io.stores.log_entries import Cursor
from oilcan.io.stores.values import StoredRecord

NOW = 1_800_000_000_000_000
GOLDEN = Path(__file__).parents[1] / "golden/store_v1.sqlite.gz"    # written by the first version of the tables
PLAIN = Layout("press_line", 2, "instant", ("voltage", "vibration"), ("V", "mm/s"))


@pytest.fixture
def old(tmp_path):
    (tmp_path / "old.db").write_bytes(gzip.decompress(GOLDEN.read_bytes()))
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        assert connection.execute("SELECT max(number) FROM migrations").fetchall() == [(1,)]
    store = open_store(f"sqlite:///{tmp_path / 'old.db'}")
    store.use_layout(PLAIN, NOW)
    yield store
    store.close()


def test_readings_and_records_of_the_first_version_are_all_there(old):
    assert old.readings("a").values.tolist() == [[1.5, 2.5], [4.5, -0.0]]
    assert old.readings("b").times.tolist() == [1]
    assert [(row.table, row.kind, row.extra) for row in old.records()] == [
        ("errors", "E7", {}), ("maintenance", "pump", {"note": "ü"}), ("failures", "bearing", {})]
    assert [machine.static for machine in old.machines()] == [{"age": 7}, {}]
    assert (len(old.refused()), len(old.changes(Cursor()).readings)) == (1, 3)
    assert isinstance(old.changes(Cursor()).records[0], StoredRecord)


def test_what_the_first_version_said_and_was_told_is_all_there(old):
    alarm, = old.alarms(open_only=True)
    assert (alarm.acknowledged_by, alarm.comments[0].text) == ("night-shift", "seen")
    assert old.forecast(alarm.forecast).values == {"p_failure": 0.75}
    assert [row.time for row in old.forecasts("a")] == [1, 2]
    assert old.forecast_ids(1) == range(4, 5)
    assert old.snapshots.load("plan-1") == {}       # of before the log: made again from the readings
    assert old.keys.find("oilcan_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").name == "press"
    assert old.settings.get("active") == {"digest": "f00d"}
    assert len(old.audit.entries()) == 2


@pytest.mark.usefixtures("old")
def test_an_old_store_has_the_tables_of_a_new_one(tmp_path):
    open_store(f"sqlite:///{tmp_path / 'new.db'}").close()
    tables = []
    for name in ("old.db", "new.db"):
        with contextlib.closing(sqlite3.connect(tmp_path / name)) as connection:
            tables.append(set(connection.execute("SELECT type, name, sql FROM sqlite_master")))
    assert tables[0] == tables[1]


def test_tables_of_a_newer_oilcan_are_refused(store_url, monkeypatch):
    open_store(store_url).close()
    monkeypatch.setattr("oilcan.io.stores.databases.migrations.MIGRATIONS", MIGRATIONS[:-1])
    with pytest.raises(StoreError, match=f"of version {len(MIGRATIONS)}, written by a newer Oilcan"):
        open_store(store_url)


def test_a_step_that_fails_leaves_nothing_behind(store_url, monkeypatch):
    open_store(store_url).close()
    broken = (*MIGRATIONS, "CREATE TABLE half (a {big}); CREATE TABLE machines (a {big});")
    with monkeypatch.context() as patched:
        patched.setattr("oilcan.io.stores.databases.migrations.MIGRATIONS", broken)
        with pytest.raises((StoreUnavailable, psycopg.errors.DuplicateTable)):
            open_store(store_url)
    store = open_store(store_url)
    with pytest.raises((StoreUnavailable, psycopg.errors.UndefinedTable)):
        store.database.read(lambda tx: tx.rows("SELECT * FROM half"))
    store.close()


def test_processes_that_open_a_new_store_at_once_make_it_once(store_url):
    code = "import sys; from oilcan.io.stores import open_store; open_store(sys.argv[1]).keys.all()"
    makers = [subprocess.Popen([sys.executable, "-c", code, store_url], stderr=subprocess.PIPE) for _ in range(3)]
    assert [(maker.communicate()[1], maker.returncode) for maker in makers] == [(b"", 0)] * 3


@pytest.mark.parametrize("url", ["", "service.db", "mysql://x/y", "sqlite://", "sqlite:///", "sqlite:x"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(StoreError, match="no kind of store"):
        open_store(url)


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path):
    with pytest.raises(StoreUnavailable, match="Check that the server runs") as told:
        open_store(f"postgresql://ann:s3cret@/oilcan?host={tmp_path}")
    assert "s3cret" not in str(told.value)
    with pytest.raises(StoreError, match="not one of PostgreSQL") as told:
        open_store("postgresql://ann:s3cret@host/x?nonsense=1")
    assert "s3cret" not in str(told.value)


def test_the_files_of_others_are_refused_untouched(tmp_path):
    mine = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(mine)) as other:
        other.execute("CREATE TABLE machines (a)")
    with pytest.raises(StoreError, match="database of another program"):
        open_store(f"sqlite:///{mine}")
    text = tmp_path / "notes.txt"
    text.write_text("no database, long enough to be read as one" * 50)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{text}")


def test_only_its_owner_may_read_the_file_of_a_store(tmp_path):
    open_store(f"sqlite:///{tmp_path / 'new' / 'service.db'}").close()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new", tmp_path / "new" / "service.db")]
    assert modes == [0o700, 0o600]
