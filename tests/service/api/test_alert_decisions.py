"""Alerts of Alertmanager lead to one decision, written down; what cannot be read is never taken for calm."""

import asyncio
import copy
import json
import secrets

import pytest
from tests.service.faults.faulty_service import FaultyService

from oilcan.cli import main
from oilcan.io.stores import open_store
from oilcan.io.stores.tables.decision_table import Decisions, NewDecision
from oilcan.serving.bodies.alertmanager_body import read_alerts
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.watch.alert_decision import decide_for

ALERT = {"status": "firing", "labels": {"alertname": "OilcanDrift", "decides": "yes"}, "annotations": {"summary": "x"},
         "startsAt": "2026-11-26T21:00:00.123456789Z", "endsAt": "0001-01-01T00:00:00Z",
         "generatorURL": "http://prometheus/graph", "fingerprint": "a1b2"}
GROUP = {"version": "4", "groupKey": "{}:{plant=\"main\"}", "truncatedAlerts": 0, "status": "firing",
         "receiver": "decision", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
         "externalURL": "http://alertmanager", "alerts": [ALERT]}


def group(**changes: object) -> dict:
    """A group of one alert; labels of the alert are replaced if given."""
    made = copy.deepcopy(GROUP)
    labels = changes.pop("labels", None)
    made["alerts"][0] |= {"labels": labels} if labels is not None else {}
    return made | changes


def last_weeks(client, fleet) -> None:
    rows = fleet["telemetry"]
    rows = rows[(rows["time"] >= "2024-05-06") & (rows["machine_id"] <= "M010")].sort_values("time", kind="stable")
    client.send(rows[[name for name in rows if name != "operator_name"]])


def test_an_alert_leads_to_one_decision_that_is_written_down_and_shown(start, fleet):
    client = start(clock="data")
    last_weeks(client, fleet)
    answer = client.post("/v1/alerts", json=group())
    assert answer.status_code == 200, answer.text
    decision = answer.json()["decision"]
    assert decision["action"] in ("nothing", "collect", "recalibrate", "retrain")
    assert decision["reasons"]
    assert decision["detail"]["asked_by"] == ["OilcanDrift"]
    again = client.post("/v1/alerts", json=group()).json()["decision"]
    assert again == decision, "the same alerts, sent twice, are one question"
    other = client.post("/v1/alerts", json=group(groupKey="another")).json()["decision"]
    assert other["id"] > decision["id"]
    shown = client.get("/v1/decisions").json()
    assert [each["id"] for each in shown["decisions"]] == [other["id"], decision["id"]]
    assert shown["state"] == decision["detail"]["state"]
    assert shown["verdict"] == decision["detail"]["verdict"]
    client.service.watch.judge_now()
    text = client.get("/metrics").text
    assert f'oilcan_decision_info{{action="{other["action"]}"}} 1.0' in text
    assert "oilcan_decision_timestamp_seconds" in text


