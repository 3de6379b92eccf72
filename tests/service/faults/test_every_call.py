"""The store fails at each of its calls in turn: at the first, at the second, before or after it took effect."""

import pytest

from oilcan.io.stores import open_store
from tests.service.faults.faulty_service import ROOMS, FaultyService, methods
from tests.service.faults.test_schedules import do

# calls of commands and pages alone, and `claim` and `use_layout`, without which a service does not start
ELSEWHERE = {"append", "add_records", "put_machines", "refuse", "refused", "comment", "acknowledge", "alarm", "forecast",
             "claim", "use_layout", "records", "readings", "known", "probe", "snapshots.forget", "bundles.lineage",
             "bundles.enter", "audit.add", "audit.entries", "forecasts", "texts.decode", "texts.number"}
STORY = [("machines", 0), ("hour", 0), ("hour", 1), ("hour", 2), ("maintenance", [(1, 1)]), ("save", None), ("hour", 3),
         ("telemetry", [(0, 1, 3), (0, 4, 3), (2, 9, 1)]), ("errors", [(0, 3), (3, 2)]), ("follow", None), ("hour", 5),
         ("retain", None), ("hour", 8), ("save", None)]


def test_every_room_of_the_store_is_among_those_that_fail(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/service.db")
    rooms = {name for name, value in vars(store).items() if type(value).__module__.startswith("oilcan.io.stores.tables")}
    assert rooms == ROOMS.keys() - {""}
    store.close()


@pytest.mark.parametrize("call", [0, 1, 4])
@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("name", methods())
def test_a_fault_at_a_call_leaves_nothing_wrong(served, store_url, tmp_path, name, fault, call):
    service = FaultyService(store_url, served)
    try:
        service.faults.method = name, call, fault
        for step, content in STORY:
            do(service, step, content)
        assert name in service.faults.reached or name in ELSEWHERE or name.startswith("keys."), "the story lacks it"
        service.check(tmp_path / "calm")
    finally:
        service.close()
