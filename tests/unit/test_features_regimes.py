"""Operating regimes: found from conditions, constant afterwards, one reading at a time."""

import numpy as np
import pytest

from oilcan.core.features.regimes import Clusters, Surface, learn_regimes, settings


def six(n: int = 1200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Conditions of C-MAPSS FD002's kind, and a sensor whose level and spread depend on the regime."""
    rng = np.random.default_rng(3)
    centres = np.array([[0, 0, 100], [10, 0.25, 100], [20, 0.7, 100], [25, 0.62, 60], [35, 0.84, 100], [42, 0.84, 100]])
    regime = rng.integers(0, 6, n)
    wear = rng.normal(size=n)
    values = 100.0 * regime + (1 + regime) * wear
    return values[:, None], centres[regime] + rng.normal(0, 0.003, (n, 3)), wear


def learn(values: np.ndarray, conditions: np.ndarray, max_regimes: int = 8) -> Clusters | Surface | None:
    names = [f"c{at}" for at in range(conditions.shape[1])]
    sensors = [f"s{at}" for at in range(values.shape[1])]
    return learn_regimes(values, conditions, sensors=sensors, names=names, max_regimes=max_regimes)


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
