import numpy as np
import pandas as pd
import pytest
from tests.canonical_frames import (
    FLEET,
    LIMITS,
    ROWS,
    events,
    failures,
    fleet_contract,
    ingested,
    judge,
    machine_table,
    telemetry,
)

from oilcan.core import quality
from oilcan.ground.errors import DataError
from oilcan.params.stages.validate import ValidateParams


def test_clean_readings_are_not_touched():
    verdict = judge(telemetry())
    assert verdict.quarantine.empty
    assert verdict.metrics["passed"] is True
    assert (verdict.metrics["rows"], verdict.metrics["machines"], verdict.metrics["sensors"]) == (2880, 6, 2)


def test_readings_outside_the_physical_range_are_quarantined_one_by_one():
    rows = telemetry()
    rows.loc[[10, 600], "heat"] = [501.0, -1.0]
    found = judge(rows).quarantine
    assert found[["machine_id", "time", "column"]].to_numpy().tolist() == rows.loc[
        [10, 600], ["machine_id", "time"]].assign(column="heat").to_numpy().tolist()
    assert set(found["reason"]) == {"outside range"}


def test_too_many_readings_outside_the_range_are_refused_with_unit_and_remedy():
    rows = telemetry()
    rows.loc[:299, "heat"] = 20.0
    message = r"heat: 300 of 2,880 readings outside \[200.0, 500.0\] K .*10.4%.*Check unit, factor"
    with pytest.raises(DataError, match=message):
        judge(rows)


def test_a_stuck_sensor_is_quarantined_from_the_reading_on_that_shows_it():
    rows = telemetry()
    rows.loc[100:139, "flow"] = rows.loc[100, "flow"]
    found = judge(rows).quarantine
    assert found["time"].tolist() == rows.loc[123:139, "time"].tolist()
    assert set(found["reason"]) == {"stuck"}


def test_what_is_quarantined_at_t_does_not_change_when_the_future_is_removed():
    rows = telemetry()
    rows.loc[100:139, "flow"] = rows.loc[100, "flow"]
    early = rows[rows["time"] < rows["time"].iloc[130]].reset_index(drop=True)
    late = judge(rows).quarantine
    assert judge(early).quarantine.equals(late[late["time"] < rows["time"].iloc[130]].reset_index(drop=True))


