"""Running moments keep their digits where plain running sums lose them."""

import numpy as np
import pandas as pd
import pytest

from oilcan.core.features import scan
from oilcan.core.features.arrays import Tables
from oilcan.core.features.batch import compute_matrix
from oilcan.core.features.families import trailing
from oilcan.core.features.moments import Means, Moments, Spreads
from oilcan.core.features.plan import Feature, FeaturePlan, Sensor
from oilcan.core.features.scan import decayed_sums, pieces, running, running_moments


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
def test_plain_numbers_arrays_and_fewer_fields_give_the_same_bits(counts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(50, 3, (400, 3))
    weights = rng.uniform(0.1, 2, values.shape) if counts == "weights" else None
    if counts != "all":
        values[rng.random(values.shape) < 0.2] = np.nan
    starts, found = np.array([0, 1, 3, 40, 41, 300]), {}
    for few in (0, scan._FEW, 10**6):
        monkeypatch.setattr(scan, "_FEW", few)
        found[few] = vars(pieces(values, np.arange(400.0), starts, weights, kind=Moments))
        less = [vars(pieces(values, np.arange(400.0), starts, weights, kind=kind)) for kind in (Means, Spreads)]
        for name, array in found[few].items():
            np.testing.assert_array_equal(array, found[0][name])
            for some in less:
                np.testing.assert_array_equal(some.get(name, array), array)
    assert found[0]["count"].sum() > 0


@pytest.mark.parametrize("backwards", [False, True])
def test_running_moments_join_cell_by_cell(backwards: bool) -> None:
    """Each segment alone, one join after the other, gives the bits of all segments together; also in parts of them."""
    rng = np.random.default_rng(2)
    values = rng.normal(50, 3, (300, 2))
    values[rng.random(values.shape) < 0.2] = np.nan
    starts = np.array([0, 1, 3, 40, 41, 200])
    cells = pieces(values, np.arange(300.0), np.arange(300), kind=Moments)
    for kept in (cells, pieces(values, np.arange(300.0), np.arange(300), kind=Spreads)):
        found, place = running(kept, starts, backwards=backwards)
        for begin, end in zip(starts, [*starts[1:], 300], strict=True):
            order = list(range(begin, end))[:: -1 if backwards else 1]
            state = cells.part(slice(order[0], order[0] + 1))
            for at in order:
                state = state if at == order[0] else state.joined(cells.part(slice(at, at + 1)))
                for name, array in vars(found).items():
                    np.testing.assert_array_equal(array[place[at]], vars(state)[name][0])


def test_machines_scanned_together_or_one_by_one_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the rows are in no order, and spread needs no moments of time."""
    rng, n = np.random.default_rng(3), 120
    table = pd.DataFrame({"machine_id": np.repeat(["b", "a", "c"], n), "time": np.tile(np.arange(n), 3),
                          "v": np.where(rng.random(3 * n) < 0.1, np.nan, rng.normal(50, 3, 3 * n))})  # fmt: skip
    rows = table.iloc[rng.permutation(3 * n)[:200]]
    tables = Tables(table, rows, *[table.iloc[:0]] * 4)
    found = {}
    for stats in (["mean", "std", "min", "max"], ["mean", "std", "min", "max", "slope"]):
        features = tuple(Feature(f"v_{stat}_{w}", {"slope": "slope"}.get(stat, "trailing"), "v", stat, w, "", "", "v")
                         for w in (5.0, 17.0) for stat in stats)  # fmt: skip
        plan = FeaturePlan("pumps", 1, "cycle", features, (Sensor("v", "bar", "v", "plain"),))
        for at_once in (1, n + 1, 10**6):
            monkeypatch.setattr(trailing, "AT_ONCE", at_once)
            found[len(stats), at_once] = pd.DataFrame(compute_matrix(plan, tables), columns=plan.names)
    names = list(found[4, 1])
    for each in found.values():
        pd.testing.assert_frame_equal(each[names], found[5, 10**6][names], check_exact=True)
    assert found[4, 1].notna().mean().min() > 0.9


@pytest.mark.parametrize("n", [1, 2, 3, 10, 101])
def test_decayed_sums_are_the_recursion(n: int) -> None:
    rng = np.random.default_rng(n)
    terms, decay = rng.normal(size=(n, 2)), rng.random(n) * (rng.random(n) > 0.1)
    state, expected = np.zeros(2), []
    for term, kept in zip(terms, decay, strict=True):
        state = state * kept + term
        expected.append(state)
    np.testing.assert_allclose(decayed_sums(terms, decay), expected, rtol=1e-12, atol=1e-12)
