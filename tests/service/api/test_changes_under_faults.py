"""A store that fails in the middle of a change of the bundle: what runs is what the store remembers, always."""

import random

from tests.service.api.test_swap import digest, risks
from tests.service.faults.faulty_service import Faults, broken
from tests.waiting import wait_until

from oilcan.serving.service.remembered_models import Models

READINGS = [{"machine_id": f"m{number}", "time": f"2025-01-01T{hour:02}:00:00Z", "vibration_mm_s": 2.0 + number / 9}
            for hour in range(8) for number in range(20)]
MODES = ("before", "after", "disk full", "read-only")
DEEPEST = 12                    # transactions of a change: a fault is put at any of them


def running(client):
    """Digests of what answers and of what is watched, and the share of the canary."""
    engine, card = client.service.live.engine, client.get("/v1/model").json()
    shadow, answers = engine.shadow, engine.active.served.digest
    return (answers if card["model"] == answers else "half a change", shadow.track and shadow.track.served.digest,
            shadow.share)


def remembered(client):
    stored = Models.of(client.service.store)
    return (stored.active.digest, stored.shadow and stored.shadow.digest, stored.canary.share if stored.canary else 0.0)


def test_what_runs_is_what_the_store_remembers_wherever_a_change_fails(start, bundles):
    client, faults, draw = start(bundle=bundles / "first"), Faults(), random.Random(20261127)
    assert client.post("/v1/telemetry", json={"readings": READINGS}).status_code == 200
    first = digest(bundles, "first")
    acts = {"activate": {"bundle": "second"}, "shadow": {"bundle": "third"}, "rollback": {},
            "canary": {"digest": digest(bundles, "third"), "share": 0.5}}
    wanted = {"activate": lambda now: now[0] == digest(bundles, "second"),
              "shadow": lambda now: now[1:] == (digest(bundles, "third"), 0.0),
              "canary": lambda now: now[1:] == (digest(bundles, "third"), 0.5),
              "rollback": lambda now: now[1:] != (digest(bundles, "third"), 0.5)}
    assert client.post("/v1/model/activate", json=acts["activate"]).status_code == 200
    before = risks(client)
    broken(client.service.store, faults)
    statuses = set()
    for number in range(40):
        act = list(acts)[number % len(acts)]
        stored = remembered(client)
        faults.transactions = [None] * draw.randrange(DEEPEST) + [draw.choice(MODES)]
        answer = client.post(f"/v1/model/{act}", json=acts[act])
        faults.heal()
        statuses.add(answer.status_code)
        assert answer.status_code in (200, 503), answer.text
        wait_until(lambda: client.get("/readyz").status_code == 200, "the service is not ready again")
        if answer.status_code == 200:
            assert wanted[act](remembered(client)), (act, remembered(client))
        assert wanted[act](remembered(client)) or remembered(client) == stored
        wait_until(lambda: running(client) == remembered(client), f"{act}: what runs is not what is remembered")
    assert statuses == {200, 503}
    assert client.post("/v1/model/canary", json={"digest": None}).status_code == 200
    client.post("/v1/model/activate", json={"bundle": "first"})
    assert (running(client)[0], risks(client)) == (first, before)
    again = start(bundle=bundles / "first")
    wait_until(lambda: running(again) == remembered(client), "a restart runs something else")