@pytest.mark.parametrize("nature", ["counter", "coarse", "idle", "constant", "flag"])
def test_a_sensor_that_rests_by_nature_is_never_stuck(nature):
    rows, rng = telemetry(), np.random.default_rng(5)
    place = np.arange(len(rows)) % 480
    rows["flow"] = {
        "counter": (place // 100).astype(float) + np.repeat(np.arange(6), 480),
        "coarse": np.round(np.cumsum(rng.normal(0, 0.05, len(rows)))),
        "idle": np.where(place % 168 < 48, 0.0, rows["flow"]),
        "constant": np.full(len(rows), 7.0),
        "flag": (rng.random(len(rows)) < 0.01).astype(float),
    }[nature]
    assert judge(rows).quarantine.empty


def test_a_spike_is_counted_and_kept_because_only_the_next_reading_shows_it():
    rows = telemetry()
    rows.loc[200, "flow"] += 100
    rows.loc[300:, "flow"] += 100
    verdict = judge(rows)
    assert verdict.metrics["counts"]["spike_kept"] == 1
    assert verdict.quarantine.empty


def test_gaps_are_counted_in_rows_that_should_be_there():
    rows = telemetry()
    kept = rows.drop(index=[*range(100, 120), *range(700, 703)]).reset_index(drop=True)
    verdict = judge(kept)
    assert verdict.metrics["counts"]["gap"] == 1
    assert verdict.metrics["gap_share"] == pytest.approx(20 / 2877, abs=1e-6)
    assert verdict.machines["missing_rows"].tolist() == [20, 0, 0, 0, 0, 0]


def test_too_many_missing_rows_are_refused():
    rows = telemetry()
    kept = rows[(np.arange(len(rows)) % 480 < 100) | (np.arange(len(rows)) % 480 > 300)].reset_index(drop=True)
    with pytest.raises(DataError, match=r"telemetry: 1,206 of 2,880 expected rows are missing in gaps \(41.9%"):
        judge(kept)


def test_a_sensor_missing_in_every_row_is_refused_unless_it_may_be():
    rows = telemetry()
    assert judge(rows.assign(flow=np.nan)).sensors.loc["flow", "missing_share"] == 1.0
    with pytest.raises(DataError, match=r"heat: missing in all 2,880 rows. Check `from:`"):
        judge(rows.assign(heat=np.nan))


def test_a_sensor_missing_too_often_is_refused_unless_it_may_be():
    rows = telemetry()
    rows.loc[rows.index % 3 > 0, ["heat", "flow"]] = np.nan
    with pytest.raises(DataError, match=r"heat: missing in 1,920 of 2,880 rows \(66.7%") as caught:
        judge(rows)
    assert "flow" not in str(caught.value)


def test_a_machine_whose_sensor_never_speaks_is_counted():
    rows = telemetry()
    rows.loc[rows["machine_id"] == "m03", "flow"] = np.nan
    assert judge(rows).metrics["counts"]["sensor_silent_on_a_machine"] == 1


def test_all_breaches_are_told_at_once():
    rows = telemetry().assign(heat=np.nan)
    with pytest.raises(DataError, match=r"(?s)heat: missing.*failures: none at all"):
        judge(rows, failed=events([], "mode"))


def test_no_failures_at_all_are_refused():
    with pytest.raises(DataError, match=r"failures: none at all \(found 0, wanted at least 1\) for failure, rul"):
        judge(telemetry(), failed=events([], "mode"))


def test_a_horizon_longer_than_the_data_is_refused():
    text = FLEET.replace("horizon: 24h", "horizon: 30d")
    message = r"tasks.failure: horizon \+ lead time = 726 h is not shorter than the data \(479 h\)"
    with pytest.raises(DataError, match=message):
        judge(telemetry(), text=text)


def test_a_clock_far_ahead_of_the_fleet_is_refused_and_a_little_ahead_is_counted():
    rows = telemetry()
    is_ahead = rows["machine_id"] == "m05"
    slow = rows.assign(time=rows["time"].mask(is_ahead, rows["time"] + pd.Timedelta(hours=12)))
    assert judge(slow).metrics["counts"]["clock_ahead_of_the_fleet"] == 1
    wild = rows.assign(time=rows["time"].mask(is_ahead, rows["time"] + pd.Timedelta(days=900)))
    with pytest.raises(DataError, match="machine 'm05': its last instant lies 21,600 h after the end of the fleet"):
        judge(wild)


def test_events_outside_the_telemetry_of_their_machine_are_counted():
    failed = pd.concat([failures(), events([("m00", -5, "seal"), ("m01", 900, "seal")], "mode")])
    assert judge(telemetry(), failed=failed).metrics["counts"]["event_outside_the_machine_telemetry"] == 2


def test_the_verdict_does_not_depend_on_the_partitions():
    rows = telemetry()
    rows.loc[100:139, "flow"] = rows.loc[100, "flow"]
    one, three = judge(rows, parts=1), judge(rows, parts=3)
    assert one.metrics == three.metrics
    assert one.quarantine.equals(three.quarantine)


def test_independent_rows_are_checked_for_range_and_missing_readings():
    rows = pd.DataFrame({"machine_id": [f"r{n:03d}" for n in range(200)], "heat": 300.0, "broke": False})
    rows.loc[[3, 4], "heat"] = [999.0, np.nan]
    none = events([], "mode").drop(columns="time")
    contract = fleet_contract(ROWS)
    tables = dict.fromkeys(("failures", "errors", "maintenance"), none) | {"machines": machine_table(rows)}
    scope = quality.Scope.of(tables["machines"], ingested(rows), contract, ValidateParams(**LIMITS))
    habits = quality.learn_habits([quality.profile(rows, scope)], scope)
    verdict = quality.judge([quality.inspect(rows, scope, habits)], habits, tables, ingested(rows), scope)
    assert verdict.quarantine.to_dict("records") == [
        {"machine_id": "r003", "column": "heat", "reason": "outside range"}]
    assert verdict.metrics["missing_share"] == 0.005


def test_without_a_period_each_machine_is_judged_by_its_own_rhythm():
    text = FLEET.replace("period: 1h, max_gap: 6h", "zone: UTC")
    rows = telemetry(machines=2, hours=240)
    slow = rows[(rows["machine_id"] == "m01") | (rows["time"].dt.hour % 4 == 0)].reset_index(drop=True)
    assert judge(slow, text=text, failed=failures()).machines["gaps"].tolist() == [0, 0]
    daytime = slow[slow["time"].dt.hour.between(8, 16)].reset_index(drop=True)      # off every night
    assert judge(daytime, text=text, failed=failures()).machines["gaps"].sum() == 0
    silent = slow[~slow["time"].dt.day.isin([4, 5])].reset_index(drop=True)
    assert judge(silent, text=text, failed=failures()).machines["gaps"].tolist()[0] == 1


def test_the_limits_are_the_contracts():
    rows = telemetry()
    rows.loc[:200, "heat"] = 900.0
    with pytest.raises(DataError, match=r"raise limits\.max_quarantined_share"):
        judge(rows)
    loose = FLEET.replace("costs:", "limits: {max_quarantined_share: 0.5}\ncosts:")
    assert judge(rows, text=loose).metrics["passed"]
