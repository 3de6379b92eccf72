"""What the rules say of windows with known truth: drift, faults, new machines, too little data."""

import json

import numpy as np
import pandas as pd
import pytest
from tests import monitoring_frames as frames

from oilcan.core.bundle.watch_reference import WatchReference, packed, unpacked
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import IntegrityError, ParamsError
from oilcan.monitoring.fleet_counts import FleetCounts, Judges
from oilcan.monitoring.limits.limit_material import Material
from oilcan.monitoring.watching import WindowVerdict
from oilcan.monitoring.window_axis import WindowAxis

SINCE = frames.MONDAY + pd.Timedelta(weeks=4)


def watch(readings: pd.DataFrame, *, weeks: int = 5, machines: pd.DataFrame | None = None, **changes: object
          ) -> WindowVerdict:
    """The last week of some weeks after the reference."""
    return frames.watcher(**changes).window(frames.observe(readings, machines), frames.week(weeks - 1))


def rules_of(watched: WindowVerdict) -> set[tuple[str, str]]:
    return {(finding.rule, finding.subject) for finding in watched.findings if finding.severity != "notice"}


@pytest.fixture
def readings() -> pd.DataFrame:
    return frames.telemetry(5, seed=9)


def test_a_clean_week_is_calm(readings: pd.DataFrame) -> None:
    watched = watch(readings)
    assert rules_of(watched) == set()
    assert not [each for each in watched.unknown if each.subject == "inputs"]


def test_a_shift_of_all_machines_is_found_by_its_size(readings: pd.DataFrame) -> None:
    readings.loc[readings[TIME] >= SINCE, "heat"] += 2.0
    watched = watch(readings)
    finding = next(each for each in watched.findings if each.rule == "shift")
    assert finding.subject == "heat"
    assert finding.detail["mean_shift"] == pytest.approx(2 / 5, abs=0.08)
    assert {subject for _, subject in rules_of(watched)} == {"heat"}


def test_an_offset_of_one_standard_deviation_on_two_machines_is_a_step_of_both(readings: pd.DataFrame) -> None:
    readings.loc[(readings[TIME] >= SINCE) & readings[MACHINE].isin(["m03", "m07"]), "flow"] += 1.0
    finding = next(each for each in watch(readings).findings if each.rule == "together")
    assert set(finding.machines) == {"m03", "m07"}


def test_a_step_that_the_crew_made_is_none(readings: pd.DataFrame) -> None:
    readings.loc[(readings[TIME] >= SINCE) & readings[MACHINE].isin(["m03", "m07"]), "flow"] += 1.0
    work = pd.DataFrame({MACHINE: ["m03", "m07"], TIME: [SINCE, SINCE], "component": "seal"}).astype({MACHINE: "str"})
    none = frames.no_events()
    events = type(none)(none.failures, work.assign(time=work[TIME].astype("datetime64[us, UTC]")), none.errors)
    watched = frames.watcher().window(frames.observe(readings, events=events), frames.week(4))
    assert "together" not in {finding.rule for finding in watched.findings}


@pytest.mark.parametrize("with_material", [False, True])
def test_limits_of_the_table_and_of_the_material_agree_on_what_is_clean(with_material: bool) -> None:
    seen = frames.observe(frames.telemetry(20, seed=4))
    watched = frames.watcher(with_material).windows(seen, frames.week(4), frames.week(19))
    assert sum(bool(rules_of(each)) for each in watched) <= 1


def test_a_stuck_sensor_a_silent_sensor_and_a_silent_machine_are_facts(readings: pd.DataFrame) -> None:
    late = readings[TIME] >= SINCE
    readings.loc[late & (readings[MACHINE] == "m01"), "flow"] = 50.5
    readings.loc[late & (readings[MACHINE] == "m02"), "flow"] = np.nan
    found = {(finding.rule, finding.machines) for finding in
             watch(readings[~(late & (readings[MACHINE] == "m04"))]).findings}
    assert {("resting", ("m01",)), ("missing", ("m02",)), ("silent", ("m04",))} <= found


