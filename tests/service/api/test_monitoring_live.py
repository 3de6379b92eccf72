"""The monitoring in the service: the numbers of `oilcan monitor`, bounded, never silent."""

import dataclasses
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tests.service.api.conftest import repackaged
from tests.service.faults.faulty_service import FaultyService
from tests.waiting import wait_until

from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import EVENT_KEYS
from oilcan.ground.errors import IntegrityError, ParamsError, StoreUnavailable
from oilcan.ground.hashing import sha256
from oilcan.io.bundle.bundle_folder import MANIFEST, SEAL, WATCH
from oilcan.io.stage import files
from oilcan.io.stores import Store, open_store
from oilcan.io.stores.column_layout import layout_of
from oilcan.io.stores.log_entries import Cursor
from oilcan.io.stores.tables.forecast_table import Forecasts
from oilcan.io.stores.values import Readings, Record
from oilcan.operations.watching.monitor import watch_tables
from oilcan.operations.watching.watched_model import Monitor
from oilcan.operations.watching.watched_tables import StoreTables, watched_numbers
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.ground.settings import read_settings
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.server import make_app
from oilcan.serving.watch.live_counts import LiveCounts
from oilcan.serving.watch.verdict_samples import samples_of
from oilcan.serving.watch.watch_metrics import TABLE
from oilcan.serving.watch.watch_rules import rules_of

MINUTE, DAY = 60_000_000, 86_400_000_000
KIND = {table: keys[-1] for table, keys in EVENT_KEYS.items()}


@pytest.fixture(scope="module")
def watch(bundle) -> Monitor:
    return Monitor(bundle, bundle.watch_reference, rules_of(bundle.watch_reference, None), None)


@pytest.fixture
def store(bundle, tmp_path) -> Iterator[Store]:
    opened = emptied(bundle, tmp_path / "watched.db")
    yield opened
    opened.close()


def emptied(bundle, path: Path) -> Store:
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    store = open_store(f"sqlite:///{path}")
    store.use_layout(layout_of(bundle.contract, watched_numbers(bundle.contract)), 0)
    return store


def write(store: Store, rows: pd.DataFrame, now: int) -> None:
    store.append(Readings(rows["machine_id"].tolist(), exact(rows["time"]),
                          rows[list(store.layout.columns)].to_numpy(float)), now)


def describe(store: Store, machines: pd.DataFrame, now: int) -> None:
    store.put_machines({row["machine_id"]: {name: row[name] for name in ("model", "site")}
                        for row in machines.to_dict("records")}, now)


def forecast(store: Store, bundle, rows: pd.DataFrame, rng: np.random.Generator, now: int) -> None:
    names = tuple(f"p_{each.name}" for each in bundle.fitted.forecasts if f"p_{each.name}" in {
        "p_failure", *(f"p_failure__{mode}" for mode in ("bearing", "filter", "seal"))})
    store.log_forecasts(Forecasts(bundle.digest, 1, "active", names, np.array(store.forecast_ids(len(rows))),
                                  rows["machine_id"].tolist(), exact(rows["time"]),
                                  rng.beta(1, 20, (len(rows), len(names)))), now)


def follow(live: LiveCounts, store: Store) -> None:
    live.fold(store.changes(live.cursor or Cursor()).entries)


def same(live: LiveCounts, store: Store, watch: Monitor) -> None:
    """The live verdict is that of `oilcan monitor` over the same windows."""
    mine = live.verdict().report
    first = watch.axis.start(mine.windows[0].window)
    other = watch_tables(watch, StoreTables(store, watch.bundle.contract), since=first, until=None, machines_at_once=25)
    assert json.loads(json.dumps(mine.details())) == json.loads(json.dumps(other.details()))
    assert mine.metrics() == other.metrics()


@settings(max_examples=8, deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), faults=st.sets(st.sampled_from(
    ["late", "twice", "jump", "described late", "restart", "gap", "silent sensor", "machine by machine"])))
