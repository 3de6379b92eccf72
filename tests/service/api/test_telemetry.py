"""POST /v1/telemetry and the feedback: once each, durable, and the risks that batch would say."""

import json

import numpy as np
import pandas as pd
import pytest

ROW = {"machine_id": "m1", "time": "2025-01-01T00:00:00Z", "load_pct": 50.0, "vibration_mm_s": 2.5}


def post(client, *readings):
    return client.post("/v1/telemetry", json={"readings": list(readings)})


def _records(table: pd.DataFrame) -> list[dict]:
    return json.loads(table.assign(time=table["time"].map(lambda at: at.isoformat())).to_json(orient="records"))


def test_the_service_says_what_predict_wrote_for_the_last_row_of_each_machine(client, fleet, predicted):
    last = predicted.sort_values("time").groupby("machine_id").tail(1).set_index("machine_id")
    def until(table): return table[table["time"] <= table["machine_id"].map(last["time"])]
    statics = fleet["machines"][["machine_id", "model", "site", "commissioned"]]
    statics = json.loads(statics.assign(commissioned=statics["commissioned"].map(str)).to_json(orient="records"))
    assert client.post("/v1/machines", json={"machines": statics}).json()["accepted"] == len(statics)
    for table in ("errors", "maintenance", "failures"):
        answer = client.post(f"/v1/{table}", json={"records": _records(until(fleet[table]))})
        assert answer.status_code == 200, answer.text
    for _, batch in until(fleet["telemetry"]).sort_values("time").groupby(pd.Grouper(key="time", freq="15D")):
        client.send(batch)
    machines = client.get("/v1/machines?size=500").json()["machines"]
    found = pd.DataFrame(machines).set_index("machine_id").loc[last.index]
    for column in ("p_failure", "rul_rul"):
        np.testing.assert_allclose(found[column], last[column], rtol=1e-6)


def test_a_reading_sent_twice_counts_once(client):
    first, second = post(client, ROW).json(), post(client, ROW).json()
    assert (first["accepted"], second["accepted"], second["duplicates"]) == (1, 0, 1)
    assert len(client.service.store.readings("m1")) == 1
    assert second["machines"] == first["machines"]


def test_a_reading_that_says_otherwise_is_kept_aside(client):
    post(client, ROW)
    assert post(client, ROW | {"load_pct": 60.0}).json()["conflicts"] == 1
    assert client.service.store.readings("m1").values[0, 0] == 50.0


def test_only_bad_rows_are_refused_and_the_answer_says_which(client):
    answer = post(client, ROW, ROW | {"time": "yesterday"}, ROW | {"machine_id": ""}, ROW | {"load": 1}, 7).json()
    assert answer["accepted"] == 1
    assert [(row["row"], row["where"]) for row in answer["refused"]["rows"]] == [
        (1, "row 1.time"), (2, "row 2.machine_id"), (3, "row 3"), (4, "row 4")]


def test_an_impossible_value_is_missing_to_the_features_and_kept_aside(client):
    answer = post(client, ROW | {"load_pct": 1e6}).json()
    assert answer["set_aside"] == {"count": 1, "values": [
        {"row": 0, "column": "load_pct", "value": 1e6, "wanted": "0 to 120 %"}]}
    assert np.isnan(client.service.store.readings("m1").values[0, 0])
    assert client.service.store.refused()[0].content == "load_pct=1000000.0"


def test_a_reading_of_the_future_is_refused_with_the_reason(client):
    answer = post(client, ROW | {"time": "2199-01-01T00:00:00Z"})
    assert answer.status_code == 422
    assert "ahead of our clock" in answer.json()["error"]["found"]


@pytest.mark.parametrize("body", [
    {"readings": []}, {"readings": 1}, {}, {"machine_id": ["a"], "time": [], "columns": {}},
    {"machine_id": ["a"], "time": ["2025-01-01T00:00:00Z"], "columns": {"load_pct": [1, 2]}},
    {"machine_id": ["a"], "time": ["2025-01-01T00:00:00Z"], "columns": {"colour": [1]}},
    {"readings": [ROW], "unit": "kPa"}, {"readings": [ROW | {"load_pct": "50"}]}, {"readings": [ROW | {"time": 5}]},
])
def test_a_body_that_is_not_of_the_contract_is_refused(client, body):
    answer = client.post("/v1/telemetry", json=body)
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"where", "found", "wanted", "do"}


