import numpy as np
import pandas as pd
import pytest
from tests.stages.test_explore import CONTRACT

from oilcan.contract import parse_contract
from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.core.exploration.leak_suspects import columns_of_machines, columns_of_rows, sensors_that_jump
from oilcan.core.exploration.lives.failure_patterns import failure_patterns
from oilcan.core.exploration.pitfalls import follow_the_calendar
from oilcan.core.exploration.row_differences import label_differences
from oilcan.core.exploration.sensor_signals import signals
from oilcan.core.exploration.warnings.aligned import align
from oilcan.core.exploration.warnings.warning_signs import mode_signs

START, DAYS, MACHINES, STEP = pd.Timestamp("2024-01-01", tz="UTC"), 360, 40, 4
NAMES = [f"m{number:02d}" for number in range(MACHINES)]
WHOLE = (DAYS - 20) * 24


def stamps(pairs, column, value):
    rows = sorted({(NAMES[machine], float(hour)) for machine, hour in pairs})
    return pd.DataFrame({"machine_id": [name for name, _ in rows],
                         "time": START + pd.to_timedelta([hour for _, hour in rows], unit="h"), column: value})


def fleet(failures, *, work=(), load=None, heat=None, **columns):
    """Forty machines and 360 days, a reading every four hours; failures and work as (machine, hour)."""
    rng = np.random.default_rng(7)
    hours = np.arange(0, DAYS * 24, STEP, dtype=np.float64)
    count = len(hours) * MACHINES
    readings = pd.DataFrame({
        "machine_id": np.repeat(NAMES, len(hours)),
        "time": np.tile((START + pd.to_timedelta(hours, unit="h")).to_numpy(), MACHINES),
        "load": 60 + rng.normal(size=count) if load is None else load(hours).ravel(),
        "heat": rng.normal(size=count) if heat is None else heat(hours).ravel(), "hum": 1.0, "fixed": 1.0})
    readings["time"] = pd.to_datetime(readings["time"], utc=True)
    machines = pd.DataFrame({"machine_id": NAMES, "first_time": START, "last_time": readings["time"].max(), **columns})
    until = pd.Series(readings["time"].max().value / 3.6e12, index=pd.Index(NAMES))
    contract = parse_contract(CONTRACT.replace("period: 1h", f"period: {STEP}h"), "toy.yaml")
    empty = stamps((), "code", "")
    return FleetRecord(contract, readings, empty, stamps(work, "component", "belt"), stamps(failures, "mode", "belt"),
                       machines, until)


def drawn(count, seed=1):
    rng = np.random.default_rng(seed)
    return [(int(rng.integers(MACHINES)), 24 * 15 + rng.uniform(0, WHOLE)) for _ in range(count)]


def sure(record):
    return {pattern.kind: pattern for pattern in failure_patterns(record, [], back=48.0) if pattern.is_sure}


def test_failures_by_chance_follow_nothing():
    record = fleet(drawn(200), work=drawn(80, seed=2))
    patterns = {pattern.kind for pattern in failure_patterns(record, [], back=48.0)}
    assert patterns == {"season", "weekday", "hour of the day", "week", "after maintenance", "load"}
    assert sure(record) == {}