def test_live_counts_and_oilcan_monitor_agree(watch, bundle, fleet, tmp_path, seed, faults):
    rng = np.random.default_rng(seed)
    rows = fleet["telemetry"]
    rows = rows[(rows["time"] >= "2024-04-22") & (rows["machine_id"] <= "M012")].sort_values("time", kind="stable")
    arrival = exact(rows["time"]) + MINUTE
    if "late" in faults:
        arrival = arrival + np.where(rng.random(len(rows)) < 0.1, rng.integers(0, 9 * DAY, len(rows)), 0)
    if "machine by machine" in faults:
        arrival = rows["machine_id"].rank(method="dense").to_numpy(np.int64) * 400 * DAY + exact(rows["time"])
    if "jump" in faults:
        jumps = ((rows["machine_id"] == "M003") & (rows["time"] > "2024-05-20")).to_numpy()
        rows = rows.assign(time=rows["time"].mask(jumps, rows["time"] + pd.Timedelta(days=3000)))
    if "gap" in faults:
        kept = ((rows["time"] < "2024-05-01") | (rows["time"] > "2024-05-16")).to_numpy()
        rows, arrival = rows[kept], arrival[kept]
    if "silent sensor" in faults:
        rows = rows.assign(flow_m3_h=rows["flow_m3_h"].mask(rows["machine_id"] == "M002"))
    order = np.argsort(arrival, kind="stable")
    rows, arrival = rows.iloc[order], arrival[order]
    store = emptied(bundle, tmp_path / "watched.db")
    live = LiveCounts(watch, store)
    live.rebuild()
    machines = fleet["machines"]
    if "described late" not in faults:
        describe(store, machines, int(arrival[0]))
    cuts = [0, *np.sort(rng.integers(0, len(rows), 5)).tolist(), len(rows)]
    for at, (begin, end) in enumerate(itertools.pairwise(cuts)):
        for part in np.array_split(np.arange(begin, end), 4):
            if len(part):
                write(store, rows.iloc[part], int(arrival[part[-1]]))
        if "twice" in faults and end > begin:
            write(store, rows.iloc[begin:end].sample(frac=0.3, random_state=at), int(arrival[end - 1]))
        if "restart" in faults and at % 2:
            live = LiveCounts(watch, store)
            live.rebuild()
        follow(live, store)
    describe(store, machines, int(arrival[-1]))
    for table, kind in KIND.items():
        found = fleet[table][fleet[table]["time"] >= "2024-04-22"]
        store.add_records(table, [Record(machine, int(time), what) for machine, time, what in zip(
            found["machine_id"], exact(found["time"]), found[kind], strict=True)], int(arrival[-1]))
    forecast(store, bundle, rows, rng, int(arrival[-1]))
    follow(live, store)
    same(live, store, watch)
    store.close()


def test_late_readings_count_for_the_window_they_belong_to(watch, store, fleet):
    rows = fleet["telemetry"]
    rows = rows[(rows["time"] >= "2024-05-06") & (rows["time"] < "2024-05-20")].sort_values("time", kind="stable")
    late = (rows["machine_id"] == "M001").to_numpy() & (rows["time"] < "2024-05-13").to_numpy()
    write(store, rows[~late], int(exact(rows["time"]).max()))
    live = LiveCounts(watch, store)
    live.rebuild()
    write(store, rows[late], int(exact(rows["time"]).max()) + 1)
    follow(live, store)
    window = int(watch.axis.window_of(watch.axis.slot_of(exact(rows["time"][late])))[0])
    assert live.counts.arrivals.of(window).late == late.sum()
    assert live.counts.arrivals.of(window + 1).late == 0
    same(live, store, watch)


def test_counts_are_bounded_and_hold_no_personal_column_and_no_reading(watch, store, fleet):
    rules = watch.rules.model_copy(update={"retention_windows": 5})
    live = LiveCounts(dataclasses.replace(watch, rules=rules), store)
    times = pd.date_range("2020-01-06", periods=4 * 7 * 60, freq="6h", tz="UTC").as_unit("us")
    part = fleet["telemetry"].iloc[[0]].drop(columns="time")
    for begin in range(0, len(times), 280):
        chunk = times[begin:begin + 280]
        rows = pd.concat([part.assign(machine_id=name).merge(pd.DataFrame({"time": chunk}), how="cross")
                          for name in ("M001", "M002", "M003")])
        write(store, rows, int(exact(rows["time"]).max()))
        if live.cursor is None:
            live.rebuild()
        follow(live, store)
        assert live.counts.cells.slots <= 5 * 7
    assert live.verdict().report is not None
    live.rebuild()
    assert live.counts.cells.slots <= 5 * 7
    personal = [name for table in watch.bundle.contract.tables.values() for name, column in table.columns.items()
                if column.personal]
    assert personal
    assert not {*personal} & {*watch.reference.names}
    kept = vars(live.counts.cells)
    assert {type(value) for name, value in kept.items() if name not in ("columns", "bins", "first_slot")} == {
        np.ndarray, list, dict}
    samples = samples_of(live.verdict(), live.watch, 0)
    assert "M001" not in str(samples)


