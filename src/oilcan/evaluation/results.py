"""What an evaluation gives to those who decide and those who draw."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from oilcan.core.judging.event_matching import HOURS_PER_MONTH


@dataclass(frozen=True)
class Evaluation:
    """Results: nested metrics, nested slices, and the tables of `plots`."""

    metrics: dict[str, Any]
    slices: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def false_alarm_rate(unit: str) -> tuple[str, float]:
    """Name of the rate of false alarms, and the ticks it is per.

    Examples
    --------
    >>> false_alarm_rate("cycles")
    ('false_alarms_per_1000_cycles', 1000.0)
    """
    return ("false_alarms_per_1000_cycles", 1000.0) if unit == "cycles" else (
        "false_alarms_per_machine_month", HOURS_PER_MONTH)
