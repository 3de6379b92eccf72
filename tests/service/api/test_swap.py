"""Another bundle without a gap, a challenger that is only watched, and the way back."""

import asyncio
import json
import shutil

import httpx
import pytest
from tests.waiting import wait_until

from oilcan.ground.errors import IntegrityError

READINGS = [{"machine_id": name, "time": f"2025-01-01T{hour:02}:00:00Z", "vibration_mm_s": 2.0 + hour / 10}
            for name in ("m1", "m2") for hour in range(20)]


@pytest.fixture
def client(start, bundles):
    client = start(bundle=bundles / "first")
    client.post("/v1/telemetry", json={"readings": READINGS})
    return client


def digest(bundles, name):
    return (bundles / name / "manifest.sha256").read_text().split()[0]


def lineage(bundles, name):
    return json.loads((bundles / name / "manifest.json").read_text())["lineage"]


def risks(client):
    return {entry["machine_id"]: entry["p_failure"] for entry in client.get("/v1/machines").json()["machines"]}


@pytest.mark.parametrize("name", ["second", "third"])
def test_another_bundle_takes_over_with_the_state_of_every_machine(client, bundles, name):
    before = risks(client)
    assert client.post("/v1/model/activate", json={"bundle": name}).json()["model"] == digest(bundles, name)
    assert client.get("/v1/machines").json()["model"] == digest(bundles, name)
    assert risks(client) == before              # the same trees, so the same risks, from features derived again
    later = {"machine_id": "m1", "time": "2025-01-01T20:00:00Z", "vibration_mm_s": 4.0}
    assert client.post("/v1/telemetry", json={"readings": [later]}).json()["model"] == digest(bundles, name)


def test_one_call_goes_back(client, bundles):
    client.post("/v1/model/activate", json={"bundle": "second"})
    answer = client.post("/v1/model/rollback", json={})
    assert answer.json()["model"] == digest(bundles, "first")
    assert answer.json()["previous"] == digest(bundles, "second")


def test_a_forecast_leads_back_when_another_bundle_answers_and_after_a_restart(client, start, bundles):
    first = client.get("/v1/machines").json()["machines"][0]["id"]
    client.post("/v1/model/activate", json={"bundle": "second"})
    client.service.log.flush()
    for again in (client, start(bundle=bundles / "first")):
        assert again.get("/v1/model").json()["model"] == digest(bundles, "second")
        logged = again.get(f"/v1/forecasts/{first}").json()["forecast"]
        assert (logged["bundle"], logged["lineage"]) == (digest(bundles, "first"), lineage(bundles, "first"))


def test_what_a_challenger_said_leads_back_when_it_is_watched_no_more(client, bundles):
    client.post("/v1/model/shadow", json={"bundle": "third"})
    client.post("/v1/telemetry", json={"readings": [{"machine_id": "m1", "time": "2025-01-01T20:00:00Z"}]})
    client.post("/v1/model/shadow", json={"bundle": None})
    client.service.log.flush()
    key = client.service.store.forecasts("m1", role="shadow")[-1].id
    assert client.get(f"/v1/forecasts/{key}").json()["forecast"]["lineage"] == lineage(bundles, "third")


def test_there_is_nothing_to_go_back_to_at_first(client):
    assert client.post("/v1/model/rollback", json={}).status_code == 409


def test_a_restart_serves_what_was_activated(client, start, bundles):
    client.post("/v1/model/activate", json={"bundle": "second"})
    assert start(bundle=bundles / "first").get("/v1/model").json()["model"] == digest(bundles, "second")


def test_settings_that_name_another_bundle_since_count(client, start, bundles):
    client.post("/v1/model/activate", json={"bundle": "second"})
    assert start(bundle=bundles / "third").get("/v1/model").json()["model"] == digest(bundles, "third")


def test_an_activated_bundle_that_changed_since_is_refused_at_a_start(client, start, bundles):
    client.post("/v1/model/activate", json={"bundle": "second"})
    (bundles / "second/plan.json").write_text("{}")
    with pytest.raises(IntegrityError, match="not the bundle that was packaged"):
        start(bundle=bundles / "first")


def test_a_changed_bundle_is_refused_and_the_old_one_serves_on(client, bundles):
    (bundles / "second/forecasts.json").write_text("{}")
    answer = client.post("/v1/model/activate", json={"bundle": "second"})
    assert answer.status_code == 422
    assert "not the bundle that was packaged" in answer.json()["error"]["found"]
    assert client.get("/v1/model").json()["model"] == digest(bundles, "first")


