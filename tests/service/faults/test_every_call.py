"""The store fails at each of its calls in turn: at the first, at the second, before or after it took effect."""

import json

import pytest
from tests.service.faults.faulty_service import ROOMS, FaultyService, methods
from tests.service.faults.test_schedules import do
from tests.service.receivers import rules
from tests.waiting import wait_until

from oilcan.io.stores import open_store

# what only commands, pages and tests call; claim and use_layout a service needs to start at all; forecast_ids is called
# where a bundle changes, and api/test_changes_under_faults.py lets each transaction of a change fail; duties are for
# replicas, in test_duty.py; alarm_reasons needs a whole window, in api/test_monitoring_live.py
ELSEWHERE = {"claim", "forecast_ids", "use_layout", "append", "add_records", "put_machines", "refuse", "refused",
             "comment", "acknowledge", "alarm", "alarms", "alarm_reasons", "extent", "forecast", "forecasts", "records",
             "readings", "known", "probe", "snapshots.forget", "bundles.lineage", "bundles.enter", "audit.add",
             "audit.entries", "notices.newest", "notices.about", "texts.decode", "texts.number", "forecasts_by_bundle",
             *(name for name in methods() if name.startswith(("keys.", "people.", "duties.")))}
STORY = [("machines", 0), ("hour", 0), ("hour", 1), ("hour", 2), ("maintenance", [(1, 1)]), ("save", None),
         ("machines", 1), ("hour", 3), ("telemetry", [(0, 1, 3), (0, 4, 3), (2, 9, 1)]),
         ("errors", [(0, 3), (3, 2)]), ("follow", None),
         ("watch", None), ("hour", 5), ("watch", None), ("watch", None), ("alert", 1), ("alert", 2), ("retain", None),
         *(("hour", at) for at in range(6, 16)), ("save", None), ("hour", 17), ("hour", 20),
         *[("tell", None)] * 4]


def test_every_room_of_the_store_is_among_those_that_fail(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/service.db")
    rooms = {name for name, value in vars(store).items()
             if type(value).__module__.startswith("oilcan.io.stores.tables")}
    assert rooms == ROOMS.keys() - {""}
    store.close()


@pytest.mark.parametrize("name", sorted(set(methods()) - ELSEWHERE))
def test_a_call_that_fails_leaves_nothing_wrong(served, store_url, tmp_path, inbox, name):
    told = tmp_path / "notifications.yaml"
    told.write_text(json.dumps(rules({"*": {"channels": ["desk"]}}, {"desk": {"kind": "webhook", "url": inbox.url}})))
    service = FaultyService(store_url, served, notifications=told)
    try:
        service.faults.method = name
        service.faults.calls = ["before", "after", None, "before", None, None, "after", None, None, "before"]
        for step, content in STORY:
            do(service, step, content)
        # some calls are made behind the answers, by a thread of the service
        wait_until(lambda: service.faults.reached[name], "the story lacks a step that leads to this call")
        service.check(tmp_path / "calm")
        keys = [headers["Idempotency-Key"] for headers, _, _ in inbox.requests]
        assert len(set(keys)) == len(keys)              # no message went out twice
        service.end()
        service.faults.heal()
        service.faults.calls = ["before", "after", None, "before"]
        service.start()                     # a start fails like anything else, and the next attempt goes on
        do(service, "hour", 24)
        service.check(tmp_path / "calm")
    finally:
        service.close()