def test_a_clock_that_jumps_takes_no_memory_and_is_an_alert(watch, store, fleet):
    rows = fleet["telemetry"]
    rows = rows[(rows["time"] >= "2024-05-06") & (rows["machine_id"] <= "M008")].sort_values("time", kind="stable")
    live = LiveCounts(watch, store)
    write(store, rows, int(exact(rows["time"]).max()))
    live.rebuild()
    ahead = rows[rows["machine_id"] == "M003"].tail(30)
    ahead = ahead.assign(time=ahead["time"] + pd.Timedelta(days=60_000))
    before = live.counts.cells.nbytes
    write(store, ahead, int(exact(rows["time"]).max()))
    follow(live, store)
    verdict = live.verdict()
    assert live.counts.cells.nbytes == before
    assert any(each.alert.finding.rule == "clock" and each.alert.machines == ("M003",) for each in verdict.report.open)
    samples = samples_of(verdict, watch, 0)
    assert samples["oilcan_clock_ahead_machines"][()] == 1
    assert samples["oilcan_clock_ahead_seconds"][()] > 50_000 * 86_400
    same(live, store, watch)


def test_one_machine_in_the_window_is_cannot_tell(watch, store, fleet):
    rows = fleet["telemetry"]
    write(store, rows[(rows["machine_id"] == "M003") & (rows["time"] >= "2024-05-01")], 1)
    live = LiveCounts(watch, store)
    live.rebuild()
    samples = samples_of(live.verdict(), watch, 0)
    assert samples["oilcan_monitoring_cannot_tell"]["inputs",] == 1
    assert samples["oilcan_monitoring_state"]["calm",] == 0
    assert not any(name.startswith("oilcan_input_drift_of_limit") for name in samples)


def scraped(client) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    out: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            out.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return out


def state(client, name: str, **labels: str) -> float:
    return scraped(client)[name][frozenset(labels.items())]


def test_without_a_reading_it_cannot_tell(client):
    wait_until(lambda: state(client, "oilcan_monitoring_cannot_tell", subject="readings") == 1, "no verdict")
    assert state(client, "oilcan_monitoring_state", state="unknown") == 1
    assert state(client, "oilcan_ready") == 1
    assert client.get("/v1/decisions").json()["state"] == "unknown"


def test_a_bundle_without_a_reference_cannot_be_watched(start, bundle_folder, tmp_path):
    client = start(bundle=repackaged(bundle_folder, tmp_path / "other", other_plan=True))
    wait_until(lambda: state(client, "oilcan_monitoring_cannot_tell", subject="reference") == 1, "no verdict")
    assert state(client, "oilcan_monitoring_state", state="unknown") == 1
    assert "no reference" in client.get("/v1/decisions").json()["verdict"]


@pytest.mark.parametrize(("change", "message"), [
    (lambda reference: dataclasses.replace(reference, dataset="another"), "the reference is of another"),
    (lambda reference: dataclasses.replace(reference, plan_hash="0" * 64), "the reference is of demo_fleet v"),
    (lambda _reference: None, WATCH),
])
def test_a_reference_of_another_contract_or_a_damaged_one_is_refused_at_the_start(
    bundle_folder, tmp_path, change, message
):
    folder = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    reference = change(WatchReference.from_bytes((folder / WATCH).read_bytes(), WATCH))
    (folder / WATCH).write_bytes(b"broken" if reference is None else reference.to_bytes())
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][WATCH] = {"sha256": sha256(folder / WATCH), "bytes": (folder / WATCH).stat().st_size}
    files.write_json(manifest, folder / MANIFEST)
    files.write_text(f"{sha256(folder / MANIFEST)}  {MANIFEST}\n", folder / SEAL)
    with pytest.raises(IntegrityError, match=message):
        make_app(read_settings({}, bundle=folder, store=f"sqlite:///{tmp_path}/new.db", accept_rejected=True))


