import numpy as np
import pytest

from oilcan.core.model.calibration import Calibrator, choose, fit, machine_folds


def _overconfident(n: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, n)
    target = (rng.random(n) < p).astype(float)
    logit = 2.5 * np.log(p / (1 - p)) + 0.5
    return 1 / (1 + np.exp(-logit)), target, np.arange(n) % 40


def test_sigmoid_undoes_a_stretched_logit():
    score, target, _ = _overconfident()
    calibrator = fit("sigmoid", score, target)
    assert calibrator.slope == pytest.approx(1 / 2.5, abs=0.05)
    assert calibrator.offset == pytest.approx(-0.5 / 2.5, abs=0.1)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_lowers_brier_of_overconfident_scores(method):
    score, target, machines = _overconfident()
    kept = choose(method, score, target, machines)
    assert kept.calibrator.method == method
    assert kept.after < kept.before


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_that_would_be_worse_across_machines_is_not_kept(method):
    rng = np.random.default_rng(3)
    p = rng.uniform(0.1, 0.9, 60)
    target = (rng.random(60) < p).astype(float)
    kept = choose(method, p, target, np.arange(60) % 3)
    assert kept.after <= kept.before
    assert (kept.calibrator.method == "none") == (kept.after == kept.before)


def test_a_score_that_ranks_the_wrong_way_round_is_not_turned():
    score = np.array([0.9, 0.8, 0.2, 0.1] * 10)
    assert fit("sigmoid", score, 1 - np.round(score)).method == "none"


def test_one_class_gives_no_calibrator():
    assert fit("isotonic", np.array([0.1, 0.2]), np.zeros(2)).method == "none"
    assert "one class" in choose("sigmoid", np.array([0.1, 0.2]), np.zeros(2), np.array(["a", "b"])).reason


def test_platt_targets_keep_separated_classes_off_the_edge():
    score = np.repeat([0.01, 0.99], 20)
    p = fit("sigmoid", score, np.round(score))(np.array([0.01, 0.99]))
    assert p[1] == pytest.approx(21 / 22, abs=1e-3)
    assert p[0] == pytest.approx(1 / 22, abs=1e-3)


def test_isotonic_keeps_the_ranking_within_a_step():
    score = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    p = fit("isotonic", score, np.array([0.0, 0, 0, 1, 1, 1]))(score)
    assert (np.diff(p) > 0).all()


@pytest.mark.parametrize("method", ["none", "sigmoid", "isotonic"])
def test_a_calibrator_survives_json(method):
    score, target, _ = _overconfident(200)
    calibrator = fit(method, score, target)
    assert Calibrator.from_json(calibrator.as_json()) == calibrator


def test_a_machine_is_never_on_both_sides_of_a_fold():
    machines = np.array(list("aabbccddeeff"))
    folds = list(machine_folds(machines, 4))
    assert len(folds) == 4
    assert all(not set(machines[fitted]) & set(machines[judged]) for fitted, judged in folds)
    assert sum(judged for _, judged in folds).tolist() == [1] * 12
