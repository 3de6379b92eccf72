"""The contract of a store: one set of laws, kept by SQLite and by a real PostgreSQL server."""

import dataclasses
import threading

import numpy as np
import pytest

from oilcan.ground.errors import DataError, StoreError
from oilcan.io.stores import Store, open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.log_entries import Cursor
from oilcan.io.stores.tables.alarm_table import ClosedAlarm, NewAlarm, RepeatedAlarm
from oilcan.io.stores.tables.forecast_table import Forecasts
from oilcan.io.stores.values import Machine, Readings, Record, Refused

NOW = 1_800_000_000_000_000
PLAIN = Layout("press_line", 2, "instant", ("voltage", "vibration"), ("V", "mm/s"))


@pytest.fixture
def store(store_url):
    store = open_store(store_url)
    store.use_layout(PLAIN, NOW)
    yield store
    store.close()


def batch(*rows: tuple[str, int, float]) -> Readings:
    """Rows of (machine, time, voltage); the vibration is missing."""
    return Readings([row[0] for row in rows], np.array([row[1] for row in rows], dtype=np.int64),
                    np.array([[row[2], np.nan] for row in rows]).reshape(len(rows), 2))


def voltages(store: Store, machine: str, **which) -> list[tuple[int, float]]:
    found = store.readings(machine, **which)
    return list(zip(found.times.tolist(), found.values[:, 0].tolist(), strict=True))


def test_what_was_appended_comes_back_in_order_of_time(store):
    assert store.append(batch(("a", 3, 30.0), ("b", 1, 10.0), ("a", 2, 20.0)), NOW).is_new.all()
    assert voltages(store, "a") == [(2, 20.0), (3, 30.0)]
    assert voltages(store, "nobody") == []
    assert np.isnan(store.readings("a").values[:, 1]).all()


def test_a_bundle_leads_back_for_good(store, store_url):
    assert store.bundles.lineage("f00d") is None
    for told in ({"inputs_md5": {"model": "1"}}, {"inputs_md5": {"model": "2"}}):
        store.bundles.enter("f00d", told, NOW)
    again = open_store(store_url)
    assert again.bundles.lineage("f00d") == {"inputs_md5": {"model": "1"}}
    again.close()


def test_what_was_appended_is_there_after_reopening(store, store_url):
    store.append(batch(("a", 1, 1.0)), NOW)
    again = open_store(store_url)
    again.use_layout(PLAIN, NOW)
    assert voltages(again, "a") == [(1, 1.0)]
    again.close()


def test_a_reading_counts_once_however_often_it_comes(store):
    store.append(batch(("a", 1, 1.0), ("a", 2, 2.0)), NOW)
    said = store.append(batch(("a", 2, 2.0), ("a", 3, 3.0), ("a", 1, 1.0), ("a", 3, 3.0)), NOW)
    assert said.is_new.tolist() == [False, True, False, False]
    assert (said.duplicates, said.is_conflict.sum()) == (3, 0)
    assert voltages(store, "a") == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_differing_duplicate_changes_nothing_and_is_kept_aside(store):
    store.append(batch(("a", 1, 1.0)), NOW)
    said = store.append(batch(("a", 1, 1.5), ("a", 2, 2.0), ("a", 2, 2.5)), NOW)
    assert said.is_conflict.tolist() == [True, False, True]
    assert voltages(store, "a") == [(1, 1.0), (2, 2.0)]
    assert {(row.machine_id, row.time) for row in store.refused()} == {("a", 1), ("a", 2)}
    assert '"voltage": 2.5' in store.refused(limit=1)[0].content


def test_every_number_comes_back_to_the_bit(store):
    numbers = np.array([[0.1, -0.0], [5e-324, 1.7976931348623157e308], [np.inf, np.nan]])
    store.append(Readings(["a"] * 3, np.array([-(2**63), 0, 2**63 - 1]), numbers), NOW)
    assert store.readings("a").values.tobytes() == numbers.tobytes()


