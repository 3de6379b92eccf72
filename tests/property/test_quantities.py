"""Laws of every formatter: zero is 0, nothing else is, no exponent, and order is kept."""

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oilcan.core.phrasing import quantities
from oilcan.core.phrasing.quantities import NOT_MEANINGFUL

FORMATTERS = {
    "number": quantities.number, "four digits": lambda value: quantities.number(value, 4),
    "percent": quantities.percent, "money": quantities.money, "compact": quantities.compact,
    "hours": lambda value: quantities.span(value, "h"), "cycles": lambda value: quantities.span(value, "cycles"),
    "between": lambda value: quantities.between([value, value]),
}
finite = st.floats(min_value=-NOT_MEANINGFUL / 200, max_value=NOT_MEANINGFUL / 200, allow_nan=False)


def _read(text: str) -> float:
    """The number that a reader sees."""
    text = text.split(" to ")[0]
    value = float(re.search(r"-?[\d,]*\.?\d+", text)[0].replace(",", ""))
    for word, scale in (("million", 1e6), (" k", 1e3), (" M", 1e6), (" G", 1e9), (" %", 0.01), ("days", 24.0)):
        if word in text:
            value *= scale
    return value


def test_no_formatter_is_left_out():
    public = {name for name, value in vars(quantities).items()
              if inspect.isfunction(value) and value.__module__ == quantities.__name__}
    assert public == {"number", "percent", "money", "compact", "span", "between", "unit_words"}


@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
@pytest.mark.parametrize("form", FORMATTERS.values(), ids=FORMATTERS)
def test_zero_is_written_as_0(form, zero):
    assert re.fullmatch(r"(EUR )?0( to 0|( (%|h|cycles)))?", form(zero)), form(zero)


@pytest.mark.parametrize("form", FORMATTERS.values(), ids=FORMATTERS)
@given(value=finite)
def test_the_reader_sees_about_the_value_and_no_exponent(form, value):
    text = form(value)
    assert "e" not in text.replace("between", "").lower().replace("eur", "").replace("cycle", ""), text
    assert _read(text) == pytest.approx(value, rel=0.06, abs=1e-5)


@pytest.mark.parametrize("form", FORMATTERS.values(), ids=FORMATTERS)
@given(pair=st.tuples(finite, finite))
def test_order_is_kept(form, pair):
    low, high = sorted(pair)
    slack = 1e-9 * max(abs(low), abs(high)) + 2e-6
    assert _read(form(low)) <= _read(form(high)) + slack


@given(share=st.floats(min_value=0.0, max_value=1.0))
def test_only_all_is_100_percent_and_only_none_is_0(share):
    text = quantities.percent(share)
    assert (text == "100 %") == (share > 1 - 1e-9) or share > 1 - 1e-7
    assert (text == "0 %") == (100 * share < 1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e42, -1e42])
@pytest.mark.parametrize("form", [quantities.number, quantities.percent, quantities.money],
                         ids=["number", "percent", "money"])
def test_what_has_no_size_is_words(form, value):
    assert not re.search(r"\d", form(value))
    assert len(form(value)) < 20
