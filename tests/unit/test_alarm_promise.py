"""What alarms cost above the promise: chance asks for no retraining, a worse model does."""

import numpy as np
import pytest

from oilcan.contract import Costs
from oilcan.core.judging.alarm_promise import AlarmCounts, AlarmPromise, loss_of

COSTS = Costs(missed_failure_eur=20_000.0, false_alarm_eur=800.0, planned_repair_eur=4_000.0)
MACHINES = 30
RARELY = 0.045      # 2.5 % by the interval, and 2.5 standard errors of 400 draws


def drawn(rng: np.random.Generator, *, months: float, missed: float = 0.2, false: float = 0.5, failures: float = 0.4
          ) -> AlarmCounts:
    """Counts of a fleet by chance, at rates for a machine and month; what is missed and false differs by machine."""
    happened = rng.poisson(failures * months, MACHINES)
    shares = rng.beta(5 * missed, 5 * (1 - missed), MACHINES)
    alarms = rng.poisson(false * months * rng.gamma(4, 0.25, MACHINES))
    return AlarmCounts(happened, rng.binomial(happened, shares), alarms, np.full(MACHINES, months))


def lows(seed: int, **field: float) -> np.ndarray:
    """The lower ends for 400 models and fields."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(400):
        promise = AlarmPromise.of(drawn(rng, months=1.3))
        assert promise is not None
        loss = loss_of(drawn(rng, months=1.8, **field), promise, COSTS)
        assert loss is not None
        found.append(loss.low)
    return np.array(found)


def test_a_model_as_good_as_promised_is_seldom_called_dear() -> None:
    assert (lows(1) > 0).mean() <= RARELY


def test_more_failures_are_no_broken_promise() -> None:
    assert (lows(2, failures=0.8) > 0).mean() <= RARELY


def test_a_model_that_misses_most_and_alarms_ten_times_as_often_is_dear() -> None:
    assert (lows(3, missed=0.8, false=5.0) > 0).mean() >= 0.95


@pytest.mark.parametrize("machines", [1, 3])
def test_three_of_three_announced_promise_no_certainty(machines: int) -> None:
    ones = np.ones(machines, dtype=np.int64)
    promise = AlarmPromise.of(AlarmCounts(3 * ones, 0 * ones, 0 * ones, 1.0 * ones))
    assert promise is not None
    assert promise.missed_error > 0
    assert promise.false_error > 0
    one_missed = np.zeros(machines, dtype=np.int64)
    one_missed[0] = 1
    loss = loss_of(AlarmCounts(one_missed, one_missed, 0 * ones, 1.0 * ones), promise, COSTS)
    assert loss is not None
    assert loss.low < 0 < loss.mean


def test_no_time_is_no_promise_and_no_loss() -> None:
    none = np.zeros(2, dtype=np.int64)
    empty = AlarmCounts(none, none, none, none.astype(np.float64))
    assert AlarmPromise.of(empty) is None
    assert loss_of(empty, AlarmPromise(0.1, 0.5, 0.01, 0.01, 0.0), COSTS) is None


def test_a_promise_comes_back_from_json() -> None:
    promise = AlarmPromise.of(drawn(np.random.default_rng(5), months=1.0))
    assert promise is not None
    assert AlarmPromise.from_json(promise.as_json()) == promise