@pytest.mark.parametrize(("kind", "place", "move"), [
    ("weekday", "Monday", lambda hour: hour // 168 * 168 + hour % 24),
    ("hour of the day", "08:00 to 12:00", lambda hour: hour // 24 * 24 + 8 + hour % 4),
    ("season", "quarter 1", lambda hour: 24 * 15 + hour % (24 * 70)),
    ("week", "2024-05-02", lambda hour: hour if hour % 5 > 1 else (122 + hour % 7) * 24),
])  # fmt: skip
def test_failures_that_follow_the_calendar_are_seen(kind, place, move):
    found = sure(fleet([(machine, move(hour)) for machine, hour in drawn(200)]))
    assert found[kind].where == place
    assert found[kind].ratio > 2


def test_the_calendar_is_that_of_the_contracts_zone():
    record = fleet([(machine, hour // 168 * 168 + 23.5) for machine, hour in drawn(200)])      # Monday, late in UTC
    time = record.contract.time.model_copy(update={"zone": "Asia/Tokyo"})
    moved = FleetRecord(record.contract.model_copy(update={"time": time}), *list(vars(record).values())[1:])
    assert (sure(record)["weekday"].where, sure(moved)["weekday"].where) == ("Monday", "Tuesday")


def test_failures_soon_after_maintenance_are_seen_and_repairs_are_no_maintenance():
    work = drawn(150, seed=2)
    failures = [(machine, hour + 30) for machine, hour in work if hour % 3 > 1] + drawn(60)
    found = sure(fleet(failures, work=work))["after maintenance"]
    assert found.ratio > 2
    assert follow_the_calendar([found])[0].what == "after maintenance: 7 days"
    repairs = [(machine, hour + 5) for machine, hour in drawn(200)]
    assert "after maintenance" not in sure(fleet(drawn(200), work=repairs))


def test_a_load_that_is_higher_before_failures_is_seen():
    failures = drawn(150)

    def load(hours):
        values = 60 + np.random.default_rng(3).normal(size=(MACHINES, len(hours)))
        for machine, hour in failures:
            values[machine, (hours > hour - 48) & (hours < hour)] += 1.0
        return values

    found = sure(fleet(failures, load=load))["load"]
    assert 0.5 < found.ratio < 1.5


def test_a_sensor_that_jumps_only_at_the_failure_is_suspect_and_one_that_rises_before_is_not():
    failures = [(machine, 24 * (60 + 45 * turn + machine % 7)) for machine in range(MACHINES) for turn in range(5)]

    def heat(reach):
        def values(hours):
            drawn = np.random.default_rng(3).normal(size=(MACHINES, len(hours)))
            for machine, hour in failures:
                drawn[machine, (hours >= hour - reach) & (hours < hour)] += 9.0
            return drawn
        return values

    suspects = []
    for reach in (STEP, 5 * STEP):
        record = fleet(failures, heat=heat(reach))
        signs = mode_signs(record, signals(record), "belt", back=10.0 * STEP, rng=np.random.default_rng(1))
        assert len(align(record, record.failures, back=10.0 * STEP)) == len(failures)
        suspects.append([trap.what for trap in sensors_that_jump(record, [signs])])
    assert suspects == [["Heat: phase A (heat)"], []]


def test_columns_of_machines_that_know_who_failed_are_suspects():
    failing = np.arange(MACHINES) % 3 == 0
    failures = [(machine, 24.0 * (20 + machine)) for machine in np.flatnonzero(failing)]
    scrapped = pd.Series(np.where(failing, "2024-12-30", None)).astype("str").mask(~failing)
    record = fleet(failures, remark=pd.Series(np.where(failing, "scrap", "")).astype("str"), scrapped=scrapped,
                   claims=np.where(failing, 9, 0) + np.arange(MACHINES) % 2, age=np.arange(MACHINES) * 1.5,
                   model=pd.Series(np.where(np.arange(MACHINES) % 2, "A", "B")).astype("str"))
    assert [trap.what for trap in columns_of_machines(record)] == [f"machines: {name}" for name in
                                                                   ("remark", "scrapped", "claims")]


def test_columns_of_rows_that_know_the_label_are_suspects():
    rng = np.random.default_rng(5)
    positive = rng.random(900) < 0.1
    record = fleet([])
    rows = pd.DataFrame({"machine_id": np.arange(900).astype(str), "load": rng.normal(size=900) + positive,
                         "heat": rng.normal(size=900) + 9 * positive, "hum": (positive & (rng.random(900) < 0.4)) * 1.0,
                         "fixed": 1.0})
    record = FleetRecord(record.contract, rows, *list(vars(record).values())[2:])
    traps = columns_of_rows(record, {"broken": {"columns": label_differences(record, positive)}})
    assert {trap.what for trap in traps} == {"Heat: phase A (heat)", "Hum (hum)"}
    assert any("hum = 1 carries broken" in trap.evidence for trap in traps)
