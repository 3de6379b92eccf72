"""Any JSON at any place of any body: refused, never a defect of the service."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

TIME = "2025-01-01T00:00:00Z"
READING = {"machine_id": "M1", "time": TIME, "vibration_mm_s": 2.0}
BODIES = {
    "/v1/telemetry": [{"readings": [READING]},
                      {"machine_id": ["M1"], "time": [TIME], "columns": {"vibration_mm_s": [2.0], "load_pct": [None]}}],
    "/v1/errors": [{"records": [{"machine_id": "M1", "time": TIME, "code": "E1"}]}],
    "/v1/maintenance": [{"records": [{"machine_id": "M1", "time": TIME, "component": "bearing"}]}],
    "/v1/failures": [{"records": [{"machine_id": "M1", "time": TIME, "mode": "bearing"}]}],
    "/v1/machines": [{"machines": [{"machine_id": "M1", "site": "north"}]}],
    "/v1/alarms/{alarm_id}/acknowledge": [{"comment": "seen", "finding": "worn"}],
    "/v1/alerts": [{
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "decision",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alerts.test", "alerts": [
            {"status": "firing", "labels": {"decides": "yes"}, "annotations": {}, "startsAt": TIME, "endsAt": TIME,
             "generatorURL": "http://prometheus", "fingerprint": "a1"}]}],
    "/v1/model/activate": [{"bundle": "other"}],
    "/v1/model/canary": [{"digest": "0" * 64, "revision": "v1", "share": 0.1}],
    "/v1/model/rollback": [{}],
    "/v1/model/shadow": [{"bundle": None}],
    "/v1/predict": [{"rows": [{}], "plan_hash": "0", "forecasts": ["failure"]}, {"rows": [[1.0]], "plan_hash": "0"},
                    {"history": {"telemetry": [READING], "machines": [{"machine_id": "M1"}],
                                 "failures": [{"machine_id": "M1", "time": TIME, "mode": "bearing"}]}}],
}
HOSTILE = {
    "deep list": "[" * 1_000 + "]" * 1_000, "deep object": '{"a":' * 1_000 + "1" + "}" * 1_000,
    "deep list in list": "[" + "[" * 900 + "1" + "]" * 900 + "]", "long number": "9" * 4_400,
    "long negative": "-" + "1" * 4_400, "long fraction": "0." + "1" * 4_400, "exponent": "1e400", "tiny": "1e-400",
    "edge of int64": "9223372036854775808", "edge of uint64": "18446744073709551616", "-0": "-0",
    "empty list": "[]", "empty object": "{}", "null": "null", "true": "true", "zero text": '"\\u0000"',
    "long text": json.dumps("x" * 100_000), "other digits": '"\u0661\u0662"', "combining": '"a' + "\u0301" * 500 + '"',
    "list of all": '[null, true, 1, "a", [], {}]', "date": '"9999-12-31T23:59:59.999999+14:00"',
    "first date": '"0001-01-01T00:00:00+14:00"', "week": '"2025-W01-1T00:00:00Z"', "proto": '{"__proto__": {}}',
}


def places(content: Any) -> Iterator[list[Any]]:
    """Every path into a body, the body itself included."""
    yield []
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inside:
        yield from ([key, *path] for path in places(value))


def replaced(content: Any, path: list[Any], marker: str) -> Any:
    if not path:
        return marker
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[path[0]] = replaced(content[path[0]], path[1:], marker)
    return copy


def test_the_bodies_here_are_those_of_every_route(client):
    assert set(BODIES) == {route.path for route in client.app.routes
                           if isinstance(route, APIRoute) and "POST" in route.methods}


@pytest.mark.parametrize("path", BODIES)
def test_no_json_at_any_place_of_a_body_is_a_defect(client, path):
    defects = []
    for body in BODIES[path]:
        for place in places(body):
            text = json.dumps(replaced(body, place, "HERE"))
            for kind, hostile in HOSTILE.items():
                answer = client.post(path.replace("{alarm_id}", "1"), content=text.replace('"HERE"', hostile).encode(),
                                     headers={"Content-Type": "application/json"})
                if answer.status_code >= 500:
                    defects.append((kind, place, answer.text))
    assert defects == []


@pytest.mark.parametrize("number", ["0" * 4_400, "9" * 4_400, "9223372036854775808", "-1", "\u0661", "1.0", "0x1"])
def test_what_is_no_id_is_refused(client, number):
    for method, path in (("GET", f"/v1/forecasts/{number}"), ("POST", f"/v1/alarms/{number}/acknowledge")):
        answer = client.ask(method, path, **{"json": {}} if method == "POST" else {})
        assert answer.status_code == 422, (path, answer.text)


@pytest.mark.parametrize("text", ["9" * 39, "0" * 40, "1e9", "\u0661", "2025-01-01", "", "NaT", "now"])
def test_what_is_no_moment_of_a_question_is_refused(client, text):
    client.post("/v1/telemetry", json={"readings": [READING]})
    assert client.get("/v1/machines/M1", params={"since": text}).status_code == 422
