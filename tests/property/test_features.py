"""Laws of every family of features, applied by one parametrised test; and a leak that they catch."""

import re
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import feature_frames as frames

from oilcan.core.features.arrays import Tables
from oilcan.core.features.families.registry import FAMILIES
from oilcan.core.features.plan import FeaturePlan

Compute = Callable[[FeaturePlan, Tables], np.ndarray]
FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 10_000)
WINDOWS = st.sampled_from(["3h, 10h, 30h", "15min, 1h", "7h", "2h, 200h"])


def same(left: np.ndarray, right: np.ndarray) -> None:
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-7)


def future_removed(compute: Compute, plan: FeaturePlan, tables: Tables) -> None:
    cut = tables.rows["time"].sort_values().iloc[len(tables.rows) // 2]
    early = (tables.rows["time"] <= cut).to_numpy()
    past = replace(tables, **{
        name: getattr(tables, name)[lambda table: table["time"] <= cut]
        for name in ("telemetry", "rows", "errors", "maintenance", "failures")
    })  # fmt: skip
    same(compute(plan, tables)[early], compute(plan, past))


def records_at_the_instant_removed(compute: Compute, plan: FeaturePlan, tables: Tables) -> None:
    """Maintenance and failures stamped at t tell nothing at t."""
    row = tables.rows.iloc[[len(tables.rows) // 2]].reset_index(drop=True)
    late = {name: getattr(tables, name)[lambda table: table["time"] < row["time"][0]]
            for name in ("maintenance", "failures")}  # fmt: skip
    at_row = replace(tables, rows=row)
    same(compute(plan, at_row), compute(plan, replace(at_row, **late)))


def other_machines_removed(compute: Compute, plan: FeaturePlan, tables: Tables) -> None:
    mine = (tables.rows["machine_id"] == "m1").to_numpy()
    alone = Tables(**{f.name: getattr(tables, f.name)[lambda t: t["machine_id"] == "m1"] for f in fields(Tables)})
    same(compute(plan, tables)[mine], compute(plan, alone))


def shuffled(compute: Compute, plan: FeaturePlan, tables: Tables) -> None:
    mixed = Tables(**{f.name: getattr(tables, f.name).sample(frac=1, random_state=3) for f in fields(Tables)})
    same(compute(plan, tables)[mixed.rows.index], compute(plan, mixed))


def inputs_kept(compute: Compute, plan: FeaturePlan, tables: Tables) -> None:
    before = {f.name: getattr(tables, f.name).copy(deep=True) for f in fields(Tables)}
    compute(plan, tables)
    for name, table in before.items():
        pd.testing.assert_frame_equal(getattr(tables, name), table)


def labels_scrambled(compute: Compute, plan: FeaturePlan, tables: Tables) -> None:
    n = len(tables.telemetry)
    lied = replace(
        tables, telemetry=tables.telemetry.assign(broken=np.arange(n) % 2 == 0, p_failure=0.5, target_failure=1.0),
        rows=tables.rows.assign(target_failure=1.0, next_failure_failure=0.0, bound_rul=9.0, p_true=1.0, part="test"),
        machines=tables.machines.assign(last_time=frames.START, is_test=True),
    )  # fmt: skip
    same(compute(plan, tables), compute(plan, lied))


def some_rows_asked(compute: Compute, plan: FeaturePlan, tables: Tables) -> None:
    """A row's features do not depend on which other rows are asked for."""
    same(compute(plan, tables)[::3], compute(plan, replace(tables, rows=tables.rows.iloc[::3])))


CHECKS = [future_removed, records_at_the_instant_removed, other_machines_removed, shuffled, inputs_kept,
          labels_scrambled, some_rows_asked]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", FAMILIES)
@FEW
@given(seed=SEEDS, windows=WINDOWS)
def test_every_family_keeps_every_law(kind: str, check: Callable[..., None], seed: int, windows: str) -> None:
    tables = frames.fleet(seed)
    check(lambda plan, t: frames.exactly(plan, kind, t), frames.plan_for(tables, windows), tables)


@pytest.mark.parametrize("kind", FAMILIES)
@FEW
@given(seed=SEEDS, windows=WINDOWS, separate=st.booleans())
def test_every_family_equals_its_definition(kind: str, seed: int, windows: str, separate: bool) -> None:
    tables = frames.fleet(seed, machines=2, readings=30, separate=separate)
    tables = replace(tables, rows=tables.rows.iloc[::2])
    plan = frames.plan_for(frames.fleet(seed, readings=400, separate=separate), windows)
    expected = frames.by_definition(plan, kind, tables)
    np.testing.assert_allclose(frames.exactly(plan, kind, tables), expected, rtol=1e-9, atol=1e-7)


def test_the_health_index_counts_less_where_sensors_are_noisy() -> None:
    plan = frames.plan_for(frames.fleet(1, readings=400, separate=True))
    assert plan.health is not None
    quiet, noisy = plan.health.precision
    assert quiet > 1 > noisy
    np.testing.assert_allclose(quiet + noisy, 2)


def test_the_test_fleet_calls_for_every_family_and_both_learned_constants() -> None:
    plan = frames.plan_for(frames.fleet(1))
    assert {feature.kind for feature in plan.features} == set(FAMILIES)
    assert plan.regimes is not None
    assert plan.health is not None
    assert {sensor.rhythm for sensor in plan.sensors} == {"condition", "plain", "counter", "text"}


def peek(plan: FeaturePlan, tables: Tables) -> np.ndarray:
    """A planted leak: the reading after the row's own."""
    ahead = tables.telemetry.sort_values(["machine_id", "time"])
    ahead = ahead.assign(heat=ahead.groupby("machine_id")["heat"].shift(-1))
    return frames.exactly(plan, "level", replace(tables, telemetry=ahead))


def lean(plan: FeaturePlan, tables: Tables) -> np.ndarray:
    """A planted dependence: deviation from all machines of the partition."""
    levels = frames.exactly(plan, "level", tables)
    return levels - np.nanmean(levels, axis=0)


@pytest.mark.parametrize(("leak", "check"), [(peek, future_removed), (lean, other_machines_removed),
                                             (lean, future_removed)])  # fmt: skip
def test_a_planted_leak_is_caught(leak: Compute, check: Callable[..., None]) -> None:
    tables = frames.fleet(1)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(leak, frames.plan_for(tables), tables)


@FEW
@given(seed=SEEDS)
def test_names_say_sensor_statistic_and_window(seed: int) -> None:
    plan = frames.plan_for(frames.fleet(seed))
    assert len(set(plan.names)) == len(plan.names)
    for feature in plan.features:
        if feature.kind not in {"events", "static"}:
            window = "" if feature.window is None else f"_{feature.window:g}h"
            assert feature.name == f"{feature.sensor}_{feature.statistic}{window}"
        assert re.fullmatch(r"[A-Za-z0-9_.]+", feature.name)


def test_no_feature_reads_a_label_or_a_personal_column() -> None:
    plan = frames.plan_for(frames.fleet(2))
    read = {feature.sensor for feature in plan.features} | {sensor.name for sensor in plan.sensors}
    assert not read & {"broken", "owner", "target_failure", "p_failure", "is_test", "last_time"}
