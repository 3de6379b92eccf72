"""A model that the gate held or rejected is served only if the operator says so, and then every answer says it."""

import pytest
from tests.service.api.conftest import repackaged

from oilcan.ground.errors import ParamsError

pytestmark = pytest.mark.slow


@pytest.fixture
def judged(bundle_folder, tmp_path):
    """A folder of the same bundle with each verdict."""
    home = tmp_path / "judged"
    home.mkdir()
    for gate in ("promote", "hold", "reject"):
        repackaged(bundle_folder, home / gate, gate=gate)
    return home


@pytest.mark.parametrize("gate", ["hold", "reject"])
def test_it_is_refused_with_the_reason_and_the_way_forward(start, judged, gate):
    with pytest.raises(ParamsError, match=f"{gate}: the gate decided '{gate}'.*made up for a test.*--accept-rejected"):
        start(bundle=judged / gate, accept_rejected=False)


def test_a_promoted_model_needs_no_permission(start, judged):
    assert start(bundle=judged / "promote", accept_rejected=False).get("/v1/model").json()["gate"] == "promote"


def test_every_answer_says_what_the_gate_decided(start, judged, rows):
    client = start(bundle=judged / "reject", accept_rejected=True)
    client.post("/v1/telemetry", json={"readings": [{"machine_id": "m1", "time": "2025-01-01T00:00:00Z"}]})
    answers = [client.get(path) for path in ("/v1/model", "/v1/machines", "/v1/machines/m1", "/v1/alarms", "/readyz")]
    answers.append(client.post("/v1/predict", json={"rows": rows[:1]}))
    assert [(answer.status_code, answer.json()["gate"]) for answer in answers] == [(200, "reject")] * len(answers)
    assert client.get("/v1/model").json()["review"]["reasons"] == ["made up for a test"]


def test_it_may_be_watched_but_not_activated(start, judged):
    client = start(bundle=judged / "promote", accept_rejected=False)
    refused = client.post("/v1/model/activate", json={"bundle": "reject"})
    assert refused.status_code == 422
    assert "accept-rejected" in refused.json()["error"]["do"]
    assert client.post("/v1/model/shadow", json={"bundle": "reject"}).status_code == 200
