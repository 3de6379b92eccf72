import numpy as np
import pandas as pd
import pytest

from oilcan.contract import Derived
from oilcan.core.prepare.derived import add_derived
from oilcan.ground.errors import ContractError

TABLE = pd.DataFrame({"a": [1.0, 4.0, np.nan], "b": [2.0, 0.0, 1.0], "on": pd.array([True, False, None], "boolean")})


def derive(**expressions):
    specs = {name: Derived(expression=text, unit="1", description="x") for name, text in expressions.items()}
    return add_derived(TABLE, specs, ["a", "b", "on"])


@pytest.mark.parametrize(("expression", "first"), [
    ("a + b * 2 - 1", 4.0), ("-a ** 2", -1.0), ("max(a, b) / min(a, b)", 2.0), ("sqrt(abs(a - 5))", 2.0),
    ("log(exp(a))", 1.0), ("where(a < b, 10, 20)", 10.0), ("2 * pi * a", 2 * np.pi), ("(a >= 1) + (b != 2)", 1.0),
    ("7", 7.0), ("on * a", 1.0),
])  # fmt: skip
def test_arithmetic_is_that_of_the_row(expression, first):
    assert derive(x=expression)["x"].iloc[0] == pytest.approx(first)


def test_what_is_no_finite_number_is_missing():
    table = derive(ratio="a / b", root="sqrt(a - 2)", big="9 ** 9 ** 9")
    assert table["ratio"].tolist()[:1] == [0.5]
    assert table["ratio"].isna().tolist() == [False, True, True]
    assert table["root"].isna().tolist() == [True, False, True]
    assert table["big"].isna().all()


def test_a_later_column_may_use_an_earlier_one():
    assert derive(x="a + 1", y="x * 2")["y"].iloc[0] == 4.0


@pytest.mark.parametrize(("expression", "message"), [
    ("a + missing", "position 5: no column 'missing' \\(known: a, b, on\\)"),
    ("__import__('os')", "position 1: no function '__import__'"),
    ("a.real", "position 1: 'a.real' is not allowed"),
    ("a[0]", "is not allowed"),
    ("(lambda: a)()", "no function"),
    ("[a for a in b]", "is not allowed"),
    ("a < b < 1", "is not allowed"),
    ("sqrt(a, b)", "sqrt takes 1 values \\(found 2\\)"),
    ("'text'", "position 1: 'text' is not a number"),
    ("a +", "not an expression"),
    ("a if b else 1", "is not allowed"),
])  # fmt: skip
def test_anything_but_arithmetic_on_readings_is_refused(expression, message):
    with pytest.raises(ContractError, match=message):
        derive(x=expression)


def test_all_faults_are_told_at_once():
    with pytest.raises(ContractError, match=r"(?s)derived.x .*no column 'c'.*derived.y .*no column 'd'"):
        derive(x="c", y="d + a")
