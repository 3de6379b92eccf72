"""Tables of a real database become Parquet files that never change; with SQLite and with PostgreSQL."""

import sys

import pandas as pd
import pytest
import sqlalchemy
from tests.canonical_frames import FLEET

from oilcan.contract import parse_contract
from oilcan.ground.errors import DataError, IntegrityError, OilcanError
from oilcan.io.raw_data.queries import record_pins, take_snapshots

QUERIES = """source:
  licence: CC0-1.0
  files: [{path: orders.parquet, sha256: null}]
  queries:
    - path: orders.parquet
      database: cmms
      sql: SELECT machine, done, hours FROM orders WHERE hours > 0 ORDER BY machine
"""
TEXT = FLEET.replace("source: {licence: CC0-1.0}\n", QUERIES)


def contract(text=TEXT):
    return parse_contract(text, "datasets/toy.yaml")


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'cmms.db'}"
    else:
        url = request.getfixturevalue("postgres").fresh().replace("postgresql://", "postgresql+psycopg://")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS orders"))
        connection.execute(sqlalchemy.text("CREATE TABLE orders (machine VARCHAR(9), done TIMESTAMP, hours NUMERIC)"))
        connection.execute(sqlalchemy.text(
            "INSERT INTO orders VALUES ('m1', '2024-01-02 10:00:00', 2.5), ('m0', '2024-01-03 11:00:00', 1),"
            "('m2', '2024-01-04 12:00:00', 0)"))
    yield url
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE orders"))


def test_an_answer_becomes_a_file_once_and_its_digest_is_recorded(address, tmp_path, monkeypatch):
    monkeypatch.setenv("OILCAN_DATABASE_CMMS", address)
    pins = take_snapshots(contract(), tmp_path / "raw")
    rows = pd.read_parquet(tmp_path / "raw/orders.parquet")
    assert rows["machine"].tolist() == ["m0", "m1"]
    assert rows["hours"].astype(float).tolist() == [1.0, 2.5]
    pinned = contract(record_pins(TEXT, pins))
    monkeypatch.delenv("OILCAN_DATABASE_CMMS")          # the file is in place: no database is asked again
    assert take_snapshots(pinned, tmp_path / "raw") == {}
    assert pinned.source.files[0].sha256 == pins["orders.parquet"]


def test_the_same_rows_give_the_same_bytes_and_others_are_refused(address, tmp_path, monkeypatch):
    monkeypatch.setenv("OILCAN_DATABASE_CMMS", address)
    pinned = contract(record_pins(TEXT, take_snapshots(contract(), tmp_path / "first")))
    take_snapshots(pinned, tmp_path / "second")
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.pool.NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE orders SET hours = 9 WHERE machine = 'm2'"))
    with pytest.raises(IntegrityError, match=r"orders.parquet: the database returns other rows .*dvc pull"):
        take_snapshots(pinned, tmp_path / "third")
    assert not (tmp_path / "third/orders.parquet").exists()


def test_a_database_without_address_or_table_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("OILCAN_DATABASE_CMMS", raising=False)
    with pytest.raises(DataError, match=r"database 'cmms' has no address\. Set OILCAN_DATABASE_CMMS"):
        take_snapshots(contract(), tmp_path)
    monkeypatch.setenv("OILCAN_DATABASE_CMMS", f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DataError, match=r"does not answer the query \(no such table: orders\)"):
        take_snapshots(contract(), tmp_path)


def test_without_the_extra_the_message_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(OilcanError, match=r"needs the package 'sqlalchemy' \(not installed\)\. Run `make install-sql`"):
        take_snapshots(contract(), tmp_path)