def test_another_unit_is_named(readings: pd.DataFrame) -> None:
    readings.loc[(readings[TIME] >= SINCE) & (readings[MACHINE] == "m05"), "flow"] *= 100
    finding = next(each for each in watch(readings).findings if each.rule == "unit")
    assert finding.subject == "flow"
    assert finding.machines == ("m05",)
    assert "kPa" in finding.detail["units"]


def test_readings_outside_the_range_do_not_count_as_drift(readings: pd.DataFrame) -> None:
    before = [each for each in watch(readings).findings if each.family == "inputs"]
    readings.loc[(readings[TIME] >= SINCE) & (readings[MACHINE] == "m05"), "heat"] = 9999.0
    watched = watch(readings)
    assert rules_of(watched) == {("outside", "heat"), ("resting", "heat")}
    # this clean week has a notice already: the largest step of flow
    assert [each for each in watched.findings if each.family == "inputs"] == before


def test_a_new_model_is_an_alert_and_a_new_machine_of_a_known_one_a_notice() -> None:
    readings = frames.telemetry(5, machines=12, seed=9)
    machines = frames.machine_table(12)
    machines.loc[machines[MACHINE] == "m11", "model"] = "C"
    found = {(finding.rule, finding.severity) for finding in watch(readings, machines=machines).findings
             if finding.family == "fleet"}
    assert found == {("new_machines", "notice"), ("new_kind", "alert")}


@pytest.mark.parametrize(("kept", "reason"), [
    (["m00"], "1 of 1 machines have a level"),
    ([], "no reading at all"),
])
def test_too_little_is_not_enough_data_and_never_calm(readings: pd.DataFrame, kept: list[str], reason: str) -> None:
    watched = watch(readings[readings[MACHINE].isin(kept) | (readings[TIME] < SINCE)])
    assert any(reason in each.reason and "not enough data" in each.reason for each in watched.unknown)


def test_a_fleet_of_strangers_is_not_judged_by_the_reference(readings: pd.DataFrame) -> None:
    strange = readings.assign(machine_id=readings[MACHINE].where(readings[MACHINE] < "m05", "x" + readings[MACHINE]))
    more = pd.concat([strange, strange[strange[MACHINE] >= "x"].assign(machine_id=lambda t: "y" + t[MACHINE])])
    assert any("the reference knows 5 of 15" in each.reason for each in watch(more).unknown)


def test_an_ignored_sensor_is_not_watched(readings: pd.DataFrame) -> None:
    readings.loc[readings[TIME] >= SINCE, "heat"] += 20.0
    assert rules_of(watch(readings, sensors={"heat": {"ignore": True}})) == set()


def test_the_order_of_readings_does_not_matter(readings: pd.DataFrame) -> None:
    whole = frames.observe(readings).cells
    shuffled = frames.observe(readings.sample(frac=1, random_state=3)).cells
    place = whole.codes(shuffled.machines)
    for name in ("readings", "missing", "n", "total", "raw_total", "low", "high", "histogram"):
        np.testing.assert_array_equal(getattr(whole, name)[place], getattr(shuffled, name))


def test_forgotten_slots_leave_the_later_ones_as_they_were(readings: pd.DataFrame) -> None:
    cells = frames.observe(readings).cells
    before = cells.total[:, 20:].copy()
    cells.keep_from(cells.first_slot + 20)
    np.testing.assert_array_equal(cells.total, before)