def test_an_empty_batch_is_no_trouble(store):
    assert len(store.append(batch(), NOW).is_new) == 0
    assert len(store.readings()) == 0


def test_readings_are_chosen_by_interval_and_paged_by_seq(store):
    store.append(batch(*((name, time, float(time)) for time in range(10) for name in "ab")), NOW)
    assert [time for time, _ in voltages(store, "a", since=2, until=5)] == [2, 3, 4]
    assert [time for time, _ in voltages(store, "a", limit=3)] == [7, 8, 9]
    pages, seq = [], 0
    while len(page := store.readings(after_seq=seq, limit=7)):
        pages += list(zip(page.machine_ids, page.times.tolist(), strict=True))
        seq = int(page.seqs[-1])
    assert sorted(pages) == [(name, time) for name in "ab" for time in range(10)]


@pytest.mark.parametrize("name", ["", "x" * 201, "a\0b", "line\nbreak", "\ud800"])
def test_a_machine_id_that_is_none_is_refused(store, name):
    with pytest.raises(DataError, match="printable"):
        store.append(batch((name, 1, 1.0)), NOW)


def test_the_history_of_a_machine_is_whole_however_far_its_readings_lie_apart(store):
    times = sorted({0, 1, 2**62, -(2**62), *(at * 10**11 for at in range(200)), *(at * 10**9 for at in range(99))})
    store.append(batch(("c", 5, 0.0), *((name, time, 0.0) for time in times for name in "ab")), NOW)
    assert [time for time, _ in voltages(store, "a")] == times
    assert [time for time, _ in voltages(store, "b", limit=150)] == times[-150:]
    assert [time for time, _ in voltages(store, "b", since=times[5], until=times[170])] == times[5:170]
    assert [machine.newest for machine in store.machines()] == [2**62, 2**62, 5]


def test_machines_have_static_columns_and_the_time_of_their_newest_reading(store):
    store.put_machines({"ü 1": {"age": 7}, "a": {}}, NOW)
    store.append(batch(("a", 5, 0.0), ("a", 4, 0.0), ("new", 9, 0.0)), NOW + 1)
    known = [dataclasses.replace(machine, changed=0) for machine in store.machines()]
    assert sorted(known, key=lambda machine: machine.machine_id) == [
        Machine("a", {}, NOW, 5), Machine("new", {}, NOW + 1, 9), Machine("ü 1", {"age": 7}, NOW, None)]
    store.put_machines({"a": {"age": 1}}, NOW)
    assert {machine.machine_id: machine.static for machine in store.machines()}["a"] == {"age": 1}


def test_records_count_once_and_a_differing_one_is_kept_aside(store):
    rows = [Record("a", 2, "pump", {"note": "ü"}), Record("a", 1, "pump"), Record("b", 1, "valve")]
    assert store.add_records("maintenance", rows, NOW).is_new.all()
    said = store.add_records("maintenance", [rows[0], Record("a", 1, "pump", {"note": "late"})], NOW)
    assert (said.is_new.sum(), said.duplicates, said.is_conflict.tolist()) == (0, 1, [False, True])
    assert store.add_records("failures", rows[:1], NOW).is_new.all()
    found = store.records("maintenance", "a")
    assert [(row.time, row.kind, row.extra) for row in found] == [(1, "pump", {}), (2, "pump", {"note": "ü"})]
    assert [row.table for row in store.records(machine_id="a", since=2)] == ["maintenance", "failures"]
    assert store.refused()[0].source == "maintenance"


def test_changes_follow_one_another_without_gap_or_repetition(store):
    store.append(batch(("a", 1, 1.0), ("b", 1, 1.0), ("a", 2, 2.0)), NOW)
    store.add_records("errors", [Record("a", 1, "E7")], NOW)
    seen, cursor = [], Cursor()
    while True:
        page = store.changes(cursor, limit=2)
        seen += list(zip(page.readings.machine_ids, page.readings.times.tolist(), strict=True))
        seen += [row.kind for row in page.records]
        cursor = Cursor.from_text(page.cursor.as_text())
        if not page.more:
            break
    assert sorted(map(str, seen)) == ["('a', 1)", "('a', 2)", "('b', 1)", "E7"]
    store.append(batch(("a", 3, 3.0), ("a", 2, 2.0)), NOW)
    assert store.changes(cursor).readings.times.tolist() == [3]
    assert store.changes(store.changes(cursor).cursor).cursor == store.changes(cursor).cursor


