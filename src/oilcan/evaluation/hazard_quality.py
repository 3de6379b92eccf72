"""Quality of the forecast of when, at each horizon, on the rows that were observed for that long.

Whether a row counts for a horizon depends on how long it was observed, never on whether it failed. So censored lives
count for the horizons that they survived, and the rows that count fail as often as all rows.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.core.judging import row_metrics
from oilcan.core.model.hazards import PREFIX, outcome
from oilcan.evaluation.fleet_and_forecasts import Forecasts
from oilcan.ground.time_units import in_unit

COLUMNS: Final = ["horizon", "forecast", "observed", "forecast_top", "observed_top", "brier", "ece", "n"]
_TOP: Final = 0.1               # share of the rows, riskiest by the task's own forecast, shown apart


def outlook(forecasts: Forecasts, part: str, task: str, unit: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Numbers by horizon (`24h`, `30cycles`), and what was forecast beside what came, of all rows and of the riskiest.

    Both are empty where the task has no outlook.

    Parameters
    ----------
    forecasts, part
        Rows with `wait_<task>` and `seen_<task>`.
    unit
        In which the horizons are named.
    """
    numbers: dict[str, Any] = {}
    lines = []
    horizons = _horizons(forecasts.predictions.columns, task)
    watched = _numbers(forecasts, part, f"wait_{task}", f"seen_{task}", f"p_{task}") if horizons else {}
    for horizon, suffix in horizons:
        happened = outcome(watched[f"wait_{task}"], watched[f"seen_{task}"], horizon)
        known = ~np.isnan(happened)
        if not known.any():
            continue
        by = f"{PREFIX}{task}_{suffix}"
        target, p = happened[known], _numbers(forecasts, part, by)[by][known]
        own = watched[f"p_{task}"][known]
        top = own >= np.quantile(own, 1.0 - _TOP)
        prevalence = float(target.mean())
        length = in_unit(horizon, unit)
        name = suffix if length == horizon else f"{length:.6g}{unit}"
        numbers[name] = {
            "n": len(p), "prevalence": prevalence,
            "brier": row_metrics.brier(target, p), "ece": row_metrics.ece(target, p),
            "brier_of_prevalence": prevalence * (1.0 - prevalence), "roc_auc": row_metrics.roc_auc(target, p),
            "pr_auc": row_metrics.pr_auc(target, p)}
        lines.append((length, p.mean(), prevalence, p[top].mean(), target[top].mean(), numbers[name]["brier"],
                      numbers[name]["ece"], len(p)))
    return numbers, pd.DataFrame(lines, columns=COLUMNS, dtype="float64")


def _numbers(forecasts: Forecasts, part: str, *names: str) -> dict[str, np.ndarray]:
    frame = forecasts.part(part, names)
    return {name: frame[name].to_numpy(dtype=np.float64) for name in names}


def _horizons(columns: Sequence[str], task: str) -> list[tuple[float, str]]:
    """Ticks and suffix of each horizon, ascending."""
    ending = re.compile(rf"{PREFIX}{re.escape(task)}_(([0-9.e+-]+)(?:h|cycles))")
    found = [match for name in columns if (match := ending.fullmatch(name))]
    return sorted((float(match[2]), match[1]) for match in found)
