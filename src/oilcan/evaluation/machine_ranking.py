"""Does the forecast pick the right machines? One line per machine: its highest probability, and whether it failed.

A machine's score is the highest p of its test rows with a known outcome; it is positive if a failure was due at any of
them. So a machine that is watched for weeks counts once, as it does in studies of drives by drive.
"""

from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve

from oilcan.core.judging import bootstrap, row_metrics
from oilcan.evaluation.comparisons.baselines import SimpleRule
from oilcan.evaluation.event_rows import EventRows

COLUMNS: Final = ["recall", "precision", "low", "high", "rule", "prevalence"]
_POINTS: Final = 100


def per_machine(rows: EventRows, p: np.ndarray, rule: SimpleRule | None, weights: np.ndarray | None
                ) -> tuple[dict[str, Any], pd.DataFrame]:
    """Ranking of machines, beside the contract's limits where it has some, and the curve of precision by recall.

    Parameters
    ----------
    p
        Forecast of each row, shape (n,).
    rule
        The rule on the same rows.
    weights
        From `bootstrap.multiplicities`, shape (draws, n_machines); None leaves intervals out.
    """
    members = np.unique(rows.code[rows.known])
    target, score = (_highest(rows, values, members) for values in (rows.target, p))
    numbers: dict[str, Any] = {"n": len(members), "positives": int(target.sum()),
                               **_ranked("", members, target, score, weights)}
    flagged = None
    if rule is not None:
        flagged = _highest(rows, (rule.score >= rule.threshold).astype(np.float64), members)
        hits, n_flagged = float((flagged * target).sum()), float(flagged.sum())
        precision, recall, _ = row_metrics.precision_recall_f1(hits, n_flagged - hits, float(target.sum()) - hits)
        numbers |= _ranked("rule_", members, target, flagged, weights)
        numbers |= {"rule_flagged": int(n_flagged), "rule_precision": precision, "rule_recall": recall}
        if recall:
            numbers["precision_at_rule_recall"] = float(_curve(target, score, np.array([recall]))[0])
    return numbers, _table(members, target, score, flagged, weights)


def _highest(rows: EventRows, values: np.ndarray, members: np.ndarray) -> np.ndarray:
    highest = np.full(rows.n_machines, -np.inf)
    np.maximum.at(highest, rows.code[rows.known], values[rows.known])
    return highest[members]


def _ranked(prefix: str, members: np.ndarray, target: np.ndarray, score: np.ndarray, weights: np.ndarray | None
            ) -> dict[str, Any]:
    numbers: dict[str, Any] = {f"{prefix}roc_auc": row_metrics.roc_auc(target, score),
                               f"{prefix}pr_auc": row_metrics.pr_auc(target, score)}
    if weights is not None:
        ranking = bootstrap.Ranking.of(np.arange(len(members)), target, score)
        drawn = np.array([ranking.auc_ap(draw) for draw in weights[:, members]])
        numbers |= {f"{prefix}roc_auc_ci95": bootstrap.interval(drawn[:, 0]),
                    f"{prefix}pr_auc_ci95": bootstrap.interval(drawn[:, 1])}
    return numbers


def _table(members: np.ndarray, target: np.ndarray, score: np.ndarray, flagged: np.ndarray | None,
           weights: np.ndarray | None) -> pd.DataFrame:
    """Precision at each recall; empty where all machines are of one kind."""
    if not 0 < target.sum() < len(target):
        return pd.DataFrame(columns=COLUMNS, dtype="float64")
    recall = np.linspace(1.0, 0.0, _POINTS, endpoint=False)[::-1]
    table = pd.DataFrame({"recall": recall, "precision": _curve(target, score, recall), "low": np.nan, "high": np.nan,
                          "rule": np.nan, "prevalence": target.mean()})
    if weights is not None:
        drawn = np.array([_curve(target, score, recall, draw) for draw in weights[:, members] if draw @ target > 0])
        table["low"], table["high"] = np.percentile(drawn, [2.5, 97.5], axis=0)
    if flagged is not None and flagged.any():
        reached = float(flagged @ target / target.sum())
        table["rule"] = np.where(recall <= reached, flagged @ target / flagged.sum(), np.nan)
    return table


def _curve(target: np.ndarray, score: np.ndarray, recall: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Precision at the highest cut that reaches each recall, of machines counted `weight` times."""
    precision, reached, _ = precision_recall_curve(target, score, sample_weight=weight)
    at = np.searchsorted(reached[::-1], recall - 1e-12, side="left")             # recall rises, cuts fall
    return np.asarray(precision[::-1][np.minimum(at, len(precision) - 1)])