def test_another_data_set_time_or_unit_is_refused_in_one_message(store, store_url):
    other = Layout("mill", 1, "cycle", ("voltage",), ("kV",))
    with pytest.raises(StoreError, match=r"(?s)data set 'press_line'.*column 'voltage' is in 'V' \(wanted 'kV'\)"):
        store.use_layout(other, NOW)
    with pytest.raises(StoreError, match="counts time by 'instant'"):
        store.use_layout(Layout("press_line", 2, "cycle", ("voltage",), ("V",)), NOW)
    bare = open_store(store_url)
    with pytest.raises(StoreError, match="no layout is in use"):
        bare.readings()
    bare.close()


def test_older_readings_are_read_by_the_names_of_the_present_columns(store):
    store.append(Readings(["a"], np.array([1]), np.array([[1.0, 2.0]])), NOW)
    newer = Layout("press_line", 3, "instant", ("vibration", "load", "voltage"), ("mm/s", "%", "V"))
    store.use_layout(newer, NOW)
    said = store.append(Readings(["a", "a"], np.array([1, 2]), np.array([[2.0, np.nan, 1.0], [4.0, 5.0, 6.0]])), NOW)
    assert said.is_new.tolist() == [False, True]
    assert said.duplicates == 1
    np.testing.assert_array_equal(store.readings("a").values, [[2.0, np.nan, 1.0], [4.0, 5.0, 6.0]])
    store.use_layout(PLAIN, NOW)
    np.testing.assert_array_equal(store.readings("a").values, [[1.0, 2.0], [6.0, 4.0]])


def logged(store: Store, *rows: tuple[str | None, int, float], role: str = "active", now: int = NOW) -> range:
    ids = store.forecast_ids(len(rows))
    store.log_forecasts(Forecasts("f00d", 2, role, ("p_failure",), np.array(ids), [row[0] for row in rows],
                                  np.array([row[1] for row in rows]), np.array([[row[2]] for row in rows])), now)
    return ids


def test_a_forecast_is_found_by_its_id_and_by_its_machine(store):
    ids = logged(store, ("a", 1, 0.1), ("a", 2, 0.2), (None, 1, 0.3))
    logged(store, ("a", 9, 0.9), role="shadow")
    found = store.forecast(ids[0])
    assert (found.machine_id, found.bundle, found.contract_version, found.made_at) == ("a", "f00d", 2, NOW)
    assert found.values == {"p_failure": 0.1}
    assert store.forecast(ids[2]).machine_id is None
    assert store.forecast(10**9) is None
    assert [row.time for row in store.forecasts("a")] == [1, 2]
    assert [row.time for row in store.forecasts("a", since=2, limit=5)] == [2]
    assert [row.time for row in store.newest_forecasts()] == [2]


