"""Residuals say what a sensor adds to the others, and join the plan as sensors."""

from dataclasses import replace

import numpy as np
from tests import feature_frames as frames

from oilcan.core.features.batch import compute_matrix
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.signals.residuals import RIDGE, Residuals, learn_residuals


def driven(n: int = 2000) -> np.ndarray:
    """Two sensors that follow one load, and one that follows nothing."""
    rng = np.random.default_rng(0)
    load = rng.normal(size=n)
    noise = rng.normal(size=(n, 3))
    return np.column_stack([50 + 5 * load + noise[:, 0], -3 * load + 0.5 * noise[:, 1], noise[:, 2]])


def learned(values: np.ndarray) -> Residuals:
    found = learn_residuals(values, np.ones(len(values), dtype=bool), sensors=list("abc"))
    assert found is not None
    return found


def test_only_sensors_that_others_explain_have_a_residual() -> None:
    assert learned(driven()).names == ("a_residual", "b_residual")


def test_a_residual_is_what_ridge_regression_on_the_others_leaves() -> None:
    values = driven()
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    slopes = np.linalg.solve(z[:, 1:].T @ z[:, 1:] / len(z) + RIDGE * np.eye(2), z[:, 1:].T @ z[:, 0] / len(z))
    expected = (z[:, 0] - z[:, 1:] @ slopes) * values[:, 0].std()
    np.testing.assert_allclose(learned(values).of(values)[:, 0], expected, rtol=1e-6, atol=1e-9)


def test_load_does_not_show_and_a_fault_of_one_sensor_does() -> None:
    residuals = learned(driven())
    load, fault = residuals.of(np.array([[50 + 5 * 3.0, -3 * 3.0, 0.0], [50 + 8.0, 0.0, 0.0]]))[:, 0]
    assert abs(load) < 1.5
    assert fault > 6


def test_a_missing_reading_counts_as_its_mean_and_a_missing_sensor_is_unknown() -> None:
    residuals = learned(driven())
    a, b = residuals.of(np.array([[60.0, np.nan, 0.0]]))[0]
    assert np.isnan(b)
    np.testing.assert_allclose(a, residuals.of(np.array([[60.0, residuals.centre[1], 0.0]]))[0, 0])


def test_rows_before_failures_and_too_few_rows_teach_nothing() -> None:
    values, healthy = driven(), np.arange(2000) < 1000
    spoilt, names = np.where(healthy[:, None], values, 1e9), list("abc")
    assert learn_residuals(spoilt, healthy, sensors=names) == learn_residuals(values, healthy, sensors=names)
    assert learn_residuals(values, np.arange(2000) < 150, sensors=names) is None


def test_residuals_are_sensors_of_the_plan_and_survive_json() -> None:
    tables = frames.fleet(1, readings=300)
    heat = tables.telemetry["heat"]
    tables = replace(tables, telemetry=tables.telemetry.assign(shake=2 * heat + np.sin(np.arange(len(heat)))))
    plan = frames.plan_for(tables)
    assert plan.residuals is not None
    assert plan.columns[-3:] == ("heat_residual", "shake_residual", "health_index")
    assert {"heat_residual_mean_3h", "shake_residual_mean_30h"} <= set(plan.names)
    assert FeaturePlan.from_json(plan.to_json()) == plan
    column = compute_matrix(plan, tables)[:, plan.names.index("heat_residual_mean_30h")]
    assert np.isfinite(column).mean() > 0.9
    without = [family for family in frames.PARAMS.families if family != "residual"]
    assert frames.plan_for(tables, families=without).residuals is None
