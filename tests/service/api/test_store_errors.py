"""A store that fails: each route answers 503 with the time to wait, and what every other answer carries."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute
from tests.waiting import wait_until

from oilcan.ground.errors import StoreError

TIME = "2025-01-01T00:00:00Z"
BODIES = {
    "/v1/telemetry": {"readings": [{"machine_id": "M1", "time": TIME, "vibration_mm_s": 2.0}]},
    "/v1/errors": {"records": [{"machine_id": "M1", "time": TIME, "code": "E1"}]},
    "/v1/maintenance": {"records": [{"machine_id": "M1", "time": TIME, "component": "bearing"}]},
    "/v1/failures": {"records": [{"machine_id": "M1", "time": TIME, "mode": "bearing"}]},
    "/v1/machines": {"machines": [{"machine_id": "M1"}]},
    "/v1/alarms/{alarm_id}/acknowledge": {"comment": "seen"},
    "/v1/alerts": {
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "decision",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alerts.test", "alerts": [
            {"status": "firing", "labels": {"decides": "yes"}, "annotations": {}, "startsAt": TIME, "endsAt": TIME,
             "generatorURL": "http://prometheus", "fingerprint": "a1"}]},
    "/v1/model/activate": {"bundle": "first"},
    "/v1/model/rollback": {},
    "/v1/model/shadow": {"bundle": None},
}
PLACES = {"machine_id:path": "M1", "alarm_id": "1", "forecast_id": "1", "name": "index.html"}
FROM_MEMORY = {"/", "/static/{name}", "/healthz", "/readyz", "/metrics", "/v1/model", "/v1/predict", "/v1/machines"}


def kinds_of(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds_of(kind)


def ask_all(client, rows) -> dict[str, httpx.Response]:
    """The answer of every route of the application; one without a body above fails here."""
    another = client.get("/v1/model").json()["previous"]
    answers, bodies = {}, BODIES | {"/v1/predict": {"rows": rows[:1]},
                                    "/v1/model/canary": {"digest": another, "share": 0.5}}
    for route in (route for route in client.app.routes if isinstance(route, APIRoute)):
        path = route.path
        for place, value in PLACES.items():
            path = path.replace(f"{{{place}}}", value)
        for method in route.methods:
            body = {"json": bodies[route.path]} if method == "POST" else {}
            answers[f"{method} {route.path}"] = client.ask(method, path, **body)
    return answers


def check_refused(answers: dict[str, httpx.Response]) -> None:
    for route, answer in answers.items():
        assert answer.headers["X-Content-Type-Options"] == "nosniff", route
        assert answer.headers["Content-Security-Policy"], route
        if route.split()[0] == "GET" and route.split()[1] in FROM_MEMORY:
            assert answer.status_code in {200, 503}, (route, answer.text)
        elif route != "POST /v1/predict":
            assert answer.status_code == 503, (route, answer.text)
        if answer.status_code == 503 and "readyz" not in route:
            assert int(answer.headers["Retry-After"]) > 0, route
            assert answer.json()["error"]["where"] in {"store", "service"}, route


@pytest.fixture
def used(start, bundles):
    """A service with one machine, a model before this one, and a store that can be made to fail."""
    client = start(bundle=bundles / "first")
    assert client.post("/v1/telemetry", json=BODIES["/v1/telemetry"]).status_code == 200
    assert client.post("/v1/model/activate", json={"bundle": "second"}).status_code == 200
    return client


@pytest.mark.parametrize("kind", list(kinds_of(StoreError)))
def test_every_route_says_503_while_the_store_fails(used, rows, monkeypatch, kind):
    def fail(*_arguments: object, **_options: object) -> None:
        raise kind("store: fails in this test.")

    with monkeypatch.context() as failing:
        failing.setattr(used.service.store.database, "read", fail)
        failing.setattr(used.service.store.database, "write", fail)
        check_refused(ask_all(used, rows))
    used.wait_ready()


def test_every_route_says_503_while_postgresql_is_away_and_serves_after(start, bundles, rows, postgres):
    client = start(bundle=bundles / "first", store=postgres.fresh())
    assert client.post("/v1/telemetry", json=BODIES["/v1/telemetry"]).status_code == 200
    assert client.post("/v1/model/activate", json={"bundle": "second"}).status_code == 200
    postgres.stop()
    try:
        check_refused(ask_all(client, rows))
    finally:
        postgres.start()
    wait_until(lambda: client.post("/v1/telemetry", json=BODIES["/v1/telemetry"]).status_code == 200, "not served")


def test_a_defect_is_500_with_its_trace_in_the_log_and_the_headers_on_the_answer(client, monkeypatch, caplog):
    monkeypatch.setattr(client.service, "card", lambda: 1 / 0)
    answer = client.get("/v1/model")
    assert (answer.status_code, answer.json()["error"]["where"]) == (500, "service")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "division" not in answer.text
    assert "ZeroDivisionError" in caplog.text