@pytest.mark.parametrize("body", [
    group(labels={"alertname": "OilcanServiceDown"}), group(labels={"alertname": "OilcanDrift", "decides": "no"}),
    group(status="resolved", alerts=[ALERT | {"status": "resolved"}]),
])
def test_alerts_that_the_service_is_down_and_alerts_that_are_over_lead_to_no_decision(client, body):
    answer = client.post("/v1/alerts", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["decision"] is None
    assert client.get("/v1/decisions").json()["decisions"] == []


def test_without_readings_the_decision_is_cannot_tell_never_nothing(client):
    decision = client.post("/v1/alerts", json=group()).json()["decision"]
    assert decision["action"] == "cannot_tell"
    assert client.get("/v1/decisions").json()["decisions"][0]["action"] == "cannot_tell"


def test_an_error_of_the_monitoring_is_cannot_tell(start, fleet, monkeypatch):
    client = start(clock="data")
    last_weeks(client, fleet)
    monkeypatch.setattr("oilcan.serving.watch.live_counts.LiveCounts.verdict", lambda *_: 1 / 0)
    decision = client.post("/v1/alerts", json=group()).json()["decision"]
    assert decision["action"] == "cannot_tell"
    assert "ZeroDivisionError" in decision["reasons"][0]


def test_every_breach_of_the_format_is_listed(client):
    body = group(version="3", receiver=7, more=1)
    body["alerts"][0] |= {"status": "perhaps", "startsAt": "yesterday"}
    answer = client.post("/v1/alerts", json=body)
    assert answer.status_code == 422
    breaches = "\n".join(answer.json()["error"]["breaches"])
    for part in ("version", "receiver", "more: no such word", "alerts.0.status", "alerts.0.startsAt"):
        assert part in breaches
    assert client.get("/v1/decisions").json()["decisions"] == []


@pytest.mark.parametrize(("content", "status"), [
    (b"[]", 422), (b"{", 400), (b'"' + b"x" * 1_048_577 + b'"', 413),
    (json.dumps(group(alerts=[])).encode(), 422), (json.dumps(group(alerts=[ALERT] * 1_001)).encode(), 422),
    (json.dumps(group(labels={"decides": "x" * 5_000})).encode(), 422),
])
def test_what_is_no_group_of_alerts_or_too_large_is_refused(client, content, status):
    answer = client.post("/v1/alerts", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text


def test_a_key_of_scope_alerts_may_send_alerts_and_nothing_else(start):
    client = start(require_keys=True)
    keys = {scope: client.service.store.keys.create(scope, scope, by="test", now=1, random=secrets.token_bytes)
            for scope in ("read", "write", "admin", "alerts")}
    client.wait_ready()

    def status(method: str, path: str, scope: str, **more: object) -> int:
        return client.ask(method, path, headers={"Authorization": f"Bearer {keys[scope]}"}, **more).status_code

    assert {scope: status("POST", "/v1/alerts", scope, json=group()) for scope in keys} == {
        "read": 403, "write": 403, "admin": 200, "alerts": 200}
    assert status("GET", "/v1/decisions", "alerts") == 403
    assert status("GET", "/metrics", "alerts") == 403
    assert status("GET", "/v1/decisions", "read") == 200


def test_without_its_store_nothing_is_decided(bundle_folder, store_url):
    service = FaultyService(store_url, LoadedBundle.load(bundle_folder))
    try:
        for name in ("last_action", "add"):
            service.faults.method, service.faults.calls = f"decisions.{name}", ["before"]
            asked = read_alerts(json.dumps(group()).encode())
            with pytest.raises(Exception, match="as the test wants it"):
                decide_for(asked, service.service.watch, service.store, "test", 1)
        assert service.store.decisions.newest() == []
        assert decide_for(asked, service.service.watch, service.store, "test", 1).action == "cannot_tell"
    finally:
        service.close()


def test_decisions_are_kept_in_order_and_the_last_action_is_known(store_url):
    store = open_store(store_url)
    decisions: Decisions = store.decisions
    assert decisions.last_action() is None
    assert decisions.newest() == []
    for at, action in ((10, "retrain"), (20, "collect"), (30, "cannot_tell")):
        decisions.add(NewDecision("me", action, (f"reason {at}",), "same", {"at": at}), at)
    assert decisions.last_action() == 10
    assert [each.action for each in decisions.newest(2)] == ["cannot_tell", "collect"]
    again = decisions.add(NewDecision("you", "nothing", (), "same"), 35, again_us=10)
    assert (again.id, again.by, again.action) == (decisions.newest(1)[0].id, "me", "cannot_tell")
    assert decisions.add(NewDecision("you", "nothing", (), "same"), 99, again_us=10).action == "nothing"
    store.close()


def test_oilcan_decide_writes_and_reads_the_same_records(start, fleet, bundle_folder, tmp_path, capsys):
    client = start(clock="data")
    last_weeks(client, fleet)
    client.service.log.flush()
    made = client.post("/v1/alerts", json=group()).json()["decision"]
    since = client.service.watch.known.report.windows[0].window
    axis = client.service.watch.known.report.axis
    rules = tmp_path / "monitoring.yaml"
    rules.write_text(json.dumps(client.service.watch.known.rules.model_dump(mode="json")))
    url = client.service.settings.store
    client.stop()
    code = main(["decide", "--bundle", str(bundle_folder), "--rules", str(rules), "--material", str(tmp_path / "none"),
                 "--store", url, "--since", axis.name(since)])
    assert code == (4 if made["action"] == "cannot_tell" else 0)
    assert capsys.readouterr().out.startswith(f"{made['action']}: ")
    store = open_store(url)
    newest = store.decisions.newest()
    store.close()
    assert [each.action for each in newest] == [made["action"]] * 2
    assert newest[0].detail == {name: value for name, value in newest[1].detail.items() if name != "asked_by"}


def test_two_requests_at_once_are_one_decision(start, fleet):
    client = start(clock="data")
    last_weeks(client, fleet)

    async def both() -> list[int]:
        answers = await asyncio.gather(*(client._http.post("/v1/alerts", json=group()) for _ in range(3)))
        return [answer.json()["decision"]["id"] for answer in answers]

    assert len(set(client._runner.run(both()))) == 1
