"""Reads of machines do not wait for those who write: neither for the store nor for what waits before the engine."""

import asyncio
import threading

import httpx
import pytest

from oilcan.serving.live.write_pipeline import Pipeline
from oilcan.serving.routes import machines

READS = sorted(route.path for route in machines.ROUTES if "GET" in route.methods)


def reading(hour: int) -> dict:
    return {"readings": [{"machine_id": "m1", "time": f"2025-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z"}]}


@pytest.mark.parametrize("path", READS)
def test_a_read_is_answered_while_the_store_takes_no_write_and_the_queue_is_full(start, path, monkeypatch):
    client = start()
    assert client.post("/v1/telemetry", json=reading(0)).status_code == 200
    client.service.log.flush()
    known = client.get("/v1/machines").json()["machines"][0]
    url = path.replace("{machine_id:path}", "m1").replace("{forecast_id}", known["id"])
    database, may_go_on = client.service.store.database, threading.Event()
    write = database.write
    monkeypatch.setattr(database, "write", lambda work: (may_go_on.wait(60), write(work))[1])

    async def ask() -> tuple[httpx.Response, list[httpx.Response]]:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            writes = [asyncio.create_task(http.post("/v1/telemetry", json=reading(hour))) for hour in range(1, 300)]
            while not any(each.done() for each in writes):      # the first one that is refused: the queue is full
                await asyncio.sleep(0.01)
            async with asyncio.timeout(10):
                answer = await http.get(url)
            may_go_on.set()
            return answer, await asyncio.gather(*writes)

    answer, written = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    assert {each.status_code for each in written} == {200, 503}


def test_a_call_of_the_engine_goes_before_the_groups_that_wait_for_it():
    order: list[object] = []
    is_busy, may_go_on = threading.Event(), threading.Event()

    def apply(jobs):
        is_busy.set()
        may_go_on.wait(10)
        order.append(jobs[0].kind)
        for job in jobs:
            job.finish(None)

    pipeline = Pipeline(lambda _jobs: None, apply)
    futures = [pipeline.submit(str(at), []) for at in range(4)]      # of different kinds: each is a group of its own
    assert is_busy.wait(10)
    call = pipeline.call(lambda: order.append("call"))
    may_go_on.set()
    for future in (*futures, call):
        future.result(10)
    pipeline.stop()
    assert order == ["0", "call", "1", "2", "3"]