def test_a_bundle_is_activated_by_its_digest_wherever_it_lies(start, bundles, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    shutil.copytree(bundles / "first", home / "first")
    client = start(bundle=home / "first", bundle_source=str(bundles))
    second = digest(bundles, "second")
    for _ in range(2):                      # a roll-out that is repeated changes nothing
        answer = client.post("/v1/model/activate", json={"digest": second, "revision": "demo_fleet#production#1"})
        assert (answer.json()["model"], answer.json()["previous"]) == (second, digest(bundles, "first"))
    assert answer.json()["review"]["decision"] == "promote"
    assert digest(home, second) == second


@pytest.mark.parametrize("body", [
    {"digest": "0" * 64}, {"digest": "abc"}, {"digest": 7}, {"digest": None}, {"digest": "0" * 64, "bundle": "second"},
    {"digest": "0" * 64, "revision": "--upload-pack=x"}, {"digest": "0" * 64, "source": "elsewhere"}])
def test_a_digest_that_cannot_be_activated_is_refused(client, bundles, body):
    assert client.post("/v1/model/activate", json=body).status_code == 422
    assert client.get("/v1/model").json()["model"] == digest(bundles, "first")


@pytest.mark.parametrize("name", ["../first", ".", "/etc", "nowhere", "", 7])
def test_only_bundles_of_the_folder_can_be_activated(client, name):
    assert client.post("/v1/model/activate", json={"bundle": name}).status_code == 422


@pytest.mark.parametrize("name", ["second", "third"])
def test_a_challenger_is_logged_and_counted_but_never_answers(client, bundles, name):
    client.post("/v1/model/shadow", json={"bundle": name})
    later = {"machine_id": "m1", "time": "2025-01-01T20:00:00Z", "vibration_mm_s": 4.0}
    said = client.post("/v1/telemetry", json={"readings": [later]}).json()
    assert said["model"] == digest(bundles, "first")
    client.service.log.flush()
    kept = client.service.store.forecasts("m1", role="shadow")
    assert [each.bundle for each in kept] == [digest(bundles, name)]
    assert kept[0].values["p_failure"] == said["machines"][0]["p_failure"]
    metrics = client.get("/metrics").text
    assert f'oilcan_bundle_info{{digest="{digest(bundles, name)}",role="shadow"}} 1.0' in metrics
    assert "oilcan_shadow_difference_count 1.0" in metrics


def test_a_challenger_that_would_alarm_is_counted(client):
    client.post("/v1/model/shadow", json={"bundle": "second"})              # its threshold is 0
    client.post("/v1/telemetry", json={"readings": [{"machine_id": "m1", "time": "2025-01-01T21:00:00Z"}]})
    assert "oilcan_shadow_disagreements_total 1.0" in client.get("/metrics").text


def test_a_challenger_is_watched_again_after_a_restart(client, start, bundles):
    client.post("/v1/model/shadow", json={"bundle": "third"})
    again = start(bundle=bundles / "first")
    wait_until(lambda: again.service.live.engine.shadow.track is not None, "the challenger was not loaded again")
    assert again.service.live.engine.shadow.track.served.digest == digest(bundles, "third")
    assert again.post("/v1/model/shadow", json={"bundle": None}).json()["shadow"] is None
    assert again.service.live.engine.shadow.track is None


def test_no_request_fails_while_bundles_change_under_load(client, bundles, rows):
    app, answers = client.app, []

    async def load(http, stop):
        hour = 0
        while not stop.is_set():
            hour += 1
            reading = {"machine_id": "m1", "time": f"2025-02-{1 + hour // 24:02}T{hour % 24:02}:00:00Z"}
            answers.append(await http.post("/v1/telemetry", json={"readings": [reading]}))
            answers.append(await http.post("/v1/predict", json={"rows": rows[:1]}))

    async def change():
        stop = asyncio.Event()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
            clients = asyncio.create_task(load(http, stop))
            for name in ("second", "third", "first"):
                assert (await http.post("/v1/model/activate", json={"bundle": name})).status_code == 200
                await asyncio.sleep(0.05)
            stop.set()
            await clients

    asyncio.run(change())
    assert {answer.status_code for answer in answers} == {200}
    assert {json.loads(answer.content)["model"] for answer in answers} >= {digest(bundles, "second"),
                                                                          digest(bundles, "third")}
