"""Running moments keep their digits where plain running sums lose them."""

import numpy as np
import pytest

from oilcan.core.features import scan
from oilcan.core.features.moments import Means, Moments
from oilcan.core.features.scan import decayed_sums, pieces, running_moments


def test_moments_of_segments_forwards_and_backwards() -> None:
    values = np.array([[1.0], [4.0], [7.0], [np.nan], [5.0]])
    found = running_moments(values, np.arange(5.0), np.array([0, 3]), np.array([2, 3, 4]), kind=Moments)
    np.testing.assert_allclose(found.mean.ravel(), [4.0, 0.0, 5.0])
    np.testing.assert_array_equal(found.count.ravel(), [3, 0, 1])
    assert found.low[0, 0] == 1
    assert np.isnan(found.low[1, 0])
    back = running_moments(values, np.arange(5.0), np.array([0, 3]), np.array([1]), backwards=True, kind=Moments)
    assert (back.mean[0, 0], back.square[0, 0], back.cross[0, 0]) == pytest.approx((5.5, 4.5, 1.5))


def test_a_far_off_reading_outside_the_stretch_costs_no_digits() -> None:
    values = np.array([[1e12], *[[1e6 + 1e-3 * at] for at in range(50)]])
    found = running_moments(values, np.arange(51.0), np.array([0]), np.array([1]), backwards=True, kind=Moments)
    assert found.square[0, 0] / 50 == pytest.approx(np.var(values[1:]), rel=1e-7)
    assert found.cross[0, 0] / found.t_square[0, 0] == pytest.approx(1e-3, rel=1e-7)


@pytest.mark.parametrize("counts", ["all", "some missing", "weights"])
def test_plain_numbers_arrays_and_means_alone_give_the_same_bits(counts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(50, 3, (400, 3))
    weights = rng.uniform(0.1, 2, values.shape) if counts == "weights" else None
    if counts != "all":
        values[rng.random(values.shape) < 0.2] = np.nan
    starts, found = np.array([0, 1, 3, 40, 41, 300]), {}
    for few in (0, scan._FEW, 10**6):
        monkeypatch.setattr(scan, "_FEW", few)
        found[few] = vars(pieces(values, np.arange(400.0), starts, weights, kind=Moments))
        means = vars(pieces(values, np.arange(400.0), starts, weights, kind=Means))
        for name, array in found[few].items():
            np.testing.assert_array_equal(array, found[0][name])
            np.testing.assert_array_equal(means.get(name, array), array)
    assert found[0]["count"].sum() > 0


@pytest.mark.parametrize("n", [1, 2, 3, 10, 101])
def test_decayed_sums_are_the_recursion(n: int) -> None:
    rng = np.random.default_rng(n)
    terms, decay = rng.normal(size=(n, 2)), rng.random(n) * (rng.random(n) > 0.1)
    state, expected = np.zeros(2), []
    for term, kept in zip(terms, decay, strict=True):
        state = state * kept + term
        expected.append(state)
    np.testing.assert_allclose(decayed_sums(terms, decay), expected, rtol=1e-12, atol=1e-12)
