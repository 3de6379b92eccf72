"""Operating regimes: found from conditions, constant afterwards, one reading at a time."""

import numpy as np
import pytest

from oilcan.core.features.signals.regimes import Clusters, learn_regimes, settings
from oilcan.core.features.signals.surface import Surface


def six(n: int = 1200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Conditions of C-MAPSS FD002's kind, and a sensor whose level and spread depend on the regime."""
    rng = np.random.default_rng(3)
    centres = np.array([[0, 0, 100], [10, 0.25, 100], [20, 0.7, 100], [25, 0.62, 60], [35, 0.84, 100], [42, 0.84, 100]])
    regime = rng.integers(0, 6, n)
    wear = rng.normal(size=n)
    values = 100.0 * regime + (1 + regime) * wear
    return values[:, None], centres[regime] + rng.normal(0, 0.003, (n, 3)), wear


def learn(values: np.ndarray, conditions: np.ndarray, max_regimes: int = 8,
          machine: np.ndarray | None = None) -> Clusters | Surface | None:  # fmt: skip
    names = [f"c{at}" for at in range(conditions.shape[1])]
    sensors = [f"s{at}" for at in range(values.shape[1])]
    machine = np.zeros(len(values), dtype=np.int64) if machine is None else machine
    return learn_regimes(values, conditions, machine, sensors=sensors, names=names, max_regimes=max_regimes)


def test_the_six_regimes_are_found_and_taken_out() -> None:
    values, conditions, wear = six()
    found = learn(values, conditions)
    assert isinstance(found, Clusters)
    assert len(found.centres) == 6
    clean = found.normalise(values, conditions)[:, 0]
    assert abs(np.corrcoef(clean, wear)[0, 1]) > 0.99


def test_more_settings_than_allowed_count_as_smooth() -> None:
    values, conditions, _ = six()
    assert isinstance(learn(values, conditions, max_regimes=5), Surface)


def test_a_smooth_condition_is_regressed_out_and_clipped_beyond_its_range() -> None:
    rng = np.random.default_rng(1)
    load = rng.uniform(50, 100, 2000)
    values = np.column_stack([3 + 0.2 * load + 0.001 * load**2 + rng.normal(0, 0.1, 2000), rng.normal(size=2000)])
    found = learn(values, load[:, None])
    assert isinstance(found, Surface)
    assert found.sensors == ("s0",), "a sensor that does not depend on the condition stays raw"
    assert found.normalise(values[:, :1], load[:, None]).std() == pytest.approx(0.1, rel=0.1)
    far, edge = (found.normalise(np.zeros((1, 1)), np.array([[c]])) for c in (1e6, load.max()))
    assert far == pytest.approx(edge)


def test_one_reading_alone_gives_the_same_as_in_a_table() -> None:
    for values, conditions in (six()[:2], (np.arange(200.0)[:, None], np.linspace(0, 1, 200)[:, None])):
        found = learn(values, conditions)
        assert found is not None
        alone = np.vstack([found.normalise(values[[i]], conditions[[i]]) for i in range(50)])
        np.testing.assert_array_equal(alone, found.normalise(values, conditions)[:50])


def test_a_missing_condition_is_left_out_and_none_at_all_gives_nothing() -> None:
    values, conditions, _ = six()
    found = learn(values, conditions)
    assert isinstance(found, Clusters)
    part = conditions[:1].copy()
    part[0, 1] = np.nan
    np.testing.assert_array_equal(found.regime(part), found.regime(conditions[:1]))
    assert np.isnan(found.normalise(values[:1], np.full((1, 3), np.nan))).all()


def test_constant_conditions_say_nothing() -> None:
    assert learn(np.arange(100.0)[:, None], np.ones((100, 2))) is None
    assert settings(np.array([1.0, 2.0, 3.0])) is not None


def test_of_a_sensor_whose_deviations_grow_with_its_level_the_logarithm_is_expected_in_per_cent() -> None:
    rng = np.random.default_rng(2)
    machine, load, noise = rng.integers(0, 6, 6000), rng.uniform(50, 100, 6000), rng.normal(0, 0.02, 6000)
    size = np.array([10.0, 40.0, 80.0])[machine % 3]
    speed = 50_000 / size * (0.5 + 0.005 * load)                # large machines run slowly
    values = np.column_stack([size * (0.3 + 0.007 * load) * np.exp(noise), 20 + 0.3 * load + rng.normal(0, 1, 6000)])
    found = learn(values, np.column_stack([load, speed]), machine=machine)
    assert isinstance(found, Surface)
    assert found.relative == {"s0"}
    left = found.normalise(values, np.column_stack([load, speed]))[:, 0]
    own = left - np.array([left[machine == at].mean() for at in range(6)])[machine]
    assert own == pytest.approx(100 * noise, abs=2), "the load acts on small and large machines alike"


def test_differences_between_machines_are_not_taken_for_effects_of_conditions() -> None:
    rng = np.random.default_rng(3)
    machine = np.repeat([0, 1], 1000)
    load = rng.normal(70, 2, 2000) + 20 * machine
    found = learn((5.0 * machine + 0.1 * load + rng.normal(0, 0.1, 2000))[:, None], load[:, None], machine=machine)
    assert isinstance(found, Surface)
    at_60, at_61 = found.normalise(np.zeros((2, 1)), np.array([[75.0], [76.0]]))[:, 0]
    assert at_60 - at_61 == pytest.approx(0.1, abs=0.03)


def test_a_reading_of_zero_stays_finite_where_logarithms_are_taken() -> None:
    surface = Surface(("load",), (0.0,), (1.0,), (-1.0,), (1.0,), ("flow",), ((1.0, 0.0, 0.0),), (0.5,))
    found = surface.normalise(np.array([[0.0], [np.nan]]), np.zeros((2, 1)))[:, 0]
    assert found.tolist() == pytest.approx([100 * (np.log(0.5) - 1), np.nan], nan_ok=True)
