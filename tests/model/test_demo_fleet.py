"""Laws of the physics of `demo_fleet` at the size the pipeline uses, and of its oracle."""

import numpy as np
import pandas as pd
import pytest

from oilcan.core.simulate import SCENARIOS, Fleet, draw_fleet
from oilcan.core.simulate import components as c
from oilcan.core.simulate.life import Life, live_through
from oilcan.core.simulate.operation import Operation, ambient, draw_operation
from oilcan.core.simulate.population import draw_machines
from oilcan.core.simulate.streams import stream

HORIZON_H, LEAD_H, DAYS, MACHINES = 72, 12, 365, 100
BEARING, SEAL, MOTOR, FILTER = c.NAMES


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return draw_fleet(machines=MACHINES, days=DAYS, seed=7, start="2024-01-01", horizon_h=HORIZON_H, lead_time_h=LEAD_H)


@pytest.fixture(scope="module")
def life() -> Life:
    """Hidden state of the same fleet as `fleet`."""
    clock = pd.date_range("2024-01-01", periods=24 * DAYS, freq="h")
    machines = draw_machines(MACHINES, seed=7, start=clock[0])
    operation: Operation = draw_operation(machines, clock, ambient(clock, seed=7), SCENARIOS["none"], 24 * DAYS, seed=7,
                                          block=0)
    return live_through(
        machines, operation, scenario=SCENARIOS["none"], start_hour=24 * DAYS, is_new=False,
        rng_initial=stream(7, "initial"), rng=stream(7, "life"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def labelled(fleet: Fleet) -> pd.DataFrame:
    """Truth with the label `is_failing`, without the censored end."""
    parts = []
    for machine_id, rows in fleet.truth.groupby("machine_id"):
        failed = fleet.failures.loc[fleet.failures["machine_id"] == machine_id, "time"].sort_values().to_numpy()
        first = np.searchsorted(failed, rows["time"].to_numpy() + np.timedelta64(LEAD_H, "h"), side="right")
        last = np.searchsorted(failed, rows["time"].to_numpy() + np.timedelta64(LEAD_H + HORIZON_H, "h"), side="right")
        parts.append(rows.assign(is_failing=last > first))
    table = pd.concat(parts)
    return table[table["time"] <= table["time"].max() - pd.Timedelta(hours=LEAD_H + HORIZON_H)]


@pytest.fixture(scope="module")
def daily(fleet: Fleet) -> pd.DataFrame:
    """Median per machine and day of every sensor over load: a crude correction, robust to spikes."""
    rows = fleet.telemetry.drop_duplicates(["machine_id", "time"]).set_index(["machine_id", "time"])
    relative = rows.div(rows["load_pct"] + 60.0, axis=0).reset_index()
    return relative.groupby(["machine_id", relative["time"].dt.floor("D")])[list(rows)].median()


def lead_signal(fleet: Fleet, daily: pd.DataFrame, sensor: str, component: str, days: int) -> float:
    """Shift of a whole day `days` before breakdowns against six weeks before, over its standard error."""
    failed = fleet.failures[fleet.failures["component"] == component]
    day = failed["time"].dt.floor("D")

    def on(back: int) -> np.ndarray:
        keys = pd.MultiIndex.from_arrays([failed["machine_id"], day - pd.Timedelta(days=back)])
        return daily[sensor].reindex(keys).to_numpy()

    shift = on(days) / on(42) - 1.0
    shift = shift[np.isfinite(shift)]
    return float(np.median(shift) / (np.std(shift) / np.sqrt(len(shift))))


def test_volume_is_as_documented(fleet: Fleet, labelled: pd.DataFrame) -> None:
    assert 3.0 < len(fleet.failures) / MACHINES < 5.0
    assert 0.025 < labelled["is_failing"].mean() < 0.042
    assert fleet.failures["component"].value_counts(normalize=True).between(0.15, 0.35).all()


def test_oracle_is_calibrated_in_the_large(labelled: pd.DataFrame) -> None:
    assert labelled["p_failure"].mean() == pytest.approx(labelled["is_failing"].mean(), rel=0.10)


def test_oracle_is_calibrated_at_every_level(labelled: pd.DataFrame) -> None:
    level = pd.cut(labelled["p_failure"], [0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    table = labelled.groupby(level, observed=True)[["p_failure", "is_failing"]].mean()
    assert (table["p_failure"] - table["is_failing"]).abs().max() < 0.08


def test_oracle_is_calibrated_for_another_window() -> None:
    other = draw_fleet(machines=60, days=240, seed=11, start="2025-03-01", horizon_h=24, lead_time_h=0)
    failing = [
        len(other.failures) * 24.0 / len(other.truth),  # windows of a day, hardly any holds two failures
        other.truth["p_failure"].mean(),
    ]
    assert failing[1] == pytest.approx(failing[0], rel=0.15)


def test_share_of_failures_without_warning_is_between_8_and_16_percent(life: Life) -> None:
    assert 0.08 < life.failures[:, 3].mean() < 0.16


def test_life_is_the_hidden_state_of_the_fleet(fleet: Fleet, life: Life) -> None:
    assert len(life.failures) == len(fleet.failures)
    assert life.running.sum() == len(fleet.truth)


def test_planned_work_lowers_wear_but_not_to_zero(life: Life) -> None:
    hour, machine, part, _ = life.maintenance[life.maintenance[:, 3] == 1].astype(int).T
    seen = hour > 0
    hour, machine, part = hour[seen], machine[seen], part[seen]
    left = life.wear[hour, machine, part] / life.wear[hour - 1, machine, part]
    assert left.min() > 0.09
    assert left.max() < 0.37
    assert np.ptp(left) > 0.1


def test_planned_work_lowers_the_hazard(fleet: Fleet) -> None:
    planned = fleet.maintenance[fleet.maintenance["kind"] == "planned"]
    at = fleet.truth.set_index(["machine_id", "time"])["p_failure"]
    after = at.reindex(pd.MultiIndex.from_frame(planned[["machine_id", "time"]]))
    # a plan within the window already counts, so look before the window touches it
    earlier = planned.assign(time=planned["time"] - pd.Timedelta(hours=LEAD_H + HORIZON_H + 1))
    ahead = at.reindex(pd.MultiIndex.from_frame(earlier[["machine_id", "time"]]))
    assert np.nanmean(after) < 0.8 * np.nanmean(ahead)


@pytest.mark.parametrize(
    ("sensor", "component", "days", "sign"),
    [
        ("vibration_mm_s", BEARING, 6, 1), ("flow_m3_h", FILTER, 5, -1),
        ("oil_pressure_bar", SEAL, 2, -1), ("motor_current_a", MOTOR, 1, 1),
    ],
)  # fmt: skip
def test_wear_shows_in_its_sensor_before_the_failure(
    fleet: Fleet, daily: pd.DataFrame, sensor: str, component: str, days: int, sign: int
) -> None:
    assert sign * lead_signal(fleet, daily, sensor, component, days) > 3.0


@pytest.mark.parametrize(("sensor", "component"), [("motor_current_a", MOTOR), ("oil_pressure_bar", SEAL)])
def test_short_leads_show_nothing_two_weeks_before(
    fleet: Fleet, daily: pd.DataFrame, sensor: str, component: str
) -> None:
    assert abs(lead_signal(fleet, daily, sensor, component, 14)) < 3.0


def test_error_codes_of_a_component_gather_before_its_failures(fleet: Fleet) -> None:
    pairs = fleet.failures.merge(fleet.errors, on="machine_id", suffixes=("", "_error"))
    lead_d = (pairs["time"] - pairs["time_error"]).dt.total_seconds() / 86400
    near, far = pairs[lead_d.between(0, 5)], pairs[lead_d.between(60, 65)]
    for code, component in (("E101", BEARING), ("E201", SEAL), ("E301", MOTOR), ("E401", FILTER)):
        counts = [((t["code"] == code) & (t["component"] == component)).sum() for t in (near, far)]
        assert counts[0] > 5 * counts[1]
    noise = [(t["code"] == "E901").sum() / len(t) for t in (near, far)]
    assert noise[0] < noise[1]


def test_heavier_load_wears_faster(life: Life) -> None:
    clock = pd.date_range("2024-01-01", periods=24 * DAYS, freq="h")
    machines = draw_machines(MACHINES, seed=7, start=clock[0])
    operation = draw_operation(machines, clock, ambient(clock, seed=7), SCENARIOS["none"], len(clock), seed=7, block=0)
    rate = operation.wear_h[:, :, c.BEARING].mean(axis=0) / machines.wear_factor[:, c.BEARING]
    assert np.corrcoef(rate, machines.load_pct)[0, 1] > 0.9
    assert life.wear.shape == operation.wear_h.shape
