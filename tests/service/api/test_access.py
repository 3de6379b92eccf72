"""Keys, scopes, limits, headers: who is let in, and how often."""

import secrets
import time

import pytest
from tests.waiting import wait_until

from oilcan.ground.errors import IntegrityError, ParamsError, StoreUnavailable
from oilcan.io.stores import open_store
from oilcan.serving.live.live_service import wall_clock


@pytest.fixture
def key(tmp_path):
    """Makes a key of a scope in the store that `start` uses."""
    def make(scope: str) -> dict[str, str]:
        store = open_store(f"sqlite:///{tmp_path}/service.db")
        token = store.keys.create(f"for-{scope}", scope, by="test", now=0, random=secrets.token_bytes)
        store.close()
        return {"Authorization": f"Bearer {token}"}

    return make


def test_without_a_key_a_local_service_is_open(client):
    assert client.get("/v1/model").status_code == 200


def test_with_a_key_it_is_closed_to_all_without(start, key):
    headers = key("read")
    client = start()
    assert client.get("/v1/model").status_code == 401
    assert client.get("/v1/model", headers={"Authorization": "Bearer oilcan_wrong"}).status_code == 401
    assert client.get("/v1/model", headers=headers).status_code == 200


def test_a_scope_that_is_not_enough_is_forbidden(start, key):
    headers = key("read")
    answer = start().post("/v1/model/rollback", headers=headers, json={})
    assert answer.status_code == 403
    assert answer.json()["error"]["wanted"] == "scope 'admin'"


def test_health_wants_no_key(start, key):
    key("read")
    client = start()
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/metrics").status_code == 401


def test_keys_can_be_demanded_on_loopback(start):
    assert start(require_keys=True).get("/v1/model").status_code == 401


def test_it_does_not_listen_to_a_network_without_a_key(start):
    with pytest.raises(ParamsError, match="there is no key"):
        start(host="0.0.0.0")  # noqa: S104 - what is refused here


def test_a_page_of_another_site_cannot_ask_an_open_service_by_its_own_name(client):
    assert client.get("/v1/model", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/v1/model", headers={"Host": "localhost:8080"}).status_code == 200


def test_too_many_requests_are_told_to_wait(start):
    client = start(rate_per_s=1.0)
    statuses = [client.get("/v1/model").status_code for _ in range(4)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert int(client.get("/v1/model").headers["Retry-After"]) >= 1


def test_every_answer_carries_the_security_headers(client):
    for path in ("/healthz", "/v1/model", "/nowhere"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_an_unknown_route_is_refused_in_the_one_form(client):
    assert client.get("/nowhere").status_code == 404
    assert client.ask("DELETE", "/v1/model").status_code == 405
    assert client.get("/nowhere").json()["error"]["where"] == "request"


def test_metrics_count_requests_by_route(client):
    client.get("/v1/model")
    assert 'oilcan_requests_total{route="/v1/model",status="200"} 1.0' in client.get("/metrics").text


def test_a_changed_bundle_is_refused(start, bundle_folder, tmp_path):
    copy = tmp_path / "bundle"
    copy.mkdir()
    for file in bundle_folder.rglob("*"):
        target = copy / file.relative_to(bundle_folder)
        if file.is_dir():
            target.mkdir()
        else:
            target.write_bytes(file.read_bytes())
    (copy / "forecasts.json").write_bytes((copy / "forecasts.json").read_bytes() + b" ")
    with pytest.raises(IntegrityError, match="not the bundle that was packaged"):
        start(bundle=copy)


def test_the_document_describes_every_route_and_every_feature(client, bundle):
    document = client.get("/openapi.json").json()
    assert {"/healthz", "/readyz", "/metrics", "/v1/model", "/v1/predict"} <= set(document["paths"])
    row = document["components"]["schemas"]["predict"]["anyOf"][0]["properties"]["rows"]["items"]
    assert row["required"] == list(bundle.fitted.features)


def stored_key(tmp_path, name: str):
    store = open_store(f"sqlite:///{tmp_path}/service.db")
    try:
        return next(key for key in store.keys.all() if key.name == name)
    finally:
        store.close()


def test_the_last_use_of_a_key_is_written_once_a_minute(start, key, tmp_path):
    headers = key("read")
    client = start()
    before = wall_clock()
    assert client.get("/v1/model", headers=headers).status_code == 200
    wait_until(lambda: stored_key(tmp_path, "for-read").last_used_at is not None, "the use was not written")
    first = stored_key(tmp_path, "for-read").last_used_at
    assert before <= first <= wall_clock()
    client.get("/v1/model", headers=headers)
    client.get("/v1/model", headers={"Authorization": "Bearer unknown"})        # answered after another reading
    assert stored_key(tmp_path, "for-read").last_used_at == first
    client.stop()
    assert stored_key(tmp_path, "for-read").last_used_at > first                 # and at the end


def test_a_key_is_good_from_the_moment_it_is_made_until_two_seconds_after_it_is_revoked(start, key, tmp_path):
    client = start(require_keys=True)
    headers = key("read")
    assert client.get("/v1/model", headers=headers).status_code == 200
    store = open_store(f"sqlite:///{tmp_path}/service.db")
    store.keys.revoke("for-read", by="test", now=0)
    store.close()
    wait_until(lambda: client.get("/v1/model", headers=headers).status_code == 401, "still good", 4.0)


def test_while_the_store_is_away_known_keys_stay_good_and_unknown_ones_are_asked_to_wait(start, key, monkeypatch):
    headers = key("admin")
    client = start()

    def fail(*_: object) -> None:
        raise StoreUnavailable("store: fails in this test.")

    monkeypatch.setattr(client.service.store.database, "read", fail)
    assert client.get("/v1/model", headers=headers).status_code == 200
    answer = client.get("/v1/model", headers={"Authorization": "Bearer unknown"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    later = time.monotonic() + 61
    monkeypatch.setattr("oilcan.serving.access.key_ring.time.monotonic", lambda: later)
    assert client.get("/v1/model", headers=headers).status_code == 503
    assert client.get("/healthz").status_code == 200
