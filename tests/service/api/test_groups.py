"""Requests that wait are written together, and each is judged alone."""

import asyncio
import threading

import httpx
import pytest

AT = "2025-01-01T05:00:00Z"
BODIES = {
    "telemetry": lambda name: {"readings": [{"machine_id": name, "time": AT}]},
    "errors": lambda name: {"records": [{"machine_id": name, "time": AT, "code": "E7"}]},
    "maintenance": lambda name: {"records": [{"machine_id": name, "time": AT, "component": "bearing"}]},
    "failures": lambda name: {"records": [{"machine_id": name, "time": AT, "mode": "bearing"}]},
}


@pytest.mark.parametrize("route", BODIES)
def test_a_request_that_is_refused_takes_no_other_of_its_group_with_it(start, monkeypatch, route):
    client = start(known_machines_only=True)
    known = [f"m{number}" for number in range(4)]
    described = client.post("/v1/machines", json={"machines": [{"machine_id": name} for name in known]})
    assert described.status_code == 200
    pipeline, may_go_on, groups = client.service.live.pipeline, threading.Event(), []
    write = pipeline._write

    def wait_and_write(jobs):
        groups.append(len(jobs))
        may_go_on.wait(30)
        write(jobs)

    monkeypatch.setattr(pipeline, "_write", wait_and_write)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            names = ["m0", "m1", "a stranger", "m2", "another stranger", "m3"]
            asked = [asyncio.create_task(http.post(f"/v1/{route}", json=BODIES[route](name))) for name in names]
            while pipeline._to_write.qsize() + sum(groups) < len(names):
                await asyncio.sleep(0.01)
            may_go_on.set()
            return await asyncio.gather(*asked)

    answers = asyncio.run(ask())
    assert max(groups) > 1
    assert [answer.status_code for answer in answers] == [200, 200, 422, 200, 422, 200]
    assert ["stranger" in answer.text for answer in answers] == [False, False, True, False, True, False]
    assert {name for answer in answers if answer.is_success
            for name in (each["machine_id"] for each in answer.json().get("machines", []))} <= set(known)
