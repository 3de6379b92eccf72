"""How are numbers, money, shares, units and lengths of time written for people?

The only place that decides it: pages, cards, tables, reasons and verdicts use these functions. Zero is written as
0, and a value that is not zero is never written as 0 unless it is smaller than a millionth.
`words.js` of the crew's page does the same in the browser.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

_DAYS: Final = 72.0             # hours from which on days are used
_SMALL: Final = 1e-6            # written as 0
NOT_MEANINGFUL: Final = 1e15    # beyond it a figure only pushes a table apart


def unit_words(unit: str) -> str:
    """A unit as the crew writes it, with the blank before it; empty where there is no unit.

    Examples
    --------
    >>> [unit_words(unit) for unit in ("degC", "m3/h", "%", "none")]
    [' °C', ' m³/h', ' %', '']
    """
    return "" if unit in {"none", "code", "1", ""} else f" {unit.replace('degC', '°C').replace('m3', 'm³')}"


def number(value: float, digits: int = 3) -> str:
    """A number with `digits` significant digits, thousands separated, without an exponent.

    Digits before the point are never rounded away, and whole numbers are written in full.

    Examples
    --------
    >>> [number(value) for value in (46.23, -0.01234, 12345.6, 0.0, 1e-9, 7, 1e42)]
    ['46.2', '-0.0123', '12,346', '0', '0', '7', 'not meaningful']
    >>> number(0.57911, digits=4), number(0.65, digits=4)
    ('0.5791', '0.65')
    """
    if math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "no limit" if value > 0 else "-no limit"
    if abs(value) >= NOT_MEANINGFUL:
        return "not meaningful"
    if abs(value) < _SMALL:
        return "0"
    before = math.floor(math.log10(abs(value))) + 1
    after = max(digits - before, 0)
    text = f"{value:,.{after}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """A share as a percentage: whole, with more digits near 0 and 100.

    Examples
    --------
    >>> [percent(share) for share in (0.873, 0.004, 0.0, 1.0, 0.9996, -0.02, 1.25)]
    ['87 %', '0.4 %', '0 %', '100 %', '99.96 %', '-2 %', '125 %']
    """
    value = 100.0 * share
    if not abs(value) < NOT_MEANINGFUL:
        return number(value)
    if abs(value) < 5:
        return f"{number(value, 2)} %"
    if 95 < value < 100:
        return f"{number(100.0 - float(f'{100.0 - value:.2g}'), 8)} %"
    return f"{value:,.0f} %"


def money(amount: float) -> str:
    """Money to three digits, for sentences; a table shows `number`.

    Examples
    --------
    >>> money(1234567.0), money(45678.0), money(-12.4), money(0.0), money(0.25)
    ('EUR 1.23 million', 'EUR 45,700', 'EUR -12', 'EUR 0', 'EUR 0.25')
    """
    size = abs(amount)
    if not size < NOT_MEANINGFUL:
        return number(amount)
    if size >= 999_500:
        return f"EUR {number(amount / 1e6)} million"
    if size >= 1e3:
        return f"EUR {round(amount, 3 - len(f'{size:.0f}')):,.0f}"
    return f"EUR {number(amount, 2)}"


def span(length: float, unit: str) -> str:
    """A length of time: hours, from three days on days; cycles; or running time in its own unit, never in days.

    Parameters
    ----------
    unit
        Of `length`: `h`, `cycles`, `s`, `min` or `hours`, as `length_unit` gives it.

    Examples
    --------
    >>> span(5.0, "h"), span(300.0, "h"), span(1.0, "cycles"), span(0.0, "h")
    ('5 h', '12.5 days', '1 cycle', '0 h')
    >>> span(300.0, "hours"), span(90.0, "s")
    ('300 h', '90 s')
    """
    if unit == "cycles":
        text = number(length)
        return f"{text} cycle{'' if text == '1' else 's'}"
    if unit == "h" and abs(length) >= _DAYS:
        return f"{number(length / 24)} days"
    return f"{number(length)} {'h' if unit == 'hours' else unit}"


def between(pair: Sequence[float], form: Callable[[float], str] = number) -> str:
    """An interval, its lower end first.

    Examples
    --------
    >>> between([0.52, 0.65]), between([1.0, 0.94], percent), between([-5.0, 0.0], money)
    ('0.52 to 0.65', '94 % to 100 %', 'EUR -5 to EUR 0')
    """
    return f"{form(min(pair))} to {form(max(pair))}"


def compact(value: float) -> str:
    """A mark of an axis: thousands as k, millions as M.

    Examples
    --------
    >>> [compact(value) for value in (0.0, 0.25, 9000.0, 25000.0, 1.5e6, -2e6, 3e9)]
    ['0', '0.25', '9000', '25 k', '1.5 M', '-2 M', '3 G']
    """
    size = abs(value)
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= scale:
            return f"{value / (1e3 if letter == 'k' else scale):g} {letter}"
    return f"{value:g}" if size >= 1e-4 else number(value)
