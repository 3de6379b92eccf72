"""Random schedules of requests, saves, kills and faults: afterwards everything is what a service without faults has.

A schedule is a list of steps; each fault happens at one of the transactions that follow it, at its start, in its middle
or after its commit. `OILCAN_TEST_SCHEDULES` sets how many are tried.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.service.faults.faulty_service import FAULTS, FaultyService, shown

from oilcan.serving.bodies.alertmanager_body import read_alerts
from oilcan.serving.watch.alert_decision import decide_for

FEW = int(os.environ.get("OILCAN_TEST_SCHEDULES", "25"))
MANY = 800
MEMORY = Path("/dev/shm")       # noqa: S108 - no disk to wait for
MACHINES, HOURS = 3, 30
HOUR = st.integers(0, HOURS)
READING = st.tuples(st.integers(0, MACHINES - 1), HOUR, st.integers(0, 3))
STEP = st.one_of(
    st.tuples(st.just("telemetry"), st.lists(READING, min_size=1, max_size=6)),
    st.tuples(st.just("hour"), HOUR),
    st.tuples(st.sampled_from(["errors", "maintenance", "failures"]), st.lists(st.tuples(
        st.integers(0, MACHINES), HOUR), min_size=1, max_size=3)),
    st.tuples(st.just("machines"), st.integers(0, MACHINES)),
    st.tuples(st.just("fault"), st.lists(st.one_of(st.none(), st.sampled_from(FAULTS)), min_size=1, max_size=4)),
    st.tuples(st.just("away"), st.booleans()),
    st.sampled_from([("save", None), ("kill", None), ("follow", None), ("retain", None)]),
)
SCHEDULE = st.lists(STEP, min_size=3, max_size=14)
GROUP = {"version": "4", "groupKey": "all", "status": "firing", "receiver": "decision", "groupLabels": {},
         "commonLabels": {}, "commonAnnotations": {}, "alerts": [{
             "status": "firing", "labels": {"decides": "yes"}, "annotations": {}, "startsAt": "2026-01-01T00:00:00Z",
             "endsAt": "0001-01-01T00:00:00Z"}]}
KINDS = {"errors": ("code", "E7"), "maintenance": ("component", "bearing"), "failures": ("mode", "bearing")}


def moment(step: int) -> str:
    """Three hours a step: the policy looks once in six."""
    return f"2025-01-{1 + step // 8:02}T{3 * step % 24:02}:00:00Z"


def reading(machine: int, hour: int, level: int) -> dict:
    return {"machine_id": f"m{machine}", "time": moment(hour), "vibration_mm_s": 2.0 + 4 * level,
            "bearing_temp_c": 55.0 + 10 * level, "load_pct": 60.0 + machine, "speed_rpm": 1500.0}


def do(service: FaultyService, step: str, content: object) -> None:
    """One step."""
    if step == "telemetry":
        service.send(step, {"readings": [reading(*row) for row in content]})
    elif step == "hour":
        service.send("telemetry", {"readings": [reading(machine, content, (machine + content) % 4)
                                                for machine in range(MACHINES)]})
    elif step in KINDS:
        field, kind = KINDS[step]
        service.send(step, {"records": [{"machine_id": f"m{machine}", "time": moment(hour), field: kind}
                                        for machine, hour in content]})
    elif step == "machines":
        service.send(step, {"machines": [{"machine_id": f"m{content}", "commissioned": "2023-04-29T00:00:00Z"}]})
    elif step == "fault":
        service.faults.transactions = list(content)
    elif step == "away":
        service.faults.is_away = content
    elif step == "save":
        service.quietly(service.service.live.saver.save)
    elif step == "follow":
        service.quietly(service.service.live.follow)
    elif step == "watch":
        service.quietly(service.service.watch.judge_now)
    elif step == "alert":
        asked = read_alerts(json.dumps(GROUP).encode())
        service.quietly(lambda: decide_for(asked, service.service.watch, service.store, "alertmanager", content))
    elif step == "tell":
        service.quietly(service.service.notifier.turn)
    elif step == "retain":
        service.quietly(lambda: service.store.retain(2_000_000_000_000_000, 10**15, 10**15))
    else:
        service.kill()


def tried(url: str, served, schedule) -> None:
    folder = Path(tempfile.mkdtemp(prefix="oilcan-faults-", dir=MEMORY if MEMORY.is_dir() else None))
    service = FaultyService(url or f"sqlite:///{folder}/service.db", served)
    try:
        for step, content in schedule:
            do(service, step, content)
        service.check(folder / "calm")
        alarms = shown(service.store)
        service.kill()                      # and a start from the store says the same once more
        service.check(None)
        assert shown(service.store) == alarms
    finally:
        service.close()
        shutil.rmtree(folder)


def law(examples: int):
    return settings(max_examples=examples, deadline=None, database=None, print_blob=True,
                    suppress_health_check=list(HealthCheck))


@law(FEW)
@given(schedule=SCHEDULE)
@example(schedule=[("telemetry", [(0, 0, 0), (0, 1, 1)]), ("telemetry", [(0, 7, 1)]), ("telemetry", [(0, 10, 0)])])
@example(schedule=[("hour", 0), ("machines", 0), ("hour", 1), ("kill", None)])      # ids in another order than times
@example(schedule=[("hour", 1), ("telemetry", [(0, 0, 0)]), ("machines", 0), ("errors", [(0, 0)]), ("kill", None),
                   ("save", None)])         # an id that is reserved after a start, and then one of a later entry
def test_after_random_faults_all_is_as_without_them(served, schedule):
    tried("", served, schedule)


@law(max(5, FEW // 5))
@given(schedule=SCHEDULE)
def test_after_random_faults_of_a_server_all_is_as_without_them(served, postgres, schedule):
    tried(postgres.fresh(), served, schedule)


@pytest.mark.slow
@pytest.mark.timeout(900)
@law(MANY)
@given(schedule=SCHEDULE)
def test_after_eight_hundred_schedules_all_is_as_without_them(served, schedule):
    tried("", served, schedule)


@pytest.mark.slow
@pytest.mark.timeout(900)
@law(200)
@given(schedule=SCHEDULE)
def test_after_two_hundred_schedules_of_a_server_all_is_as_without_them(served, postgres, schedule):
    tried(postgres.fresh(), served, schedule)
