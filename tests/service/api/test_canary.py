"""A challenger that answers for some machines: which ones, by whose forecast, and when it stops by itself."""

import numpy as np
import pytest
from tests.service.api.conftest import repackaged
from tests.service.api.test_swap import digest
from tests.waiting import wait_until

from oilcan.serving.engine.shadowing import answers_for

NAMES = [f"M{number:03}" for number in range(40)]
CHOSEN = {name for name in NAMES if answers_for(name, 0.3)}


@pytest.fixture
def served(start, bundles, bundle_folder):
    """A service that has forecast forty machines, beside a bundle that alarms always and one that never does."""
    for name, threshold in (("always", 0.0), ("never", 1.0)):
        repackaged(bundle_folder, bundles / name, threshold=threshold)
    client = start(bundle=bundles / "never")
    sent(client, 0)
    return client


def sent(client, first, hours=6):
    readings = [{"machine_id": name, "time": f"2025-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z",
                 "vibration_mm_s": 2.0 + number / 20}
                for hour in range(first, first + hours) for number, name in enumerate(NAMES)]
    answer = client.post("/v1/telemetry", json={"readings": readings})
    assert answer.status_code == 200, answer.text
    return answer.json()


def canary(client, bundles, name, share=0.3):
    body = {"digest": None} if name is None else {"digest": digest(bundles, name), "share": share}
    answer = client.post("/v1/model/canary", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["canary"]


def answering(client):
    """Machine -> digest of the bundle that made its forecast, as the list says, as the log says."""
    client.service.log.flush()
    listed = client.get("/v1/machines?size=100").json()
    said = {each["machine_id"]: each.get("model", listed["model"]) for each in listed["machines"]}
    logged = {each["machine_id"]: client.get(f"/v1/forecasts/{each['id']}").json()["forecast"]["bundle"]
              for each in listed["machines"]}
    assert said == logged
    return said


@pytest.mark.parametrize("name", ["second", "third"])
def test_it_answers_for_its_machines_and_every_forecast_says_so(served, bundles, name):
    shown = canary(served, bundles, name)
    assert shown == {"model": digest(bundles, name), "share": 0.3, "machines": len(CHOSEN), "fell_back": None}
    before = served.get("/v1/model").json()["model"]
    said = answering(served)
    assert said == {each: digest(bundles, name) if each in CHOSEN else before for each in NAMES}
    one = min(CHOSEN)
    assert served.get(f"/v1/machines/{one}").json()["model"] == digest(bundles, name)
    sent(served, 6)
    assert answering(served) == said
    shadowed = {each for each in NAMES if served.service.store.forecasts(each, role="shadow")}
    assert shadowed == set(NAMES) - CHOSEN          # the others are forecast too, and not answered from


def test_its_machines_alarm_by_its_own_policy(served, bundles):
    canary(served, bundles, "always", share=1.0)
    sent(served, 6)
    assert len(served.get("/v1/alarms").json()["alarms"]) == len(NAMES)


def test_it_falls_back_when_it_alarms_more_than_the_rest_of_the_fleet(served, bundles):
    canary(served, bundles, "always")
    sent(served, 6)
    wait_until(lambda: served.get("/v1/model").json()["canary"]["fell_back"], "the canary never fell back")
    shown = served.get("/v1/model").json()["canary"]
    assert shown["fell_back"].startswith(f"{len(CHOSEN)} alarms of {len(CHOSEN)} machines, where the bundle in service "
                                         f"raised 0 of {len(NAMES) - len(CHOSEN)} (chance ")
    assert shown["share"] == 0.0
    assert set(answering(served).values()) == {digest(bundles, "never")}
    entries = [entry for _, entry in served.service.store.people.entries_after(0) if entry.action == "setting models"]
    assert entries[-1].done_by == "canary watch"
    assert "fell_back" in entries[-1].detail["value"]


def test_a_restart_answers_as_before(served, start, bundles):
    canary(served, bundles, "third")
    sent(served, 6)
    served.service.live.saver.save()
    sent(served, 12)
    said, risks = answering(served), served.get("/v1/machines?size=100").json()["machines"]
    again = start(bundle=bundles / "never")
    assert answering(again) == said
    found = again.get("/v1/machines?size=100").json()["machines"]
    for mine, other in zip(risks, found, strict=True):
        assert (mine["machine_id"], mine["id"]) == (other["machine_id"], other["id"])
        np.testing.assert_equal(mine["p_failure"], other["p_failure"])


def test_a_canary_ends_when_it_is_told_to_or_when_a_bundle_is_activated(served, bundles):
    canary(served, bundles, "second")
    assert canary(served, bundles, None) is None
    assert set(answering(served).values()) == {digest(bundles, "never")}
    canary(served, bundles, "second")
    served.post("/v1/model/activate", json={"digest": digest(bundles, "second")})
    assert set(answering(served).values()) == {digest(bundles, "second")}
    assert served.get("/v1/model").json()["canary"] is None


def test_a_canary_whose_bundle_is_gone_is_given_up_at_a_start(served, start, bundles):
    canary(served, bundles, "second")
    (bundles / "second/plan.json").write_text("{}")
    again = start(bundle=bundles / "never")
    assert set(answering(again).values()) == {digest(bundles, "never")}
    assert again.get("/v1/model").json()["canary"]["fell_back"].startswith("its bundle is gone")


@pytest.mark.parametrize("body", [{}, {"digest": "abc", "share": 0.1}, {"digest": "0" * 64, "share": 0.1},
                                  {"digest": None, "bundle": "second"}])
def test_a_canary_that_cannot_be_is_refused(served, body):
    assert served.post("/v1/model/canary", json=body).status_code == 422


@pytest.mark.parametrize("name", ["horizon", "horizon_and_plan"])
def test_forecasts_of_another_horizon_never_stand_beside_the_others(served, bundles, bundle_folder, name):
    repackaged(bundle_folder, bundles / name, horizon="12h", other_plan=name == "horizon_and_plan")
    before = answering(served)
    answer = served.post("/v1/model/canary", json={"digest": digest(bundles, name), "share": 0.3})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["where"] == "body.digest"
    assert "failure: horizon 12 h (in service 72 h)" in error["found"]
    assert "Activate it for all machines" in error["do"]
    assert answering(served) == before
    assert served.get("/v1/model").json()["canary"] is None
    assert served.post("/v1/model/activate", json={"bundle": name}).status_code == 200      # whole, it may answer


@pytest.mark.parametrize("share", [0, -1, 1.5, True, "all", None])
def test_a_share_that_is_none_is_refused(served, bundles, share):
    answer = served.post("/v1/model/canary", json={"digest": digest(bundles, "second"), "share": share})
    assert answer.status_code == 422
    assert answer.json()["error"]["where"] == "body.share"
