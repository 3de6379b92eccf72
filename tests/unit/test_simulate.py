"""Laws of the drawn fleet that hold for every size, seed and scenario."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from oilcan.core.simulate import SCENARIOS, Fleet, draw_deliveries, draw_fleet
from oilcan.core.simulate.components import NAMES
from oilcan.core.simulate.event_log import ERROR_CODES
from oilcan.core.simulate.sensors import SENSORS

DAYS, SEED = 120, 1
FRAMES = [field.name for field in dataclasses.fields(Fleet)]
LOGS = [name for name in FRAMES if name != "machines"]
CHANGES = sorted(set(SCENARIOS) - {"none"})


def draw(**changes: object) -> Fleet:
    arguments: dict[str, object] = {
        "machines": 12, "days": DAYS, "seed": SEED, "start": "2024-01-01", "horizon_h": 72, "lead_time_h": 12,
    }  # fmt: skip
    return draw_fleet(**{**arguments, **changes})


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return draw()


@pytest.fixture(scope="module")
def changed_fleets() -> dict[str, Fleet]:
    return {name: draw(scenario=name) for name in CHANGES}


def before(frame: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    return frame[frame["time"] < instant].reset_index(drop=True)


def change_day(days: int = DAYS) -> pd.Timestamp:
    return pd.Timestamp("2024-01-01") + pd.Timedelta(hours=SCENARIOS["none"].start_hour(days))


@pytest.mark.parametrize("name", FRAMES)
def test_same_arguments_give_identical_frames(fleet: Fleet, name: str) -> None:
    pd.testing.assert_frame_equal(getattr(fleet, name), getattr(draw(), name), check_exact=True)


@pytest.mark.parametrize("scenario", ["none", "new_model"])
def test_deliveries_are_the_fleet_in_groups_of_a_hundred_machines(scenario: str) -> None:
    arguments: dict[str, object] = {"machines": 205, "days": 10, "seed": SEED, "start": "2024-01-01", "horizon_h": 72,
                                    "lead_time_h": 12, "scenario": scenario}
    whole, parts = draw_fleet(**arguments), list(draw_deliveries(**arguments))
    joined = len(whole.machines) - 205
    assert [len(part.machines) for part in parts] == [100 + joined, 100, 5]
    for name in FRAMES:
        expected, rows = getattr(whole, name), pd.concat([getattr(part, name) for part in parts])
        order = expected.columns.tolist()
        pd.testing.assert_frame_equal(rows.sort_values(order, ignore_index=True),
                                      expected.sort_values(order, ignore_index=True), check_exact=True, obj=name)


def test_a_group_of_machines_is_drawn_apart_from_the_others() -> None:
    def readings_of_the_second_hundred(machines: int) -> pd.DataFrame:
        telemetry = draw(machines=machines, days=5).telemetry
        return telemetry[telemetry["machine_id"] == "M101"].reset_index(drop=True)

    first = draw(machines=100, days=5).telemetry
    assert readings_of_the_second_hundred(101)["load_pct"].iloc[0] != first["load_pct"].iloc[0]
    assert len(readings_of_the_second_hundred(101)) > 100


def test_another_seed_gives_another_fleet(fleet: Fleet) -> None:
    assert not fleet.failures.equals(draw(seed=SEED + 1).failures)


def test_a_longer_record_only_appends(fleet: Fleet) -> None:
    shorter = draw(days=60)
    end = pd.Timestamp("2024-01-01") + pd.Timedelta(days=60)
    pd.testing.assert_frame_equal(shorter.truth, before(fleet.truth, end), check_exact=True)
    pd.testing.assert_frame_equal(shorter.failures, before(fleet.failures, end))


@pytest.mark.parametrize("scenario", CHANGES)
def test_scenario_changes_nothing_before_its_start_day(
    fleet: Fleet, changed_fleets: dict[str, Fleet], scenario: str
) -> None:
    for name in LOGS:
        expected = before(getattr(fleet, name), change_day())
        found = before(getattr(changed_fleets[scenario], name), change_day())
        pd.testing.assert_frame_equal(found, expected, check_exact=True, obj=name)


@pytest.mark.parametrize("scenario", CHANGES)
def test_scenario_changes_something_after_its_start_day(
    fleet: Fleet, changed_fleets: dict[str, Fleet], scenario: str
) -> None:
    found = changed_fleets[scenario]
    assert any(not getattr(found, name).equals(getattr(fleet, name)) for name in LOGS)


def test_sensor_drift_moves_readings_but_no_failure(fleet: Fleet, changed_fleets: dict[str, Fleet]) -> None:
    drifted = changed_fleets["sensor_drift"]
    late = fleet.telemetry["time"] >= change_day()
    moved = drifted.telemetry["vibration_mm_s"] - fleet.telemetry["vibration_mm_s"]
    pd.testing.assert_frame_equal(drifted.failures, fleet.failures)
    drift = moved[late].groupby(fleet.telemetry["machine_id"]).max()
    assert 1 < (drift > 0.5).sum() < 12


def test_joining_machines_are_of_a_new_model_and_have_no_past(changed_fleets: dict[str, Fleet]) -> None:
    joined = changed_fleets["new_model"].machines.iloc[12:]
    rows = changed_fleets["new_model"].telemetry
    first = rows.loc[rows["machine_id"].isin(joined["machine_id"]), "time"].min()
    assert set(joined["model"]) == {"P900"}
    assert first == change_day() == joined["commissioned"].iloc[0]


def test_stretched_policy_plans_less_work(fleet: Fleet, changed_fleets: dict[str, Fleet]) -> None:
    counts = [
        (frame.maintenance["kind"] == "planned")[frame.maintenance["time"] >= change_day()].sum()
        for frame in (fleet, changed_fleets["maintenance_policy"])
    ]
    assert counts[1] < 0.85 * counts[0]


def test_every_failure_is_followed_by_corrective_work_within_15_hours(fleet: Fleet) -> None:
    work = fleet.maintenance[fleet.maintenance["kind"] == "corrective"]
    pairs = fleet.failures.merge(work, on=["machine_id", "component"], suffixes=("", "_repair"))
    delay_h = (pairs["time_repair"] - pairs["time"]).dt.total_seconds() / 3600
    followed = pairs[(delay_h >= 3.0) & (delay_h <= 15.0)]
    assert len(followed) == len(fleet.failures) == len(work) > 0


def test_a_broken_machine_sends_nothing(fleet: Fleet) -> None:
    pairs = fleet.failures.merge(fleet.telemetry[["machine_id", "time"]], on="machine_id", suffixes=("", "_row"))
    since_h = (pairs["time_row"] - pairs["time"]).dt.total_seconds() / 3600
    assert not ((since_h > 0.0) & (since_h < 3.0)).any()


def test_telemetry_holds_duplicate_and_late_rows(fleet: Fleet) -> None:
    duplicates = fleet.telemetry.duplicated(["machine_id", "time"])
    assert 0 < duplicates.mean() < 0.002
    assert fleet.telemetry.duplicated().sum() == duplicates.sum()
    late = fleet.telemetry["time"] < fleet.telemetry["time"].cummax()
    assert 0 < late.mean() < 0.005


def test_recording_faults_are_rare_but_there(fleet: Fleet) -> None:
    values = fleet.telemetry[[sensor.name for sensor in SENSORS]]
    outside = sum((values[s.name] > s.high).sum() + (values[s.name] < s.low).sum() for s in SENSORS)
    sent = len(fleet.telemetry.drop_duplicates(["machine_id", "time"]))
    assert 0 < outside < 2e-4 * sent
    assert 5e-4 < values.isna().any(axis=1).mean() < 0.02  # one of 12 machines has a dead sensor
    assert 0 < len(fleet.truth) - sent < 0.01 * len(fleet.truth)


def test_one_sensor_dies_for_twelve_days(fleet: Fleet) -> None:
    rows = fleet.telemetry[fleet.telemetry["machine_id"] == "M001"].drop_duplicates("time").sort_values("time")
    dead = rows[["vibration_mm_s", "oil_pressure_bar", "flow_m3_h"]].isna().rolling(24).sum().max()
    assert dead.max() == 24


def test_some_sensor_is_stuck(fleet: Fleet) -> None:
    rows = fleet.telemetry.drop_duplicates(["machine_id", "time"]).sort_values(["machine_id", "time"])
    temperature = rows.groupby("machine_id")[["bearing_temp_c", "motor_current_a", "vibration_mm_s"]]
    still = temperature.diff().eq(0.0).rolling(11).sum().max()
    assert still.max() == 11


def test_names_in_the_logs_are_the_documented_ones(fleet: Fleet) -> None:
    assert set(fleet.failures["component"]) <= set(NAMES)
    assert set(fleet.maintenance["kind"]) == {"planned", "corrective"}
    assert set(fleet.errors["code"]) == {entry.code for entry in ERROR_CODES}
    assert fleet.machines["model"].nunique() == 3
    assert list(fleet.telemetry) == ["machine_id", "time", *[sensor.name for sensor in SENSORS]]


def test_truth_is_a_probability_for_every_running_hour(fleet: Fleet) -> None:
    assert fleet.truth["p_failure"].between(0.0, 1.0).all()
    assert not fleet.truth.duplicated(["machine_id", "time"]).any()
    merged = fleet.telemetry.merge(fleet.truth, on=["machine_id", "time"], how="left")
    assert merged["p_failure"].notna().all()


def test_a_longer_horizon_raises_every_probability(fleet: Fleet) -> None:
    longer = draw(horizon_h=144)
    assert np.all(longer.truth["p_failure"] >= fleet.truth["p_failure"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"machines": 0}, r"simulate: machines is too small \(found 0, wanted >= 1\)\. Raise"),
        ({"days": 0}, r"simulate: days is too small \(found 0, wanted >= 1\)\. Raise"),
        ({"horizon_h": 0}, r"simulate: horizon_h is too small \(found 0, wanted >= 1\)"),
        ({"scenario": "flood"}, r"simulate: unknown scenario \(found 'flood', wanted one of changed_mech.*\)\. Set"),
        ({"start": "soon"}, r"simulate: start is not a date \(found 'soon', wanted like '2024-01-01'\)\. Set"),
    ],
)
def test_bad_argument_is_refused_with_its_remedy(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(**changes)


def test_all_bad_arguments_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"machines[\s\S]*lead_time_h[\s\S]*scenario"):
        draw(machines=-1, lead_time_h=-1, scenario="flood")
