"""How close does the forecast come to the best one possible, where simulation knows the truth?"""

from typing import Any

import numpy as np

from oilcan.core.judging import row_metrics
from oilcan.evaluation.event_rows import EventRows

ORACLE = "p_true"


def achievable(rows: EventRows, p: np.ndarray, oracle: np.ndarray | None) -> dict[str, Any]:
    """Average precision of the true probability on the same rows, and the share of it that `p` reaches.

    Empty where the truth is not known. The oracle knows wear that no sensor shows, so a share of 1 is out
    of reach.

    Parameters
    ----------
    p, oracle
        Forecast and true probability of each row, (n,); None where it is not known.
    """
    if oracle is None:
        return {}
    kept = rows.known & ~np.isnan(oracle)
    best = row_metrics.pr_auc(rows.target[kept], oracle[kept])
    reached = row_metrics.pr_auc(rows.target[kept], p[kept])
    if not best or reached is None:
        return {}
    ranking = row_metrics.roc_auc(rows.target[kept], oracle[kept])
    return {"pr_auc": best, "share_reached": reached / best, "roc_auc": ranking}
