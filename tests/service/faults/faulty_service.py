"""A service on a store that fails when it is told to, and what must be true of it afterwards."""

import asyncio
import contextlib
import json
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from oilcan.ground.errors import StoreUnavailable
from oilcan.io.stores import Store, open_store
from oilcan.io.stores.log_entries import Cursor, ReadingsBatch, RecordsBatch
from oilcan.io.stores.tables.audit_table import Audit
from oilcan.io.stores.tables.bundle_table import Bundles
from oilcan.io.stores.tables.decision_table import Decisions
from oilcan.io.stores.tables.key_table import Keys
from oilcan.io.stores.tables.notice_table import Notices
from oilcan.io.stores.tables.people_table import People
from oilcan.io.stores.tables.state_table import Duties, Settings, Snapshots
from oilcan.io.stores.tables.text_table import Texts
from oilcan.serving.bodies.instants_json import NO_TIME
from oilcan.serving.engine.following import follow
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.ground.settings import read_settings
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.service.remembered_models import Models, Place
from oilcan.serving.service.service import Service

ROOMS = {"": Store, "snapshots": Snapshots, "keys": Keys, "settings": Settings, "bundles": Bundles, "audit": Audit,
         "decisions": Decisions, "texts": Texts, "people": People, "notices": Notices,
         "duties": Duties}
# before: the call does nothing; after: it does all, and nobody gets an answer; disk full, read-only, cut: in the middle
FAULTS = ("before", "after", "disk full", "read-only", "cut", "hang")


def methods() -> list[str]:
    """Every public method of a store and of its rooms, by name: a new one is there by itself."""
    return sorted(f"{room}.{name}".lstrip(".") for room, owner in ROOMS.items() for name in dir(owner)
                  if not name.startswith("_") and name != "close" and callable(getattr(owner, name)))


class Faults:
    """When which fault happens: at calls of a method, or at transactions, counted from now on."""

    def __init__(self) -> None:
        self.reached: Counter[str] = Counter()
        self.calls: list[str | None] = []                   # a fault, or none, of each of the next calls of `method`
        self.method = ""
        self.transactions: list[str | None] = []            # a fault, or none, of each of the next transactions
        self.is_away = False
        self._lock = threading.Lock()

    def of_method(self, name: str) -> str | None:
        with self._lock:
            self.reached[name] += 1
            return self.calls.pop(0) if name == self.method and self.calls else None

    def of_transaction(self) -> str | None:
        with self._lock:
            if self.is_away:
                return "before"
            return self.transactions.pop(0) if self.transactions else None

    def heal(self) -> None:
        with self._lock:
            self.calls, self.transactions, self.is_away = [], [], False


def broken(store: Store, faults: Faults) -> Store:
    """The store, with every public method and every transaction able to fail."""
    for name in methods():
        room, _, method = name.rpartition(".")
        owner = getattr(store, room) if room else store
        setattr(owner, method, _failing(name, getattr(owner, method), faults))
    for method in ("read", "write"):
        setattr(store.database, method, _transaction(method, getattr(store.database, method), faults))
    return store


def _failing(name: str, call: Callable[..., Any], faults: Faults) -> Callable[..., Any]:
    def called(*arguments: Any, **options: Any) -> Any:
        fault = faults.of_method(name)
        if fault is None:
            return call(*arguments, **options)
        if fault == "after":
            call(*arguments, **options)
        raise StoreUnavailable(f"{name}: {fault}, as the test wants it")

    return called


def _transaction(kind: str, call: Callable[..., Any], faults: Faults) -> Callable[..., Any]:
    def called(work: Callable[[Any], Any]) -> Any:
        fault = faults.of_transaction()
        if fault is None:
            return call(work)
        if fault in ("before", "hang") or (fault == "read-only" and kind == "write"):
            raise StoreUnavailable(f"{kind}: {fault}, as the test wants it")
        if fault == "after":
            call(work)
            raise StoreUnavailable(f"{kind}: committed, and nobody heard of it")
        try:
            return call(lambda tx: work(_Breaking(tx, fault)))
        finally:
            faults.reached[fault] += 1

    return called