def test_first_forecasts_are_the_last_ones_of_the_first_time_in_each_step(store):
    rng, made = np.random.default_rng(6), []
    for now in (NOW, NOW + 5, NOW + 5, NOW + 2):            # made again later, at once, and by a clock that is behind
        rows = [(f"m{rng.integers(3)}", int(rng.integers(40)), float(rng.random())) for _ in range(60)]
        made += [(name, time, now, key, p) for key, (name, time, p) in zip(logged(store, *rows, now=now), rows,
                                                                           strict=True)]
    logged(store, (None, 12, 0.5), ("m0", 10, 0.7), role="shadow")
    first = {(name, time // 7): time for name, time, *_ in sorted(made, reverse=True) if time >= 9}
    expected = [(name, time, max(each[2:] for each in made if each[:2] == (name, time))[-1])
                for (name, _), time in sorted(first.items())]
    found = store.first_forecasts(9, step=7)[0]
    assert sorted(zip(found.machine_ids, found.times.tolist(), found.values[:, 0].tolist(), strict=True)) == expected


def test_ids_of_forecasts_are_never_given_twice(store, store_url):
    other, ids = open_store(store_url), []
    threads = [threading.Thread(target=lambda who=who: [ids.extend(who.forecast_ids(3)) for _ in range(20)])
               for who in (store, other) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sorted(ids) == list(range(1, 241))


def test_a_machine_has_one_open_alarm_per_task_and_one_per_reading(store):
    alarm = NewAlarm("a", "failure", 7, 0.9, 0.5, [{"feature": "load"}])
    later = NewAlarm("a", "failure", 8, 0.9, 0.5, [])
    (key, new), again = store.change_alarms([alarm, later], NOW)
    assert new
    assert again == (key, False)
    store.change_alarms([ClosedAlarm("a", "failure", 7)], NOW + 5)
    assert store.change_alarms([ClosedAlarm("a", "failure", 7), alarm], NOW + 6) == [(key, False)]
    assert store.alarm(key).closed_at == NOW + 5
    assert store.change_alarms([NewAlarm("a", "failure", 9, 0.9, 0.5, [])], NOW + 9)[0][1]
    assert [row.time for row in store.alarms(machine_id="a")] == [9, 7]
    assert [row.time for row in store.alarms(open_only=True)] == [9]
    assert store.alarms(machine_id="a")[1].reasons == [{"feature": "load"}]


def test_a_store_says_which_alarms_were_open_at_a_reading_and_when_they_were_repeated(store):
    store.change_alarms([NewAlarm(name, "failure", 7, 0.9, 0.5, [], crew="day") for name in ("a", "b")], NOW)
    repeats = [RepeatedAlarm("a", "failure", 9, "night"), RepeatedAlarm("a", "failure", 9, "night")]
    for _ in range(2):                                      # decided again after a restart, say
        store.change_alarms([*repeats, RepeatedAlarm("c", "failure", 9), ClosedAlarm("a", "failure", 11)], NOW + 1)
    first, second, repeat = store.raises("failure", 10)
    assert (first.machine_id, first.crew, first.closed_time) == ("a", "day", 11)
    assert [first.is_open_at(time) for time in (7, 10, 11)] == [True, True, False]
    assert second.is_open_at(10**6)
    assert (repeat.machine_id, repeat.time, repeat.crew, repeat.alarm) == ("a", 9, "night", 0)
    assert not repeat.is_open_at(10)
    assert [each.machine_id for each in store.raises("failure", 1)] == ["b", "a"]       # an alarm, and a repeat
    assert store.raises("other", 10) == []


def test_the_first_acknowledgement_counts_and_every_comment_is_kept(store):
    [(key, _)] = store.change_alarms([NewAlarm("a", "failure", 7, 0.9, 0.5, [])], NOW)
    store.acknowledge(key, "night-shift", NOW + 1, "seen, bearing is hot")
    alarm = store.acknowledge(key, "day-shift", NOW + 2, "changed it")
    assert (alarm.acknowledged_by, alarm.acknowledged_at) == ("night-shift", NOW + 1)
    assert [(row.by, row.text) for row in alarm.comments] == [
        ("night-shift", "seen, bearing is hot"), ("day-shift", "changed it")]
    assert len(store.comment(key, "day-shift", "and greased", NOW + 3).comments) == 3
    assert store.acknowledge(999, "x", NOW) is store.comment(999, "x", "seen", NOW) is None


def test_snapshots_are_replaced_by_newer_ones_and_forgotten_by_engine(store):
    cursor = Cursor.from_text("3.4")
    store.snapshots.save("plan-1", {"a": b"\0old", "b": b"b"}, Cursor(), NOW)
    store.snapshots.save("plan-1", {"a": b"\0new"}, cursor, NOW + 1)
    store.snapshots.save("plan-2", {"a": b"2"}, cursor, NOW + 1)
    found = store.snapshots.load("plan-1")
    assert {name: shot.state for name, shot in found.items()} == {"a": b"\0new", "b": b"b"}
    assert (found["a"].upto, found["b"].upto, found["a"].saved_at) == (3, 0, NOW + 1)
    assert store.snapshots.forget("plan-1") == 2
    assert set(store.snapshots.load("plan-1")) | set(store.snapshots.load("plan-2")) == {"a"}


def test_a_key_is_found_by_its_token_until_it_is_revoked(store):
    token = store.keys.create("press", "write", by="ann", now=NOW, random=lambda n: bytes(range(n)))
    store.keys.used("press", NOW + 1)
    key = store.keys.find(token)
    assert (key.name, key.scope, key.last_used_at) == ("press", "write", NOW + 1)
    assert [key.allows(scope) for scope in ("read", "write", "admin")] == [True, True, False]
    assert store.keys.find(token + "x") is None
    store.keys.revoke("press", by="ann", now=NOW + 2)
    assert store.keys.find(token) is None
    assert store.keys.all()[0].revoked_at == NOW + 2
    assert [entry.action for entry in store.audit.entries()] == ["key revoked", "key created"]


@pytest.mark.parametrize(("name", "scope", "said"), [
    ("press", "read", "is there already"), ("Press Line", "read", "is no name"), ("x", "root", "is no scope")])
def test_a_key_that_cannot_be_is_refused(store, name, scope, said):
    store.keys.create("press", "read", by="ann", now=NOW, random=bytes)
    with pytest.raises(StoreError, match=said):
        store.keys.create(name, scope, by="ann", now=NOW, random=bytes)
    with pytest.raises(StoreError, match="no key of this name is in use"):
        store.keys.revoke("nobody", by="ann", now=NOW)


def test_settings_are_json_and_their_change_by_a_person_is_written_down(store):
    assert store.settings.get("active") is None
    store.settings.set("active", {"digest": "f00d"}, NOW, by="ann")
    store.settings.set("policy", [1, 2.5, None], NOW)
    assert store.settings.get("active") == {"digest": "f00d"}
    assert store.settings.get("policy") == [1, 2.5, None]
    assert [(row.done_by, row.action) for row in store.audit.entries()] == [("ann", "setting active")]


def test_refused_rows_are_bounded_and_hostile_text_does_no_harm(store, monkeypatch):
    monkeypatch.setattr("oilcan.io.stores.tables.refused_table.KEPT", 3)
    store.refuse([Refused("telemetry", f"m{at}\0\ud800", at, "out of range", "x" * 5_000) for at in range(5)], NOW)
    found = store.refused()
    assert [row.time for row in found] == [4, 3, 2]
    assert max(len(row.content) for row in found) == 2_000


def test_many_threads_append_at_once_and_nothing_is_lost(store):
    def work(who: int) -> None:
        for time in range(20):
            store.append(batch(*((f"m{who}", time, float(who)), ("shared", time, float(time)))), NOW)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert voltages(store, "shared") == [(time, float(time)) for time in range(20)]
    assert len(store.readings()) == 7 * 20


def test_numbers_of_any_size_and_text_of_any_kind_do_no_harm(store):
    store.append(batch(("a", 1, 1.0)), NOW)
    assert voltages(store, "a", since=-(2**70), until=2**70, after_seq=-(2**70)) == [(1, 1.0)]
    assert store.forecast(2**70) is None
    assert store.forecasts("a\0", since=2**70) == store.records("errors", "\ud800", until=-(2**70)) == []
    assert store.keys.find("\0\ud800") is None
    assert store.alarm(2**70) is None
    [(key, _)] = store.change_alarms([NewAlarm("a", "failure", 7, 0.9, 0.5, [])], NOW)
    assert store.comment(key, "ann", "a\0b\ud800", NOW).comments[0].text == "a\ufffdb?"
    for record in (Record("a", 2**63, "E7"), Record("a", 1, "\0")):
        with pytest.raises(DataError):
            store.add_records("errors", [record], NOW)
