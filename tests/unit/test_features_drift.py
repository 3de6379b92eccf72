"""The hidden state and its drift: what is learned from lives whose truth is known, and when it is left out."""

import numpy as np
import pytest
from tests import feature_frames as frames

from oilcan.core.features.drift.drift_learning import FEWEST, with_unfinished
from oilcan.core.features.drift.drift_model import DriftSums, posterior
from oilcan.core.features.drift.life_sums import life_sums
from oilcan.core.features.drift.lives import LifeReadings, learn_drift, lives_that_ended, pays
from oilcan.core.features.facts import Facts
from oilcan.core.features.families.drift import STATISTICS, propose
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.signals.hidden_state import learn_hidden_state
from oilcan.core.reasons.wording import sentence
from oilcan.ground.errors import IntegrityError

TAU, LIFE = 40.0, 200.0


def population(lives: int, seed: int = 0, *, unfinished: float = 0.0) -> LifeReadings:
    """Two states with unit noise; the first ends near 30 in every life, the second anywhere."""
    rng = np.random.default_rng(seed)
    parts = []
    for number in range(lives):
        length = float(np.exp(rng.normal(np.log(LIFE), 0.2)))
        tau = float(np.exp(rng.normal(np.log(TAU), 0.2)))
        seen = length * (rng.uniform(0.3, 0.9) if rng.random() < unfinished else 1.0)
        age = np.arange(1.0, seen)
        growth = np.exp(-(length - age) / tau)[:, None]
        start, end = rng.normal([0.0, 0.0], 1.0), np.array([rng.normal(30, 0.3), rng.normal(0, 15)])
        states = start * (1 - growth) + end * growth + rng.normal(size=(len(age), 2))
        left = length - age if seen == length else np.full(len(age), np.nan)
        parts.append((states, np.ones(len(age)), age, age, np.full(len(age), number), left, np.full(len(age), number)))
    return LifeReadings(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def at_every_reading(readings: LifeReadings, model, rotation: np.ndarray) -> np.ndarray:
    turned = readings.rotated(rotation)
    sums = life_sums(turned.states, turned.precision, turned.ticks, turned.begins, np.array(model.time_constants),
                     np.arange(len(readings.age)))
    return posterior(model, readings.age, sums)


def test_the_population_is_found_and_new_lives_are_forecast_within_its_doubt() -> None:
    model, rotation = learn_drift(population(80), cap=None)
    np.testing.assert_allclose(np.exp(model.log_mean), [TAU, LIFE], rtol=0.1)
    assert model.ends_covariance[2][2] < 2 < 50 < model.ends_covariance[3][3]       # the margin first
    new = population(60, seed=1)
    mean, doubt, constant = at_every_reading(new, model, rotation).T
    near = (new.left < 2 * TAU) & (new.left > 5)        # the drift can be seen, and cells of the grid are narrow
    assert abs(np.median(constant[near & (new.left < TAU)]) / TAU - 1) < 0.15
    z = (mean - new.left)[near] / doubt[near]
    assert abs(z.mean()) < 0.25
    assert 0.6 < z.std() < 1.15                                 # the tempered likelihood is careful
    assert np.sqrt(((mean - new.left)[near] ** 2).mean()) < 12


def test_lives_that_have_not_ended_lengthen_the_lives_to_come() -> None:
    readings = population(100, seed=2, unfinished=0.6)
    model, _ = learn_drift(readings, cap=None)
    ended = np.unique(readings.life[np.isfinite(readings.left)])
    naive = np.mean([np.log((readings.age + readings.left)[readings.life == number][0]) for number in ended])
    assert model.log_mean[1] > naive                            # only short lives end while one watches
    assert abs(model.log_mean[1] - np.log(LIFE)) < 0.08
    assert with_unfinished(model, np.array([1.0, 2.0]), np.empty(0)) is model


def test_too_few_lives_teach_nothing() -> None:
    assert lives_that_ended(population(FEWEST - 1)) < FEWEST
    assert lives_that_ended(population(FEWEST)) == FEWEST


def test_it_pays_where_lives_follow_the_drift_and_not_where_the_index_says_as_much() -> None:
    readings = population(60, seed=3)
    noise = np.random.default_rng(0).normal(size=len(readings.left))
    assert pays(readings, np.minimum(readings.left, 125) + 60 * noise, cap=125.0)
    assert not pays(readings, np.minimum(readings.left, 125) + 2 * noise, cap=125.0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_as_many_directions_are_found_as_carry_signal(k: int) -> None:
    rng, lives, length = np.random.default_rng(k), 30, 150
    age = np.tile(np.arange(1.0, length + 1), lives)
    wear = np.repeat(rng.normal(0, 1, (lives, k)), length, axis=0) * np.exp((age - length) / 30)[:, None] * 6
    values = wear @ rng.normal(size=(k, 8)) + rng.normal(size=(len(age), 8))
    state = learn_hidden_state(values, np.zeros(len(age), int), age, np.arange(0, len(age), length),
                               sensors=list("abcdefgh"), half_life=5.0)
    assert len(state.names) == k
    found = state.of(values, np.zeros(len(age), int))
    noise = found - wear @ np.linalg.lstsq(wear, found, rcond=None)[0]
    covariance = np.cov(noise.T).reshape(k, k)
    assert (np.abs(covariance - np.diag(np.diag(covariance))) < 0.05).all()             # white
    assert ((np.diag(covariance) > 0.6) & (np.diag(covariance) < 1.1)).all()            # the nugget shrinks it
    assert np.isnan(state.of(np.full((1, 8), np.nan), np.zeros(1, int))).all()


def test_noise_alone_has_no_state() -> None:
    values = np.random.default_rng(0).normal(size=(3000, 4))
    ticks = np.tile(np.arange(100.0), 30)
    assert learn_hidden_state(values, np.zeros(3000, int), ticks, np.arange(0, 3000, 100), sensors=list("abcd"),
                              half_life=5.0) is None


def test_a_plan_says_why_it_has_no_drift() -> None:
    tables = frames.fleet(1)
    plan = frames.plan_for(tables)
    assert plan.without_drift == f"fewer than {FEWEST} lives of training machines ended in a failure"
    off = frames.build(tables, families=["level", "trailing", "health"])
    assert off.without_drift == "`drift` is not among featurize.families"
    assert off.state is off.drift is None


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_crew_reads_each_of_its_features_as_a_sentence(statistic: str) -> None:
    plan = FeaturePlan("engines", 1, "cycle", (), ())
    feature, = (each for each in propose(drift_facts()) if each.statistic == statistic)
    words = sentence(plan, feature, 55.0, 118.0)
    assert "wear" in words
    assert "55" in words
    assert "118" in words
    assert ("cycles" in words) == (statistic != "margin")
    assert sentence(plan, feature, None, 118.0).endswith(": missing")


def drift_facts() -> Facts:
    return Facts("cycle", frames.PARAMS, (5.0,), (), frozenset(), {}, {}, (), (), False, True, has_drift=True)


def test_a_drift_model_of_another_release_is_refused() -> None:
    values = frames.plan_for(frames.fleet(1)).to_json() | {"drift": {"mean": [[0.0, 1.0]], "cap": None}}
    with pytest.raises(IntegrityError, match=r"plan.json: its drift model is of another release .*dvc repro featurize"):
        FeaturePlan.from_json(values)


def test_sums_of_an_older_reading_fade() -> None:
    sums = DriftSums(np.array([2.0]), np.array([[3.0]]), np.array([[2.0]]), np.array([[2.0]]), np.array([[[3.0]]]))
    aged = sums.aged(np.array([5.0 * np.log(2)]), (5.0,))
    np.testing.assert_allclose([aged.near[0, 0], aged.near_square[0, 0], aged.near_level[0, 0, 0], aged.count[0]],
                               [1.0, 0.5, 1.5, 2.0])
