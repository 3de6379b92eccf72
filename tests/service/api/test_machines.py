"""What the crew asks: the fleet by risk, a machine, the alarms, a forecast of the log."""

import dataclasses

import numpy as np
import pytest

from oilcan.core.alarms.policy import AlarmPolicy


@pytest.fixture
def busy(client, fleet):
    """A service that has seen the last 20 days of the fleet."""
    telemetry = fleet["telemetry"]
    recent = telemetry[telemetry["time"] > telemetry["time"].max() - np.timedelta64(20, "D")]
    client.post("/v1/machines", json={"machines": fleet["machines"][["machine_id", "site"]].to_dict("records")})
    client.send(recent)
    return client


@pytest.fixture
def alarming(client, monkeypatch):
    """A service whose policy alarms at any probability."""
    live = client.service.live
    policy = AlarmPolicy.plain(0.0, refractory=1.0)
    monkeypatch.setattr(live.engine.alarming, "policy", policy)
    client.post("/v1/telemetry", json={"readings": [
        {"machine_id": "m1", "time": f"2025-01-01T{hour:02}:00:00Z", "vibration_mm_s": 2.0} for hour in range(8)]})
    return client


def test_the_riskiest_machine_comes_first(busy):
    risks = [entry["p_failure"] for entry in busy.get("/v1/machines").json()["machines"]]
    assert risks == sorted(risks, reverse=True)


def test_pages_cover_the_fleet_once(busy, fleet):
    pages = [busy.get(f"/v1/machines?size=7&page={page}").json() for page in range(1, 5)]
    names = [entry["machine_id"] for page in pages for entry in page["machines"]]
    assert len(names) == len(set(names)) == pages[0]["total"] == fleet["telemetry"]["machine_id"].nunique()


def test_the_fleet_can_be_filtered_by_a_static_column(busy):
    found = busy.get("/v1/machines").json()
    site = found["filters"]["site"][0]
    some = busy.get("/v1/machines", params={"filter": f"site:{site}", "size": 500}).json()["machines"]
    assert {entry["static"]["site"] for entry in some} == {site}
    assert busy.get("/v1/machines?alarm=true").json()["total"] < found["total"]


def test_a_machine_tells_risk_reasons_history_and_sensors(busy, fleet):
    name = busy.get("/v1/machines?size=1").json()["machines"][0]["machine_id"]
    said = busy.get(f"/v1/machines/{name}").json()
    assert {reason["text"] for reason in said["reasons"]}
    assert said["history"]["p_failure"][-1] == said["p_failure"]
    assert said["rul_rul_low"] <= said["rul_rul"] <= said["rul_rul_high"]
    assert 0 < len(said["sensors"]["time"]) <= 400
    assert set(said["sensors"]["columns"]) == set(fleet["telemetry"].columns) - {"machine_id", "time"}


def test_the_chance_of_a_failure_grows_with_the_horizon(busy):
    said = busy.get("/v1/machines?size=1").json()["machines"][0]
    curve = [value for name, value in said.items() if name.startswith("by_failure")]
    assert curve == sorted(curve)


def test_an_unknown_machine_is_not_found(client):
    assert client.get("/v1/machines/nobody").status_code == 404


def test_an_alarm_is_opened_once_and_can_be_acknowledged(alarming):
    alarms = alarming.get("/v1/alarms").json()["alarms"]
    assert [alarm["machine_id"] for alarm in alarms] == ["m1"]
    number = alarms[0]["id"]
    said = alarming.post(f"/v1/alarms/{number}/acknowledge", json={"comment": "bearing ordered"}).json()["alarm"]
    assert said["acknowledged_by"] == "open"
    assert [comment["text"] for comment in said["comments"]] == ["bearing ordered"]
    assert said["finding"] is None
    looked = alarming.post(f"/v1/alarms/{number}/acknowledge", json={"finding": "worn"}).json()["alarm"]
    assert (looked["finding"], looked["acknowledged_at"]) == ("worn", said["acknowledged_at"])
    assert looked["found_at"] is not None
    refused = alarming.ask("POST", f"/v1/alarms/{number}/acknowledge", json={"finding": "rusty"})
    assert refused.status_code == 422
    assert "body.finding" in refused.text
    assert alarming.get("/v1/machines").json()["machines"][0]["alarm"] == number


def test_an_alarm_is_closed_when_the_machine_is_well(alarming, monkeypatch):
    engine = alarming.service.live.engine
    monkeypatch.setattr(engine.alarming, "policy", dataclasses.replace(engine.alarming.policy, threshold=2, release=2))
    alarming.post("/v1/telemetry", json={"readings": [{"machine_id": "m1", "time": "2025-01-02T00:00:00Z"}]})
    assert alarming.get("/v1/alarms").json()["alarms"] == []
    assert alarming.get("/v1/alarms?state=all").json()["alarms"][0]["closed_at"]


def test_an_open_alarm_survives_a_restart(alarming, start):
    alarming.service.log.flush()
    assert start().get("/v1/machines").json()["machines"][0]["alarm"] is not None


def test_a_forecast_leads_to_model_and_data(busy, bundle):
    entry = busy.get("/v1/machines?size=1").json()["machines"][0]
    logged = busy.get(f"/v1/forecasts/{entry['id']}").json()["forecast"]
    assert (logged["machine_id"], logged["bundle"]) == (entry["machine_id"], bundle.digest)
    assert logged["values"]["p_failure"] == entry["p_failure"]
    assert logged["lineage"] == bundle.manifest["lineage"]


@pytest.mark.parametrize("path", ["/v1/machines?page=0", "/v1/machines?colour=1", "/v1/machines?filter=north",
                                  "/v1/machines/m1?since=soon", "/v1/alarms?state=lost"])
def test_a_parameter_that_is_none_is_refused(client, path):
    client.post("/v1/telemetry", json={"readings": [{"machine_id": "m1", "time": "2025-01-01T00:00:00Z"}]})
    answer = client.get(path)
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"where", "found", "wanted", "do"}


def test_a_forecast_that_is_not_kept_is_not_found(client):
    assert client.get("/v1/forecasts/999999").status_code == 404


@pytest.mark.parametrize("path", ["/v1/forecasts/x", "/v1/forecasts/" + "9" * 40])
def test_what_can_be_no_id_of_a_forecast_is_refused(client, path):
    assert client.get(path).status_code == 422


def test_a_batch_may_take_one_machine_into_its_next_stride_and_leave_others(alarming):
    for hour_of_m2 in (8, 14):
        readings = [{"machine_id": name, "time": f"2025-01-01T{hour:02}:30:00Z", "vibration_mm_s": 2.0}
                    for name, hour in (("m1", 8), ("m2", hour_of_m2))]
        assert alarming.post("/v1/telemetry", json={"readings": readings}).status_code == 200
