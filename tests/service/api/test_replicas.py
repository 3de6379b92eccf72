"""Several replicas on one PostgreSQL say what one service would say."""

import asyncio


def reading(hour, name="m1"):
    return {"machine_id": name, "time": f"2025-01-01T{hour:02}:00:00Z", "vibration_mm_s": 2.0 + hour / 5}


def risk(answer):
    return answer.json()["machines"][0]["p_failure"]


def test_a_reading_sent_to_one_replica_counts_in_the_other(start, postgres, tmp_path):
    url = postgres.fresh()
    first, second = start(store=url), start(store=url)
    alone = start(store=f"sqlite:///{tmp_path}/alone.db")
    for hour in range(10):
        one = (first, second)[hour % 2].post("/v1/telemetry", json={"readings": [reading(hour)]})
        assert risk(one) == risk(alone.post("/v1/telemetry", json={"readings": [reading(hour)]}))


def test_maintenance_told_to_one_replica_counts_in_the_other(start, postgres):
    url = postgres.fresh()
    first, second = start(store=url), start(store=url)
    first.post("/v1/telemetry", json={"readings": [reading(1)]})
    record = {"machine_id": "m1", "time": "2025-01-01T01:30:00Z", "component": "bearing"}
    first.post("/v1/maintenance", json={"records": [record]})
    second.post("/v1/telemetry", json={"readings": [reading(2)]})
    first.post("/v1/telemetry", json={"readings": [reading(2)]})
    assert risk(first.get("/v1/machines")) == risk(second.get("/v1/machines"))


def test_a_replica_follows_a_change_of_the_model(start, postgres, bundles):
    url = postgres.fresh()
    first, second = (start(store=url, bundle=bundles / "first") for _ in range(2))
    said = first.post("/v1/model/activate", json={"bundle": "third"}).json()["model"]
    asyncio.run(asyncio.to_thread(second.service.swap.follow_store))
    assert second.get("/v1/model").json()["model"] == said


def test_a_reading_is_forecast_and_logged_by_the_replica_that_takes_it(start, postgres):
    url = postgres.fresh()
    first, second = start(store=url), start(store=url)
    other = second.service.live
    for hour in range(9):                           # the policy looks at 00:00 and 06:00
        answered = first.post("/v1/telemetry", json={"readings": [reading(hour), reading(hour, "m2")]}).json()
        other.follow()
        assert other.engine.put_off.keys() == {"m1", "m2"}
        is_made = hour % 6 == 0
        assert (other.engine.board.time[0] == other.engine.board.newest[0]) == is_made
    shown = {each["machine_id"]: each for each in second.get("/v1/machines").json()["machines"]}
    assert shown.keys() == {"m1", "m2"}
    assert other.engine.put_off == {}
    for each in answered["machines"]:
        assert (shown[each["machine_id"]]["id"], shown[each["machine_id"]]["time"]) == (each["id"], each["time"])
        assert shown[each["machine_id"]]["p_failure"] == each["p_failure"]
    second.post("/v1/telemetry", json={"readings": [reading(9, "m2")]})
    for replica in (first, second):
        replica.service.log.flush()
    times = {name: [each.time for each in other.store.forecasts(name)] for name in ("m1", "m2")}
    assert {name: (len(each), len(set(each))) for name, each in times.items()} == {"m1": (9, 9), "m2": (10, 10)}


def test_what_a_killed_replica_did_not_log_is_logged_by_the_one_that_shows_it(start, postgres, monkeypatch):
    url = postgres.fresh()
    first, second = start(store=url), start(store=url)
    monkeypatch.setattr(first.service.log, "put", lambda _rows: None)        # as if it died before it wrote
    key = first.post("/v1/telemetry", json={"readings": [reading(1)]}).json()["machines"][0]["id"]
    second.service.live.follow()
    assert second.get(f"/v1/forecasts/{key}").status_code == 404
    assert second.get("/v1/machines/m1").json()["id"] == key
    assert second.get(f"/v1/forecasts/{key}").json()["forecast"]["machine_id"] == "m1"
