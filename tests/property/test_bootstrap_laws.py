import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from oilcan.core.alarms.policy import AlarmPolicy, AlarmState, step
from oilcan.core.judging import bootstrap, row_metrics


@st.composite
def judged(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(4, 60))
    code = np.array(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)))
    p = np.array(draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))) / 8.0       # many ties
    target = np.array(draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n)))
    target[:2] = [0.0, 1.0]
    return code, target, p


@given(judged(), st.lists(st.integers(0, 3), min_size=5, max_size=5))
@settings(max_examples=150, deadline=None)
def test_weighted_ranking_equals_that_of_scikit_learn(rows: tuple[np.ndarray, ...], weight: list[int]) -> None:
    code, target, p = rows
    weights = np.array(weight, dtype=float)
    auc, ap = bootstrap.Ranking.of(code, target, p).auc_ap(weights)
    repeated = weights[code]
    if repeated[target == 1].sum() == 0:
        assert np.isnan(ap)
        return
    assert ap == pytest.approx(average_precision_score(target, p, sample_weight=repeated))
    if repeated[target == 0].sum():
        assert auc == pytest.approx(roc_auc_score(target, p, sample_weight=repeated))
    else:
        assert np.isnan(auc)


@given(judged())
@settings(max_examples=60, deadline=None)
def test_every_machine_once_gives_the_metrics_of_the_sample(rows: tuple[np.ndarray, ...]) -> None:
    code, target, p = rows
    once = bootstrap.classification(code, target, p, 0.5, np.ones((1, 5)))
    assert once["roc_auc"][0] == pytest.approx(row_metrics.roc_auc(target, p))
    assert once["pr_auc"][0] == pytest.approx(row_metrics.pr_auc(target, p))
    assert once["brier"][0] == pytest.approx(row_metrics.brier(target, p))
    assert once["ece"][0] == pytest.approx(row_metrics.ece(target, p))
    alarm = p >= 0.5
    precision, recall, f1 = row_metrics.precision_recall_f1(
        int((alarm & (target == 1)).sum()), int((alarm & (target == 0)).sum()), int((~alarm & (target == 1)).sum()))
    for name, wanted in (("precision", precision), ("recall", recall), ("f1", f1)):
        assert once[name][0] == (pytest.approx(wanted) if wanted is not None else pytest.approx(np.nan, nan_ok=True))


def test_identical_machines_leave_no_doubt() -> None:
    code = np.repeat(np.arange(6), 4)
    target, p = np.tile([0.0, 1.0, 0.0, 1.0], 6), np.tile([0.1, 0.7, 0.8, 0.9], 6)
    drawn = bootstrap.classification(code, target, p, 0.5, bootstrap.multiplicities(6, 50, seed=1))
    for values in drawn.values():
        assert np.ptp(values) == pytest.approx(0.0, abs=1e-12)


def test_draws_keep_the_number_of_machines_and_follow_the_seed() -> None:
    drawn = bootstrap.multiplicities(9, 30, seed=5)
    assert (drawn.sum(axis=1) == 9).all()
    assert (drawn == bootstrap.multiplicities(9, 30, seed=5)).all()
    assert (drawn != bootstrap.multiplicities(9, 30, seed=6)).any()


def test_an_interval_needs_half_of_the_draws() -> None:
    assert bootstrap.interval(np.array([1.0, np.nan, np.nan, np.nan])) is None


def test_two_hundred_draws_of_thirty_thousand_rows_take_under_six_seconds() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(30_000) ** 3
    target, code = (rng.random(30_000) < p).astype(float), np.arange(30_000) // 300
    started = time.process_time()
    bootstrap.classification(code, target, p, 0.3, bootstrap.multiplicities(100, 200, seed=1))
    assert time.process_time() - started < 6.0


@st.composite
def series(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 60))
    ids = np.sort(np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))))
    steps = np.array(draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)), dtype=float)
    return ids, np.cumsum(steps), np.array(draw(st.lists(st.floats(0, 1), min_size=n, max_size=n)))


def _alarms(ids: np.ndarray, ticks: np.ndarray, p: np.ndarray, cut: float, refractory: float) -> np.ndarray:
    return step(AlarmPolicy.plain(cut, refractory), AlarmState.of(4), ids, ticks, p)


@given(series(), st.floats(0, 1), st.floats(0, 1), st.floats(0, 30))
@settings(max_examples=150, deadline=None)
def test_laws_of_alarms(rows: tuple[np.ndarray, ...], one: float, other: float, refractory: float) -> None:
    ids, ticks, p = rows
    low, high = min(one, other), max(one, other)
    often, rarely = (_alarms(ids, ticks, p, cut, refractory) for cut in (low, high))
    assert (p[often] >= low).all()
    for machine in np.unique(ids):
        at = ticks[often & (ids == machine)]
        assert (np.diff(at) >= refractory - 1e-5).all()                    # never closer than the refractory time
        # a higher threshold may raise no later alarm than it must, but never warns a machine the lower one spares,
        # and never warns it first
        if (rarely & (ids == machine)).any():
            assert at.size
            assert at[0] <= ticks[rarely & (ids == machine)][0]
    covered = np.zeros(len(p), dtype=bool)
    for at in np.flatnonzero(often):
        covered |= (ids == ids[at]) & (ticks >= ticks[at]) & (ticks < ticks[at] + refractory + 1e-5)
    assert (covered | often | (p < low)).all()                             # every row above is alarmed or suppressed


@given(series(), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_without_refractory_time_a_higher_threshold_never_adds_an_alarm(rows: tuple[np.ndarray, ...], one: float,
                                                                        other: float) -> None:
    ids, ticks, p = rows
    low, high = min(one, other), max(one, other)
    assert not (_alarms(ids, ticks, p, high, 0.0) & ~_alarms(ids, ticks, p, low, 0.0)).any()
