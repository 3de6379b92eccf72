"""What the service keeps for its next start may be damaged or gone: then it is made again from the log."""

import pytest
from tests.service.faults.faulty_service import FaultyService
from tests.service.faults.test_schedules import do

DAMAGED = ["", "7", "7.x", "999999.1", "-1.4", "1." + "9" * 19, None, 3, [], {}, {"bundle": 3}, {"upto": "x"}]


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_damaged_setting_leads_to_a_rebuild_and_not_to_a_service_that_is_never_ready(served, tmp_path, is_saved):
    service = FaultyService(f"sqlite:///{tmp_path}/service.db", served)
    try:
        for hour in range(8):
            do(service, "hour", hour)
        if is_saved:
            do(service, "save", None)
        names = [row[0] for row in service.store.database.read(lambda tx: tx.rows("SELECT name FROM settings"))]
        assert len(names) == 1 + is_saved, names            # up to where the policy has judged, and the features are
        for at, value in enumerate(DAMAGED):
            do(service, "hour", 8 + at)
            for name in names:
                kept = service.store.settings.get(name)
                entry = kept | value if isinstance(kept, dict) and isinstance(value, dict) else value
                service.store.settings.set(name, entry, 1)
            service.kill()
            service.check(tmp_path / "calm" if at % 5 == 0 or value is None else None)
    finally:
        service.close()
