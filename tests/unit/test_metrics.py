import numpy as np
import pytest

from oilcan.core.judging import row_metrics

TARGET = np.array([0.0, 0.0, 1.0, 1.0])
P = np.array([0.1, 0.4, 0.35, 0.8])


def test_area_under_the_roc_curve_is_the_share_of_pairs_in_order() -> None:
    assert row_metrics.roc_auc(TARGET, P) == 0.75


def test_average_precision_by_hand() -> None:
    assert row_metrics.pr_auc(TARGET, P) == pytest.approx(0.5 * 1.0 + 0.5 * 2 / 3)


def test_tied_forecasts_count_half_a_pair() -> None:
    assert row_metrics.roc_auc(np.array([0.0, 1.0]), np.array([0.5, 0.5])) == 0.5


def test_one_class_alone_has_no_ranking() -> None:
    assert row_metrics.roc_auc(np.ones(3), np.arange(3.0)) is None
    assert row_metrics.pr_auc(np.zeros(3), np.arange(3.0)) is None


def test_no_rows_have_no_metric() -> None:
    none = np.zeros(0)
    assert row_metrics.brier(none, none) is row_metrics.ece(none, none) is row_metrics.rmse(none, none) is None
    assert row_metrics.mae(none, none) is row_metrics.phm_score(none, none) is None
    assert row_metrics.coverage(none, none, none) is None


def test_calibrated_groups_have_no_calibration_error() -> None:
    p = np.repeat([0.0, 0.5, 1.0], 20)
    target = np.concatenate([np.zeros(20), np.tile([0.0, 1.0], 10), np.ones(20)])
    assert row_metrics.ece(target, p) == pytest.approx(0.0)
    assert row_metrics.ece(1 - target, p) == pytest.approx(2 / 3)


def test_bins_hold_equal_numbers_of_distinct_forecasts() -> None:
    assert np.bincount(row_metrics.equal_mass_bins(np.linspace(0, 1, 150))).tolist() == [10] * 15


def test_a_table_of_reliability_holds_every_row_once() -> None:
    p = np.random.default_rng(0).beta(0.3, 3, 997)
    assert row_metrics.reliability((p > 0.5).astype(float), p)["n"].sum() == 997


def test_precision_without_a_warning_is_undefined() -> None:
    assert row_metrics.precision_recall_f1(0, 0, 3) == (None, 0.0, 0.0)
    assert row_metrics.precision_recall_f1(0, 0, 0) == (None, None, None)


def test_errors_of_the_remaining_life_by_hand() -> None:
    target, forecast = np.array([10.0, 20.0]), np.array([13.0, 16.0])
    assert row_metrics.rmse(target, forecast) == pytest.approx(np.sqrt(12.5))
    assert row_metrics.mae(target, forecast) == 3.5
    assert row_metrics.phm_score(target, forecast) == pytest.approx(np.expm1(0.3) + np.expm1(4 / 13))


def test_a_forecast_too_late_costs_more_than_one_as_much_too_early() -> None:
    late, early = row_metrics.phm_penalties(np.array([50.0, 50.0]), np.array([60.0, 40.0]))
    assert late > early


def test_an_absurd_forecast_still_has_a_finite_score() -> None:
    assert np.isfinite(row_metrics.phm_score(np.array([0.0]), np.array([1e9])))


def test_the_ends_of_an_interval_belong_to_it() -> None:
    observed, low, high = np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 1.0]), np.array([3.0, 2.0, 3.0])
    assert row_metrics.coverage(observed, low, high) == 2 / 3
