import numpy as np
import pytest

from oilcan.core.model.intervals import Interval, covered, fit


def _forecasts(machines: int, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 200, (machines, rows))
    forecast = truth + rng.normal(0, 3 + 0.1 * truth) + rng.normal(0, 4, (machines, 1))
    return forecast.ravel(), truth.ravel(), np.repeat(np.arange(machines), rows)


def test_nine_of_ten_rows_of_new_machines_are_covered():
    shares = []
    for seed in range(20):
        interval = fit(*_forecasts(40, 50, seed), None)
        shares.append(covered(interval, *_forecasts(100, 50, 1000 + seed)[:2]).mean())
    assert np.mean(shares) == pytest.approx(0.9, abs=0.025)


def test_nine_of_ten_rows_below_the_cap_are_covered_however_many_healthy_rows_there_are():
    shares = []
    for seed in range(20):
        interval = fit(*(np.minimum(x, 60) for x in _forecasts(60, 50, seed)), 60.0)
        forecast, truth = (np.minimum(x, 60) for x in _forecasts(60, 50, 1000 + seed)[:2])
        hits = covered(interval, forecast, truth)
        shares.append((hits[truth < 60].mean(), hits[(truth < 60) & (forecast > 55)].mean()))
    wearing, near_the_cap = np.mean(shares, axis=0)
    assert wearing == pytest.approx(0.9, abs=0.025)
    assert near_the_cap > 0.8


def test_a_machine_with_many_rows_counts_once():
    rng = np.random.default_rng(0)
    calm, wild = rng.normal(0, 1, (30, 20)), rng.normal(0, 50, (1, 5000))
    error = np.concatenate([calm.ravel(), wild.ravel()])
    machines = np.concatenate([np.repeat(np.arange(30), 20), np.full(5000, 99)])
    forecast = rng.uniform(90, 110, len(error))
    low, high = fit(forecast, forecast + error, machines, None)(np.array([100.0]))
    assert (high - low)[0] < 20


def test_far_forecasts_get_wider_intervals():
    interval = fit(*_forecasts(40, 50, 0), None)
    low, high = interval(np.array([20.0, 180.0]))
    assert (high - low)[1] > 2 * (high - low)[0]


def test_intervals_stay_between_nothing_and_the_cap():
    low, high = Interval((0.0,), (10.0,), 2.0, 125.0)(np.array([5.0, 120.0]))
    assert low.tolist() == [0.0, 100.0]
    assert high.tolist() == [25.0, 125.0]


def test_few_machines_give_the_widest_error_seen():
    error = np.array([1.0, 2.0, 9.0])
    interval = fit(np.full(3, 50.0), 50.0 + error, np.arange(3), None)
    assert interval(np.array([50.0]))[1][0] == pytest.approx(59.0)


def test_an_interval_survives_json():
    interval = fit(*_forecasts(10, 30, 0), 125.0)
    assert Interval.from_json(interval.as_json()) == interval
