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


def of_another_machine(states: dict[str, bytes], name: str) -> bytes:
    return states[next(other for other in states if other != name)]


def with_another_byte(states: dict[str, bytes], name: str) -> bytes:
    middle = len(states[name]) // 2
    return states[name][:middle] + bytes([states[name][middle] ^ 0xFF]) + states[name][middle + 1:]


@pytest.mark.parametrize("damage", [of_another_machine, with_another_byte, lambda states, name: states[name][:-7],
                                    lambda _states, _name: b"", lambda states, name: b"\0" * len(states[name])])
def test_a_snapshot_that_is_damaged_or_of_another_machine_counts_for_nothing(served, tmp_path, damage):
    service = FaultyService(f"sqlite:///{tmp_path}/service.db", served)
    try:
        for hour in range(8):
            do(service, "hour", hour)
        do(service, "save", None)
        do(service, "hour", 9)
        engine, snapshots = service.service.live.engine.active.engine, service.store.snapshots
        states = {name: each.state for name, each in snapshots.load(engine).items()}
        assert len(set(states.values())) == len(states) == 3
        for machine, state in {name: damage(states, name) for name in states}.items():
            service.store.database.write(lambda tx, machine=machine, state=state: tx.run(
                "UPDATE snapshots SET state = ? WHERE machine = (SELECT machine FROM machines WHERE machine_id = ?)",
                (state, machine)))
        service.kill()
        do(service, "hour", 10)
        service.check(tmp_path / "calm")
    finally:
        service.close()
