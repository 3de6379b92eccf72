import numpy as np
import pytest
import yaml

from oilcan.contract import Derived
from oilcan.core.exploration.column_pairs import LABELLED, propose
from oilcan.core.prepare.derived import compute_derived

DESCRIBED = {"heat": ("Heat of the air", "K"), "warmth": ("Warmth of the process", "K"), "torque": ("Torque", "Nm"),
             "wear": ("Tool wear", "min")}


def milling(seed, n=5000):
    """Two warm columns that move together and hardly, and two wide ones."""
    rng = np.random.default_rng(seed)
    heat = 300 + 2 * rng.normal(size=n)
    return {"heat": heat, "warmth": heat + 10 + rng.normal(size=n), "torque": rng.normal(40, 10, n),
            "wear": rng.uniform(0, 220, n)}, rng


@pytest.mark.parametrize(("expression", "rule"), [
    ("torque * wear", lambda columns: columns["torque"] * columns["wear"] > 10_500),
    ("heat - warmth", lambda columns: columns["warmth"] - columns["heat"] < 8.2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_limit_on_two_columns_is_found_in_its_form_and_its_line_is_one_of_a_contract(expression, rule, seed):
    columns, _ = milling(seed)
    found, *_ = propose(columns, DESCRIBED, rule(columns))
    assert found.expression == expression
    assert found.labelled > found.expected
    derived = {name: Derived(**spec) for name, spec in yaml.safe_load(found.as_line()).items()}
    values = compute_derived(columns, derived, 5000)[found.name]
    assert ((values >= found.low - 0.06) & (values <= found.high + 0.06)).sum() >= found.labelled / 2


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_proposed_where_columns_act_on_their_own(seed):
    """Sharp limits on single columns, and a slope along each: no combination says more."""
    columns, rng = milling(seed)
    alone = np.where((columns["wear"] > 213) | (columns["torque"] > 62), 0.7, 0.01 + 0.0001 * columns["wear"])
    assert propose(columns, DESCRIBED, rng.random(5000) < alone) == []


def test_missing_values_zeros_and_constant_columns_are_taken_as_they_are():
    columns, rng = milling(3)
    positive = columns["torque"] * columns["wear"] > 10_500
    columns["wear"] = np.where(rng.random(5000) < 0.1, np.nan, columns["wear"])
    columns |= {"flat": np.full(5000, 7.0), "empty": np.full(5000, np.nan), "counts": rng.integers(0, 3, 5000) * 1.0}
    described = DESCRIBED | {name: (name, "none") for name in ("flat", "empty", "counts")}
    assert [each.expression for each in propose(columns, described, positive)] == ["torque * wear"]


@pytest.mark.parametrize("labelled", [0, LABELLED - 1])
def test_too_few_labelled_rows_give_no_proposal(labelled):
    columns, _ = milling(0)
    rank = np.argsort(np.argsort(-columns["torque"] * columns["wear"]))
    assert propose(columns, DESCRIBED, rank < labelled) == []
    assert propose(columns, DESCRIBED, rank >= labelled) == []
