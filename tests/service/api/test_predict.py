"""POST /v1/predict: the numbers of the batch stage, and refusals that say what to do."""

import json

import numpy as np
import pytest


def test_the_service_says_what_the_batch_stage_says_to_the_last_bit(client, rows, expected):
    answer = client.post("/v1/predict", json={"rows": rows}).json()
    assert answer["refused"] == []
    for at, forecast in enumerate(answer["forecasts"]):
        assert forecast["row"] == at
        assert {name: forecast[name] for name in expected} == expected.iloc[at].to_dict()


def rows_of(readings):
    table = readings.assign(time=[at.isoformat() for at in readings["time"]]).astype(object)
    return table.where(table.notna(), None).to_dict("records")


def test_one_row_says_the_same_as_a_batch(client, rows, expected):
    answer = client.post("/v1/predict", json={"rows": rows[3:4]}).json()["forecasts"][0]
    assert {name: answer[name] for name in expected} == expected.iloc[3].to_dict()


def test_rows_without_names_count_on_the_plan(client, rows, expected, bundle):
    plain = [list(row.values()) for row in rows[3:5]]
    body = {"rows": plain, "plan_hash": bundle.plan.hash}
    answer = client.post("/v1/predict", json=body).json()["forecasts"][0]
    assert {name: answer[name] for name in expected} == expected.iloc[3].to_dict()
    assert client.post("/v1/predict", json={"rows": plain}).status_code == 422
    assert client.post("/v1/predict", json=body | {"plan_hash": "0"}).status_code == 422
    assert client.post("/v1/predict", json=body | {"rows": [plain[0][1:]]}).status_code == 422


def test_every_answer_names_model_and_contract(client, rows, bundle):
    for answer in (client.post("/v1/predict", json={"rows": rows[:1]}), client.get("/v1/model"),
                   client.get("/readyz")):
        assert answer.json()["model"] == bundle.digest
        assert answer.json()["contract"] == {"name": bundle.contract.name, "version": bundle.contract.version}


def test_only_the_forecasts_asked_for_are_made(client, rows):
    answer = client.post("/v1/predict", json={"rows": rows[:1], "forecasts": ["rul"]}).json()["forecasts"][0]
    assert "rul_rul" in answer
    assert "p_failure" not in answer


def test_a_bad_row_is_refused_and_the_rest_is_answered(client, rows):
    name = next(iter(rows[0]))
    answer = client.post("/v1/predict", json={"rows": [rows[0] | {name: "high"}, rows[1]]}).json()
    assert [entry["row"] for entry in answer["forecasts"]] == [1]
    assert answer["refused"] == [{"row": 0, "where": f"body.rows[0].{name}", "found": "the text 'high'",
                                  "wanted": "a number or null"}]


@pytest.mark.parametrize(("content", "status", "found"), [
    (b'{"rows": [{"x": NaN}]}', 400, "unexpected"),
    (b"[1, 2", 400, "end"),
    (b"[]", 422, "a list"),
    (b'{"rows": []}', 422, "an empty list"),
    (b'{"rows": [{}], "colour": 1}', 422, "unknown fields 'colour'"),
    (b'{"rows": [{"x": 1}]}', 422, "unknown 'x'; missing"),
    (b'{"rows": [{}], "forecasts": ["weather"]}', 422, "'weather'"),
    (b"[" * 100_000, 400, "depth"),
])
def test_a_broken_body_is_refused_in_one_form(client, content, status, found):
    answer = client.post("/v1/predict", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert found in answer.json()["error"]["found"]
    assert set(answer.json()["error"]) == {"where", "found", "wanted", "do"}


@pytest.mark.parametrize("value", [True, "1.0", [1], 1e300, -1e39])
def test_only_numbers_that_a_feature_can_hold_are_taken(client, rows, value):
    name = next(iter(rows[0]))
    assert client.post("/v1/predict", json={"rows": [rows[0] | {name: value}]}).status_code == 422


def test_the_log_leads_from_a_forecast_to_its_bundle(client, rows, bundle):
    said = client.post("/v1/predict", json={"rows": rows[:2]}).json()["forecasts"]
    client.service.log.flush()
    kept = client.service.store.forecast(int(said[1]["id"]))
    assert (kept.bundle, kept.role) == (bundle.digest, "asked")
    assert kept.values["p_failure"] == said[1]["p_failure"]


def test_a_batch_that_is_too_long_is_refused(start, rows):
    answer = start(max_rows=2).post("/v1/predict", json={"rows": rows[:3]})
    assert (answer.status_code, answer.json()["error"]["found"]) == (413, "3 rows")


def test_a_body_that_is_too_long_is_refused(start):
    answer = start(max_body_bytes=1024).post("/v1/predict", json={"rows": ["x" * 2000]})
    assert answer.status_code == 413


def test_a_body_that_is_not_said_to_be_json_is_refused(client):
    answer = client.post("/v1/predict", content=json.dumps({"rows": []}), headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_a_window_of_history_says_what_telemetry_says(client, fleet):
    telemetry = fleet["telemetry"]
    recent = telemetry[(telemetry["time"] > telemetry["time"].max() - np.timedelta64(5, "D"))
                       & telemetry["machine_id"].isin(["M001", "M002"])]
    records = [{"machine_id": "M001", "time": recent["time"].min().isoformat(), "component": "bearing"}]
    machines = [{"machine_id": "M001", "model": "P100", "site": "coast", "commissioned": "2023-04-29T00:00:00Z"}]
    client.post("/v1/machines", json={"machines": machines})
    client.post("/v1/maintenance", json={"records": records})
    client.send(recent)
    kept = client.get("/v1/machines").json()["machines"]
    stateless = client.post("/v1/predict", json={"history": {
        "telemetry": rows_of(recent), "maintenance": records, "machines": machines}}).json()["forecasts"]
    for said in stateless:
        same = next(entry for entry in kept if entry["machine_id"] == said["machine_id"])
        assert said["time"] == same["time"]
        assert said["p_failure"] == pytest.approx(same["p_failure"], rel=1e-6)


@pytest.mark.parametrize("history", [{}, {"telemetry": []}, {"telemetry": [{"machine_id": "a"}]}, {"weather": []}, 1])
def test_a_history_that_is_not_of_the_contract_is_refused(client, history):
    assert client.post("/v1/predict", json={"history": history}).status_code == 422