class _Breaking:
    """A transaction whose second statement fails as the database's own would."""

    def __init__(self, tx: Any, fault: str) -> None:
        self._tx, self._fault, self._left = tx, fault, 1

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._tx, name)

        def called(*arguments: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                self._break()
            return call(*arguments)

        return called

    def _break(self) -> None:
        import sqlite3

        connection = getattr(self._tx, "_connection", None)
        if connection is not None:
            raise sqlite3.OperationalError("database or disk is full" if self._fault == "disk full" else self._fault)
        if self._fault == "cut":
            pid = self._tx.rows("SELECT pg_backend_pid()")[0][0]
            with psycopg.connect(self.url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (pid,))
            self._tx.rows("SELECT 1")
        raise psycopg.errors.DiskFull("could not extend file") if self._fault == "disk full" else (
            psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"))

    url = ""


class FaultyService:
    """A service in this process; requests go in below HTTP, and what was acknowledged is written down."""

    def __init__(self, url: str, served: LoadedBundle, **options: Any) -> None:
        self.url, self.served, self.faults = url, served, Faults()
        self._options = {"snapshot_every_s": 3600, "clock": "data"} | options
        self.acknowledged: list[tuple[str, Any]] = []
        self.refused = 0
        self._runner = asyncio.Runner()
        _Breaking.url = url
        self.start()

    def start(self) -> None:
        settings = read_settings({}, store=self.url, **self._options)
        self.store = broken(open_store(self.url), self.faults)
        place = Place("bundle", self.served.digest)
        self.service = Service(settings, self.served, self.store, Models(self.served.digest, place))
        with contextlib.suppress(StoreUnavailable):
            self.service.live.restored.result()

    def send(self, kind: str, content: Any) -> bool:
        """Send a request; whether it was acknowledged."""
        live, body = self.service.live, json.dumps(content).encode()
        calls = {"telemetry": live.take_readings, "machines": live.put_machines}
        call = calls[kind](body) if kind in calls else live.take_records(kind, body)
        try:
            self._runner.run(_awaited(call))
        except (StoreUnavailable, Refusal) as err:
            if isinstance(err, Refusal) and err.status != 503:
                self.refused += 1
            return False
        self.acknowledged.append((kind, content))
        return True

    def quietly(self, work: Callable[[], object]) -> None:
        """Do something that may fail because the store does."""
        with contextlib.suppress(StoreUnavailable):
            work()

    def kill(self) -> None:
        """End without saving anything, as kill -9 would, and start again from the store."""
        self.end()
        self.faults.heal()
        self.start()

    def end(self) -> None:
        self.faults.is_away = True
        self.service.store.health.trouble = "killed"
        self.service.close(0.01)

    def close(self) -> None:
        self.end()
        self._runner.close()

    def check(self, scratch: Path | None) -> None:
        """What was acknowledged is there, once, and features, forecasts, alarms and counts follow from it."""
        self.faults.heal()
        if self.store.health.trouble is not None:
            self.store.probe()
        self.service.live.follow()
        engine = self.service.live.engine
        assert self.service.waiting_for() == [], self.service.waiting_for()
        assert engine.cursor == self.store.end()
        self._check_stored()
        self._check_forecasts()
        if scratch is not None:
            self._check_alarms(scratch)

    def _check_stored(self) -> None:
        readings = self.store.readings(limit=10**6)
        keys = Counter(zip(readings.machine_ids, readings.times.tolist(), strict=True))
        assert max(keys.values(), default=1) == 1
        records = Counter((row.table, row.machine_id, row.time, row.kind) for row in self.store.records())
        assert max(records.values(), default=1) == 1
        moments, machines = self.service.live.moments, {each.machine_id for each in self.store.machines()}
        for kind, content in self.acknowledged:
            rows = content.get("readings") or content.get("records") or content.get("machines")
            for row in rows:
                assert row["machine_id"] in machines
                if kind == "telemetry":
                    assert keys[row["machine_id"], moments.read(row["time"])] == 1
                elif kind != "machines":
                    name = next(value for name, value in row.items() if name not in ("machine_id", "time"))
                    assert records[kind, row["machine_id"], moments.read(row["time"]), name] == 1

    def _check_forecasts(self) -> None:
        """The board is what a fold of the whole log from nothing says."""
        engine = self.service.live.engine
        track = engine.active.afresh()
        track.register(self.store.machines())
        follow(track, self.store, Cursor())
        names = [name for name in engine.board.machine_ids if track.newest([name])[0] != NO_TIME]
        assert set(engine.board.machine_ids) == {each.machine_id for each in self.store.machines()}
        if not names:
            return
        engine.renew()              # forecasts of an entry that it does not know for its own are put off
        slots = [engine.board.slot[name] for name in names]
        np.testing.assert_array_equal(engine.board.time[slots], track.newest(names))
        np.testing.assert_allclose(engine.active.matrix(names), track.matrix(names), rtol=1e-5, atol=1e-6)
        wanted = self.served.score(track.matrix(names))
        engine.complete(names)
        for column, values in wanted.items():
            np.testing.assert_allclose(engine.board.values[column][slots], values, rtol=1e-4, atol=1e-6)
        self.service.log.flush()
        for name in names:
            logged = self.store.forecasts(name, limit=10_000)
            assert logged[-1].time == engine.board.time[engine.board.slot[name]]
            assert len({each.id for each in logged}) == len(logged)
            shown = engine.board.forecast[engine.board.slot[name]]
            assert any(each.id == shown for each in logged)

    def _check_alarms(self, scratch: Path) -> None:
        """The alarms are those of a service that was given the same entries one by one and saw no fault."""
        shutil.rmtree(scratch, ignore_errors=True)
        other = FaultyService(f"sqlite:///{scratch}/calm.db", self.served, **self._options)
        try:
            calm = other.store
            for entry in self.store.changes(Cursor(), limit=10**6).entries:
                if entry.machines and not len(entry.readings) and not entry.records:
                    calm.write_machines([entry.machines], entry.received_at)
                for table in ("errors", "maintenance", "failures"):
                    rows = [row for row in entry.records if row.table == table]
                    if rows:
                        calm.write_records([RecordsBatch(table, rows)], entry.received_at)
                if len(entry.readings):
                    calm.write_readings([ReadingsBatch(entry.readings)], entry.received_at)
                other.service.live.follow()
            assert shown(self.store) == shown(calm)
            mine, his = (each.service.live.engine.board for each in (self, other))
            for name, slot in mine.slot.items():
                assert (mine.alarm[slot] > 0) == (his.alarm[his.slot[name]] > 0)
                assert mine.alarm[slot] >= 0
        finally:
            other.close()


def shown(store: Store) -> list[tuple[Any, ...]]:
    """The alarms of a store with their repeats, without what differs from one store to another."""
    alarms = {each.id: each for each in store.alarms(limit=10**6)}
    raises = store.raises(next(iter(alarms.values())).task, 10**6) if alarms else []
    repeats = sorted((each.machine_id, each.time) for each in raises if not each.alarm)
    assert len({each.id for each in alarms.values()}) + len(repeats) == len(raises)
    assert all((each.closed_at is None) == (each.closed_time is None) for each in alarms.values())
    return [*sorted((each.machine_id, each.time, round(each.p, 4), each.closed_time or 0)
                    for each in alarms.values()), *repeats]


async def _awaited(call: Any) -> Any:
    return await call