def test_counted_day_by_day_or_at_once_is_the_same(readings: pd.DataFrame) -> None:
    days = (readings[TIME] - frames.MONDAY) // pd.Timedelta(days=1)
    readings = readings[(readings[MACHINE] != "m03") | (days > 9)]          # a machine that comes later
    reference = frames.learned().reference
    axis = WindowAxis.parse(reference.window)
    judges = Judges(frames.contract(), frames.plan(), reference, axis)
    whole, grown = FleetCounts(judges, 0), FleetCounts(judges, 0)
    whole.take(readings, {})
    for day in [*range(3, 35), 0, 2, 1]:                                    # and days that come late
        grown.take(readings[days.loc[readings.index] == day], {})
    for counts in (whole, grown):
        counts.keep_from(axis.first_slot(frames.week(1)))
    more = readings.assign(**{TIME: readings[TIME] + pd.Timedelta(weeks=5)})
    for part in (more[days.loc[more.index] == day] for day in range(35)):
        grown.take(part, {})
    whole.take(more, {})
    first, second = whole.settled(), grown.settled()
    assert (first.machines, first.first_slot, first.slots) == (second.machines, second.first_slot, second.slots)
    for name in ("readings", "aside", "missing", "outside", "n", "total", "raw_total", "low", "high", "histogram"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_reference_and_material_come_back_as_they_were() -> None:
    found = frames.learned()
    again = WatchReference.from_bytes(found.reference.to_bytes(), "here")
    assert again.to_bytes() == found.reference.to_bytes()
    material = Material.from_bytes(found.material.to_bytes(), "here")
    np.testing.assert_array_equal(material.cells.total, found.material.cells.total)
    assert again.facts == found.reference.facts


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b'{"json": 1}'])
def test_a_damaged_reference_is_refused(content: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"here: not readable .*dvc repro reference"):
        WatchReference.from_bytes(content, "here")
    with pytest.raises(IntegrityError, match=r"here: not readable .*dvc repro reference"):
        Material.from_bytes(content, "here")


def test_a_reference_of_an_older_version_asks_for_another_package() -> None:
    arrays = unpacked(frames.learned().reference.to_bytes(), "here")
    header = json.loads(arrays["header"].tobytes()) | {"version": 1}
    content = packed(arrays | {"header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)})
    with pytest.raises(IntegrityError, match=r"here: version of the reference is 1 \(wanted 3\).*package again"):
        WatchReference.from_bytes(content, "here")


def test_a_reference_of_another_contract_or_plan_is_refused() -> None:
    other = frames.contract().model_copy(update={"version": 2})
    with pytest.raises(IntegrityError, match=r"reference is of toy v1, .*wanted toy v2"):
        frames.learned().reference.check(other, frames.plan().hash, "here")
    with pytest.raises(IntegrityError, match=r"wanted toy v1, plan 0000"):
        frames.learned().reference.check(frames.contract(), "0" * 64, "here")


def test_a_reference_holds_no_reading_and_fits_into_a_bundle() -> None:
    found = frames.learned()
    assert len(found.reference.to_bytes()) < 1_000_000 * 2 / 50 * 5
    assert set(found.material.cells.machines) <= {f"m{number:02d}" for number in range(frames.MACHINES)}


@pytest.mark.parametrize(("changes", "message"), [
    ({"budget": {"inputs": 0.8, "events": 0.4}}, r"budget adds up to 1\.2"),
    ({"windows": "week"}, r"windows: no such word"),
    ({"sensors": {"heat": {"missing": 1}}}, r"sensors\.heat\.missing: no such word"),
])
def test_a_wrong_monitoring_yaml_says_what_is_wrong(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        frames.rules(**changes)


def test_a_fleet_of_which_no_machine_is_known_is_not_enough_data() -> None:
    later = frames.MONDAY + pd.Timedelta(weeks=frames.WEEKS)
    readings = frames.telemetry(3, first=later)
    strangers = readings.assign(machine_id="x" + readings[MACHINE])
    judged = frames.watcher().window(frames.observe(strangers), frames.week(frames.WEEKS + 1))
    assert any(gap.subject == "inputs" and "none of the 10 machines" in gap.reason for gap in judged.unknown)
