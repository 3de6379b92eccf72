"""The result of an evaluation: numbers, slices and tables of plots."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from oilcan.core.judging.event_matching import HOURS_PER_MONTH
from oilcan.ground.time_units import in_ticks


@dataclass(frozen=True)
class Evaluation:
    """Results: nested metrics, nested slices, and the tables of `plots`."""

    metrics: dict[str, Any]
    slices: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def false_alarm_rate(unit: str) -> tuple[str, float]:
    """Name of the rate of false alarms, and the ticks it is per: a month of the calendar, or 1000 of what is counted.

    Examples
    --------
    >>> false_alarm_rate("cycles"), false_alarm_rate("hours")
    (('false_alarms_per_1000_cycles', 1000.0), ('false_alarms_per_1000_hours', 1000.0))
    """
    if unit == "h":
        return "false_alarms_per_machine_month", HOURS_PER_MONTH
    return f"false_alarms_per_1000_{unit}", in_ticks(1000.0, unit)


def false_alarm_words(unit: str) -> str:
    """What the rate of false alarms is per, in words.

    Examples
    --------
    >>> false_alarm_words("h"), false_alarm_words("s")
    ('machine and month', '1000 s')
    """
    return "machine and month" if unit == "h" else f"1000 {unit}"
