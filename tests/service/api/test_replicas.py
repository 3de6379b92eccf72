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