def test_columns_say_the_same_as_rows(start, tmp_path):
    other = start(store=f"sqlite:///{tmp_path}/other.db")
    rows = post(start(), ROW).json()["machines"][0]
    columns = other.post("/v1/telemetry", json={"machine_id": ["m1"], "time": [ROW["time"]], "columns": {
        name: [ROW[name]] for name in ("load_pct", "vibration_mm_s")}}).json()["machines"][0]
    assert rows == columns


def test_a_restart_says_what_was_said_before(start):
    first = start(snapshot_every_s=0.05)
    for hour in range(30):
        post(first, *(ROW | {"machine_id": name, "time": f"2025-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z"}
                      for name in ("m1", "m2")))
    before = first.get("/v1/machines").json()["machines"]
    first.service.log.flush()
    after = start().get("/v1/machines").json()["machines"]
    assert [entry | {"data_age_s": 0} for entry in after] == [entry | {"data_age_s": 0} for entry in before]


def test_the_number_of_unknown_machines_is_bounded(start):
    client = start(max_machines=2)
    answer = post(client, *(ROW | {"machine_id": name} for name in "abcd")).json()
    assert (answer["accepted"], answer["refused"]["count"]) == (2, 2)
    assert post(client, ROW | {"machine_id": "e"}).status_code == 422
    assert post(client, ROW | {"machine_id": "a", "time": "2025-01-01T01:00:00Z"}).json()["accepted"] == 1


def test_unknown_machines_beside_wrong_rows_are_refused_by_their_place_in_the_body(start):
    client = start(max_machines=1)
    wrong = ROW | {"time": "never"}
    answer = post(client, wrong, ROW | {"machine_id": "a"}, ROW | {"machine_id": "b"}, wrong).json()
    assert [(entry["row"], entry["where"]) for entry in answer["refused"]["rows"]] == [
        (0, "row 0.time"), (2, "row 2.machine_id"), (3, "row 3.time")]


def test_unknown_machines_can_be_refused(start):
    client = start(known_machines_only=True)
    assert post(client, ROW).status_code == 422
    client.post("/v1/machines", json={"machines": [{"machine_id": "m1", "site": "north"}]})
    assert post(client, ROW).json()["accepted"] == 1


def test_feedback_is_stored_once_and_changes_the_risk(client):
    post(client, ROW)
    record = {"machine_id": "m1", "time": "2025-01-01T00:00:00Z", "component": "bearing", "kind": "planned"}
    first = client.post("/v1/maintenance", json={"records": [record]}).json()
    again = client.post("/v1/maintenance", json={"records": [record]}).json()
    assert (first["accepted"], again["accepted"], again["duplicates"]) == (1, 0, 1)
    assert first["machines"][0]["id"] != "1"
    assert client.get("/v1/machines/m1").json()["last_maintenance"] == {
        "time": "2025-01-01T00:00:00Z", "component": "bearing"}


def test_a_record_of_an_unknown_component_is_refused(client):
    record = {"machine_id": "m1", "time": "2025-01-01T00:00:00Z", "component": "door"}
    assert "one of" in client.post("/v1/maintenance", json={"records": [record]}).json()["error"]["wanted"]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "1899-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00"])
def test_a_year_that_no_clock_shows_is_refused(client, time):
    answer = client.post("/v1/maintenance", json={"records": [
        {"machine_id": "M001", "time": time, "component": "seal"}]})
    assert answer.status_code == 422
    assert "of 1900 to 2199" in answer.text


def test_every_form_of_iso_8601_is_the_same_day_of_a_machine(client):
    for day in ("2026-01-31T00:00:00Z", "20260131T000000+0000", "2026-W05-6T00:00:00Z"):
        answer = client.post("/v1/machines", json={"machines": [{"machine_id": "M001", "commissioned": day}]})
        assert answer.status_code == 200, answer.text