def test_while_the_store_is_away_it_cannot_tell_and_afterwards_it_can(bundle_folder, fleet, store_url):
    service = FaultyService(store_url, LoadedBundle.load(bundle_folder))
    try:
        watch = service.service.watch
        if service.store.is_shared:
            service.service.duty._look()        # of replicas the first one takes it
        rows = fleet["telemetry"]
        rows = rows[(rows["time"] >= "2024-05-13") & (rows["machine_id"] <= "M008")]
        write(service.store, rows, int(exact(rows["time"]).max()))
        before = watch.judge_now().samples["oilcan_monitoring_state"]
        service.faults.is_away = True
        with pytest.raises(StoreUnavailable, match="as the test wants it"):
            watch._round()
        assert watch.known.samples["oilcan_monitoring_cannot_tell"]["store",] == 1
        assert watch.known.samples["oilcan_monitoring_state"]["unknown",] == 1
        assert watch.errors == 1
        service.faults.heal()
        watch._round()
        assert watch.known.samples["oilcan_monitoring_state"] == before
    finally:
        service.close()


def test_each_call_of_a_verdict_may_fail_and_the_next_verdict_says_the_same(bundle_folder, fleet, store_url):
    service = FaultyService(store_url, LoadedBundle.load(bundle_folder))
    try:
        watch, faults = service.service.watch, service.faults
        rows = fleet["telemetry"]
        rows = rows[(rows["time"] >= "2024-05-13") & (rows["machine_id"] <= "M008")]
        rows.loc[rows["machine_id"] == "M003", "flow_m3_h"] = np.nan        # an alert that reasons of alarms belong to
        write(service.store, rows, int(exact(rows["time"]).max()))
        watch.judge_now()                       # the counts are made
        faults.reached.clear()
        before = watch.judge_now().samples["oilcan_monitoring_state"]
        called = set(faults.reached) & {"first_forecasts", "alarm_reasons", "records", "known", "decisions.newest"}
        assert {"first_forecasts", "alarm_reasons"} <= called
        for faults.method in sorted(called):
            faults.calls = ["before"]
            with pytest.raises(StoreUnavailable, match=f"{faults.method}: before, as the test wants it"):
                watch.judge_now()
            faults.heal()
            assert watch.judge_now().samples["oilcan_monitoring_state"] == before
    finally:
        service.close()


def test_rules_come_from_a_file_or_the_reference(bundle, tmp_path):
    older = dataclasses.replace(bundle.watch_reference, facts={})
    with pytest.raises(ParamsError, match=r"holds no rules .* OILCAN_MONITORING"):
        rules_of(older, None)
    rules = rules_of(bundle.watch_reference, None)
    (tmp_path / "monitoring.yaml").write_text(json.dumps(rules.model_dump(mode="json")))
    assert rules_of(older, tmp_path / "monitoring.yaml") == rules


def test_a_restart_a_replica_and_the_page_of_metrics_say_the_same(start, fleet):
    rows = fleet["telemetry"]
    rows = rows[(rows["time"] >= "2024-05-06") & (rows["machine_id"] <= "M010")].sort_values("time", kind="stable")
    is_silent = (rows["machine_id"] == "M003") & (rows["time"] >= "2024-05-14")
    rows = rows.assign(flow_m3_h=rows["flow_m3_h"].mask(is_silent))
    client = start(clock="data")
    names = [name for name in rows if name != "operator_name"]
    for part in np.array_split(np.arange(len(rows)), 3):
        client.send(rows.iloc[part][names])
    client.service.log.flush()
    mine = client.service.watch.judge_now()
    other = start(clock="data").service.watch.judge_now()
    own = {"oilcan_monitoring_judged_timestamp_seconds"}
    assert {name: values for name, values in mine.samples.items() if name not in own} == {
        name: values for name, values in other.samples.items() if name not in own}
    assert mine.faults == other.faults
    shown = scraped(client)
    assert shown["oilcan_quality_machines"][frozenset({
        "sensor": "flow_m3_h", "fault": "missing", "window": "last"}.items())] == 1
    listed = {each.name: set(each.labels) for each in TABLE}
    of_requests = tuple(family.name for family in Metrics().registry.collect())
    for name, values in shown.items():
        if name in listed:
            assert {frozenset(dict(labels)) for labels in values} == {frozenset(listed[name])}
        else:
            assert name.startswith(of_requests), name
    fault = client.get("/v1/machines/M003").json()["faults"]
    assert [each["text"] for each in fault] == [
        "Flow behind the filter has given no usable value since Tuesday 14 May 2024: this forecast rests on the "
        "other sensors."]
    assert client.get("/v1/machines/M001").json()["faults"] == []
