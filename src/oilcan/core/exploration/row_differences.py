"""Independent rows: which columns, alone or in pairs, separate rows with the label from rows without it?"""

from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import stats

from oilcan.core.exploration.fleet_record import FleetRecord

PAIRS: Final = ("product", "ratio", "difference")



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


def pair_differences(fleet: FleetRecord, positive: np.ndarray, *, most: int = 8) -> list[dict[str, Any]]:
    """Products, ratios and differences of two columns that separate the labels better than either column alone.

    A pair counts by the tail that holds most rows with the label: their share in the outer 2 % over the share of both
    columns' own tails. Differences are formed of columns with one unit only.
    """
    names = fleet.columns("sensor", "condition")
    values = {name: fleet.readings[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names}
    alone = {name: _tail(column, positive) for name, column in values.items()}
    found = []
    for at, first in enumerate(names):
        for second in names[:at]:
            a, b = values[first], values[second]
            same_unit = fleet.describe(first)[1] == fleet.describe(second)[1]
            for kind in PAIRS:
                if kind == "difference" and not same_unit:
                    continue
                column = {"product": a * b, "difference": a - b, "ratio": a / np.where(b == 0, np.nan, b)}[kind]
                caught = _tail(column, positive)
                best = max(alone[first], alone[second])
                if caught > best + 0.1:
                    found.append({"kind": kind, "first": first, "second": second, "caught": caught, "alone": best})
    return sorted(found, key=lambda row: float(row["alone"]) - float(row["caught"]))[:most]


def _tail(column: np.ndarray, positive: np.ndarray) -> float:
    """Share of the rows with the label that lie in the outer 2 % of the column, the better side."""
    there = ~np.isnan(column)
    total = max(int((positive & there).sum()), 1)
    low, high = np.quantile(column[there], [0.02, 0.98]) if there.any() else (np.nan, np.nan)
    return float(max((positive & (column <= low)).sum(), (positive & (column >= high)).sum()) / total)


def shares(positive: pd.Series) -> dict[str, float]:
    """Rows, and the share with the label.

    Examples
    --------
    >>> shares(pd.Series([True, False, False, True]))
    {'rows': 4.0, 'share': 0.5}
    """
    return {"rows": float(len(positive)), "share": float(positive.mean()) if len(positive) else 0.0}
