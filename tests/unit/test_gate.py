"""The gate promotes, holds and rejects for the right reasons, with two different models in both orders."""

import numpy as np
import pytest

from oilcan.governance.compare import Rival, compare, everywhere
from oilcan.governance.gate import judge
from oilcan.params.review import ReviewParams

PARAMS = ReviewParams(seed=3, bootstrap=100, tolerance_share=0.02, slice_tolerance_share=0.15, min_slice_machines=5,
                      max_ece=0.05)
GOOD = {
    "test": {"pr_auc": 0.6, "pr_auc_ci95": [0.5, 0.7], "prevalence": 0.1, "ece": 0.01},
    "costs": {"model": 50.0, "run_to_failure": 100.0, "periodic": 80.0},
}
QUALITY = {"passed": True}


def rival(*, better: bool, is_event: bool = True) -> Rival:
    rng = np.random.default_rng(11)
    n = 4000
    machines = np.repeat(np.arange(50), n // 50)
    if is_event:
        target = (rng.random(n) < 0.1).astype(float)
        noisy = [target + rng.normal(0, spread, n) for spread in (0.3, 0.6)]
    else:
        target = rng.uniform(0, 125, n)
        noisy = [target + rng.normal(0, spread, n) for spread in (8.0, 16.0)]
    sharp, dull = noisy
    return Rival(machines, target, sharp if better else dull, dull if better else sharp, is_event)


def changed(**test: object) -> dict:
    return GOOD | {"test": GOOD["test"] | test}


def test_a_good_model_without_champion_is_promoted():
    assert judge(GOOD, QUALITY, [], PARAMS).decision == "promote"


@pytest.mark.parametrize("is_event", [True, False])
def test_a_better_challenger_is_promoted_and_a_worse_one_held(is_event):
    for better, wanted in ((True, "promote"), (False, "hold")):
        comparisons = everywhere(rival(better=better, is_event=is_event), {}, PARAMS)
        assert judge(GOOD, QUALITY, comparisons, PARAMS).decision == wanted


def test_the_same_model_again_passes_with_a_gain_of_zero():
    sharp = rival(better=True)
    same = Rival(sharp.machine_id, sharp.target, sharp.challenger, sharp.challenger, True)
    found = compare(same, "test part", draws=50, seed=1)
    assert (found.gain, found.gain_low, found.gain_high) == (0.0, 0.0, 0.0)
    assert judge(GOOD, QUALITY, [found], PARAMS).decision == "promote"


def test_one_slice_that_fell_is_enough_to_hold():
    whole = rival(better=True)
    worse = whole.machine_id < 6
    mixed = Rival(whole.machine_id, whole.target, np.where(worse, whole.champion, whole.challenger),
                  np.where(worse, whole.challenger, whole.champion), True)
    verdict = judge(GOOD, QUALITY, everywhere(mixed, {"site = north": worse}, PARAMS), PARAMS)
    assert verdict.decision == "hold"
    assert any("site = north" in reason for reason in verdict.reasons)


def test_a_slice_with_few_machines_is_not_compared():
    few = rival(better=True).machine_id < 4
    assert [c.where for c in everywhere(rival(better=True), {"tiny": few}, PARAMS)] == ["test part"]


@pytest.mark.parametrize(
    ("metrics", "quality", "reason"),
    [
        (GOOD, {"passed": False}, "data quality"),
        (GOOD, {}, "data quality"),
        (changed(pr_auc_ci95=[0.09, 0.7]), QUALITY, "better than chance"),
        (changed(ece=0.2), QUALITY, "calibration"),
        (changed(ece=None), QUALITY, "calibration"),
        ({"test": {}}, QUALITY, "metrics present"),
        ({"test": {"rmse": 30.0}, "baselines": {"median_life": {"rmse": 20.0}}}, QUALITY, "median life"),
    ],
)
def test_a_broken_floor_rejects_and_says_which(metrics, quality, reason):
    verdict = judge(metrics, quality, [], PARAMS)
    assert verdict.decision == "reject"
    assert any(reason in line for line in verdict.reasons)


def test_alarms_that_cost_more_than_a_simple_policy_hold():
    costly = GOOD | {"costs": {"model": 90.0, "run_to_failure": 100.0, "periodic": 80.0}}
    assert judge(costly, QUALITY, [], PARAMS).decision == "hold"


def test_a_rejection_leaves_as_full_a_record_as_a_promotion():
    passed, failed = judge(GOOD, QUALITY, [], PARAMS), judge(changed(ece=0.2), QUALITY, [], PARAMS)
    assert [check.name for check in passed.checks] == [check.name for check in failed.checks]
    assert failed.as_json()["reasons"]
