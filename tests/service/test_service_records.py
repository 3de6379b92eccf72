"""What the service recorded comes into the audit log once, with pseudonyms; erasing a person leaves the chain whole."""

import itertools
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from oilcan.ground.errors import StoreError
from oilcan.io.repository.git_plumbing import git
from oilcan.io.stores import open_store
from oilcan.io.stores.tables.alarm_table import NewAlarm
from oilcan.io.stores.tables.decision_table import NewDecision
from oilcan.operations.governing import audit_log
from oilcan.operations.governing.service_records import CANARY_WATCH, erase, export

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AT = int(NOW.timestamp() * 1e6)


def random():
    """Bytes that differ from call to call, and not from run to run."""
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.fixture
def store_of_a_day(store_url):
    """A store in which Ada made a key, a bundle was activated, and Ben's key acknowledged an alarm."""
    store, make = open_store(store_url), random()
    store.keys.create("ben", "write", by="ada", now=AT, random=make)
    place = {"folder": "somewhere/first", "digest": "f" * 64}
    store.settings.set("models", {"configured": "f" * 64, "active": place, "previous": None, "shadow": None}, AT + 1,
                       by="ada")
    store.decisions.add(NewDecision("ada", "retrain", ("drift",)), AT + 2)
    alarm = store.change_alarms([NewAlarm("M1", "failure", AT, 0.9, 0.5, [])], AT + 3)[0][0]
    store.acknowledge(alarm, "ben", AT + 4, comment="looked at it")
    store.close()
    return store_url


def test_each_record_comes_once(root, store_of_a_day):
    make = random()
    assert export(root, store_of_a_day, now=NOW, random=make) == 4
    assert export(root, store_of_a_day, now=NOW, random=make) == 0
    log = audit_log.entries(root)
    assert [entry.kind for entry in log] == ["key", "activation", "decision", "acknowledgement"]
    assert log[1].bundle == "f" * 64
    assert (log[2].detail["action"], log[2].why) == ("retrain", "drift")
    assert log[0].by == log[1].by != log[3].by == log[0].detail["name"]
    text = "".join(entry.line for entry in log)
    assert "ada" not in text
    assert "ben" not in text
    assert "somewhere" not in text
    assert audit_log.faults(root, {}) == []


def test_a_canary_that_fell_back_is_an_entry_with_its_reason(root, store_of_a_day):
    store = open_store(store_of_a_day)
    place = {name: {"folder": "somewhere", "digest": first * 64} for name, first in (("active", "f"), ("shadow", "a"))}
    models = {"configured": "f" * 64, "previous": None, **place}
    store.settings.set("models", models | {"canary": {"share": 0.1, "since_alarm": 3, "since_time": 0},
                                           "fell_back": None}, AT + 5, by="ada")
    store.settings.set("models", models | {"canary": None, "fell_back": "9 alarms of 10 machines"}, AT + 6,
                       by=CANARY_WATCH)
    store.close()
    assert export(root, store_of_a_day, now=NOW, random=random()) == 6
    _, begun, ended = (entry for entry in audit_log.entries(root) if entry.kind in ("activation", "canary"))
    assert (begun.kind, begun.detail["share"]) == ("activation", 0.1)
    assert (ended.kind, ended.by, ended.why) == ("canary", CANARY_WATCH, "fell back: 9 alarms of 10 machines")
    assert (ended.bundle, ended.detail["share"]) == ("a" * 64, 0.0)


def test_a_person_is_erased_and_the_chain_stays_whole(root, store_of_a_day):
    make = random()
    export(root, store_of_a_day, now=NOW, random=make)
    before = audit_log.entries(root)
    with pytest.raises(StoreError, match=r"key ben: is in use.*Revoke it"):
        erase(root, store_of_a_day, "ben", by="officer", why="left", now=NOW, random=make)
    store = open_store(store_of_a_day)
    store.keys.revoke("ben", by="ada", now=AT + 5)
    store.close()

    assert erase(root, store_of_a_day, "ben", by="officer", why="left", now=NOW, random=make) == 5
    log = audit_log.entries(root)
    assert log[:-1] == before
    assert (log[-1].kind, log[-1].detail["person"]) == ("erasure", before[3].by)
    assert audit_log.faults(root, {}) == []
    store = open_store(store_of_a_day)
    (alarm,) = store.alarms()
    assert alarm.acknowledged_by.startswith("erased-")
    assert alarm.comments[0].by == alarm.acknowledged_by == store.keys.all()[0].name
    assert all("ben" not in (entry.done_by, entry.detail.get("name")) for entry in store.audit.entries())
    assert store.people.pseudonym("ben", now=AT, random=make) != before[3].by       # the old key is gone
    store.close()
    with pytest.raises(StoreError, match="nothing in this store names 'carl'"):
        erase(root, store_of_a_day, "carl", by="officer", why="left", now=NOW, random=make)
