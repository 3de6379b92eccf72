"""The health index finds the hidden state that sensors share, whatever regime they are read in."""

import numpy as np

from oilcan.core.features.signals.health_index import learn_health


def lives(machines: int = 20, length: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Three sensors of one wear, one that is noise; remaining life; two regimes; decay of the average."""
    rng = np.random.default_rng(0)
    left = np.tile(np.arange(length, 0, -1.0), machines)
    load = np.array([[1.0, -2.0, 0.5, 0.0], [0.5, -1.0, 2.0, 0.0]])
    regime = rng.integers(0, 2, len(left))
    values = left[:, None] / length * load[regime] + rng.normal(0, 0.3, (len(left), 4))
    decay = np.where(np.arange(len(left)) % length, 0.9, 0.0)
    return values, regime, left, decay


def test_the_index_follows_the_life_left_and_ignores_noise() -> None:
    values, regime, left, decay = lives()
    health = learn_health(values, regime, left, decay, sensors=list("abcd"), unit="cycles")
    assert health is not None
    index = health.index(values, regime)
    best_single = max(abs(np.corrcoef(values[:, at], left)[0, 1]) for at in range(4))
    assert np.corrcoef(index, left)[0, 1] > best_single
    weights = np.abs(np.array(health.weight))
    assert (weights[:, 3] < 0.1 * weights[:, :3].max(axis=1)).all()


def test_a_missing_sensor_counts_as_its_offset_and_none_as_unknown() -> None:
    values, regime, left, decay = lives()
    health = learn_health(values, regime, left, decay, sensors=list("abcd"), unit="cycles")
    assert health is not None
    one = np.array([[np.nan, 1.0, np.nan, np.nan]])
    at = np.array([0])
    filled = np.where(np.isnan(one), np.array(health.offset)[0], one)
    np.testing.assert_allclose(health.index(one, at), health.index(filled, at))
    assert np.isnan(health.index(np.full((1, 4), np.nan), at)).all()
    assert np.isnan(health.index(filled, np.array([-1]))).all()


def test_too_few_known_targets_teach_nothing() -> None:
    values, regime, left, decay = lives()
    target = np.where(np.arange(len(left)) < 150, left, np.nan)
    assert learn_health(values, regime, target, decay, sensors=list("abcd"), unit="h") is None
