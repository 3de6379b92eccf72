"""Independent rows: which columns separate rows with the label from rows without it? Pairs: `column_pairs`."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from oilcan.core.exploration import column_pairs
from oilcan.core.exploration.fleet_record import FleetRecord


def label_differences(fleet: FleetRecord, positive: np.ndarray) -> list[dict[str, Any]]:
    """Per numeric column, how well it ranks rows with the label above or below the others.

    Parameters
    ----------
    positive
        Whether the label is set, for the readings in order; only training rows may be passed.

    Returns
    -------
    Most telling first: column, area under the ROC curve as distance from one half, which side, and whether it is beyond
    chance (Mann and Whitney's test, controlled over the columns). Of columns with few values also the value whose rows
    all carry the label, if there is one, and how many rows these are.
    """
    found = []
    names = fleet.columns("sensor", "condition")
    for name in names:
        column = fleet.readings[name].to_numpy(dtype=np.float64, na_value=np.nan)
        there = ~np.isnan(column)
        one, other = column[there & positive], column[there & ~positive]
        if len(one) < 5 or len(other) < 5 or np.ptp(column[there]) == 0:
            continue
        test = stats.mannwhitneyu(one, other)
        area = float(test.statistic / (len(one) * len(other)))
        edges = np.quantile(column[there], [0.02, 0.98])
        tail = {
            "low": float((one <= edges[0]).mean() / max((other <= edges[0]).mean(), 1e-9)),
            "high": float((one >= edges[1]).mean() / max((other >= edges[1]).mean(), 1e-9)),
        }
        found.append(
            {
                "column": name,
                "auc": area,
                "side": "high" if area > 0.5 else "low",
                "tail_lift": max(tail.values()),
                "tail": max(tail, key=lambda side: tail[side]),
                "beyond_chance": bool(test.pvalue < 0.05 / len(names)),
            }
            | _pure_value(column[there], positive[there])
        )
    return sorted(found, key=lambda row: -max(abs(row["auc"] - 0.5), 0.05 * np.log(max(row["tail_lift"], 1.0))))


def _pure_value(column: np.ndarray, positive: np.ndarray) -> dict[str, float]:
    """The value whose rows all carry the label, of at most twenty values."""
    values, which = np.unique(column, return_inverse=True)
    rows, labelled = np.bincount(which), np.bincount(which, positive)
    pure = np.where((rows == labelled) & (len(values) <= 20) & (positive.mean() < 0.5), rows, 0)
    return {"pure_rows": int(pure.max()), "pure_value": float(values[pure.argmax()])}


def derived_columns(fleet: FleetRecord, names: list[str], positive: np.ndarray) -> list[dict[str, Any]]:
    """Products, ratios and differences that belong into the contract (`column_pairs`), as plain values.

    Parameters
    ----------
    names
        Columns that are paired, the most telling first.
    positive
        As in `label_differences`.
    """
    values = {name: fleet.readings[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names}
    proposals = column_pairs.propose(values, {name: fleet.describe(name) for name in names}, positive)
    return [asdict(each) | {"line": each.as_line()} for each in proposals]


def shares(positive: pd.Series) -> dict[str, float]:
    """Rows, and the share with the label.

    Examples
    --------
    >>> shares(pd.Series([True, False, False, True]))
    {'rows': 4.0, 'share': 0.5}
    """
    return {"rows": float(len(positive)), "share": float(positive.mean()) if len(positive) else 0.0}
