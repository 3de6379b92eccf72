"""How are numbers, units and lengths of time written for people?"""

from typing import Final

_DAYS: Final = 72.0     # hours from which on days are said


def unit_words(unit: str) -> str:
    """A unit as the crew writes it, with the blank before it; nothing where there is none.

    Examples
    --------
    >>> [unit_words(unit) for unit in ("degC", "m3/h", "%", "none")]
    [' °C', ' m³/h', ' %', '']
    """
    return "" if unit in {"none", "code", "1", ""} else f" {unit.replace('degC', '°C').replace('m3', 'm³')}"


def number(value: float) -> str:
    """Three digits that count, no exponent.

    Examples
    --------
    >>> [number(value) for value in (46.23, -0.01234, 12345.6, 0.0, 1e-9)]
    ['46.2', '-0.0123', '12,346', '0', '0']
    """
    if abs(value) < 1e-6:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):.6f}".rstrip("0").rstrip(".")


def span(ticks: float, *, counts_cycles: bool) -> str:
    """A length of time: hours, from three days on days, or cycles.

    Examples
    --------
    >>> span(5.0, counts_cycles=False), span(300.0, counts_cycles=False), span(1.0, counts_cycles=True)
    ('5 h', '12.5 days', '1 cycle')
    """
    if counts_cycles:
        return f"{number(ticks)} cycle{'' if ticks == 1 else 's'}"
    return f"{number(ticks)} h" if ticks < _DAYS else f"{number(ticks / 24)} days"
